"""Settings are compared as whole values, and a wrong one is explained in one line."""

from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from loyalty_service.config import Config
from runtime.proxy import HttpProxy
from runtime.settings import ConfigError, Listen

ONE, OTHER = Fernet.generate_key().decode(), Fernet.generate_key().decode()
LEAST = {"LOYALTY_DATABASE_URL": "sqlite:///loyalty.db", "LOYALTY_SECRET_KEYS": ONE}


def test_config_with_only_required_settings_has_defaults() -> None:
    assert Config.from_env(LEAST) == Config(
        listen=Listen("127.0.0.1", 50051),
        database_url="sqlite:///loyalty.db",
        snapshots_url="memory://",
        secret_keys=(ONE,),
        api_key=None,
        hold_time_s=900.0,
        stale_if_error_s=86_400.0,
        snapshots_capacity=10_000,
        read_timeout_s=1.6,
        award_answer_s=2.5,
        award_timeout_s=10.0,
        award_repeat_window_s=600.0,
        reversal_window_s=1800.0,
        metrics_listen=None,
        replicas=1,
        log_level="info",
    )


def test_config_takes_every_setting() -> None:
    environ = {
        "LOYALTY_LISTEN": "[::]:1",
        "LOYALTY_DATABASE_URL": "postgresql://user:password@host/name",
        "LOYALTY_SNAPSHOTS_URL": "redis://host",
        "LOYALTY_SECRET_KEYS": f"{ONE}, {OTHER}",
        "LOYALTY_API_KEY": "key",
        "LOYALTY_HOLD_TIME_S": "1",
        "LOYALTY_STALE_IF_ERROR_S": "2",
        "LOYALTY_SNAPSHOTS_CAPACITY": "3",
        "LOYALTY_READ_TIMEOUT_S": "0.4",
        "LOYALTY_AWARD_ANSWER_S": "0.5",
        "LOYALTY_AWARD_TIMEOUT_S": "0.6",
        "LOYALTY_AWARD_REPEAT_WINDOW_S": "7",
        "LOYALTY_REVERSAL_WINDOW_S": "8",
        "LOYALTY_METRICS_LISTEN": "10.0.0.1:9091",
        "LOYALTY_REPLICAS": "4",
        "LOYALTY_HTTP_PROXY": "http://proxy:3128",
        "LOYALTY_LOG_LEVEL": "DEBUG",
        "PATH": "/bin",
    }

    assert Config.from_env(environ) == Config(
        listen=Listen("::", 1),
        database_url="postgresql://user:password@host/name",
        snapshots_url="redis://host",
        secret_keys=(ONE, OTHER),
        api_key="key",
        hold_time_s=1.0,
        stale_if_error_s=2.0,
        snapshots_capacity=3,
        read_timeout_s=0.4,
        award_answer_s=0.5,
        award_timeout_s=0.6,
        award_repeat_window_s=7.0,
        reversal_window_s=8.0,
        metrics_listen=Listen("10.0.0.1", 9091),
        replicas=4,
        http_proxy=HttpProxy("http://proxy:3128"),
        log_level="debug",
    )


@pytest.mark.parametrize(
    "name", ["LOYALTY_DATABASE_URL", "LOYALTY_SECRET_KEYS", "LOYALTY_API_KEY", "LOYALTY_SNAPSHOTS_URL"]
)
def test_secret_may_come_from_a_file(tmp_path: Path, name: str) -> None:
    direct = LEAST | {"LOYALTY_API_KEY": "key", "LOYALTY_SNAPSHOTS_URL": "redis://:password@host"}
    (tmp_path / "secret").write_text(f"{direct[name]}\n", encoding="utf-8")
    from_file = direct | {f"{name}_FILE": str(tmp_path / "secret")}
    del from_file[name]

    assert Config.from_env(from_file) == Config.from_env(direct)


@pytest.mark.parametrize(
    "url", ["memory://", "redis://host", "rediss://user:password@host:6380/1", "unix:///run/valkey.sock?db=2"]
)
def test_store_of_snapshots_may_be_on_a_server(url: str) -> None:
    assert Config.from_env(LEAST | {"LOYALTY_SNAPSHOTS_URL": url}).snapshots_url == url


@pytest.mark.parametrize("name", ["LOYALTY_DATABASE_URL", "LOYALTY_SECRET_KEYS"])
def test_missing_setting_is_named(name: str) -> None:
    with pytest.raises(ConfigError, match=rf"^{name} is not set: set it, or {name}_FILE"):
        Config.from_env({key: value for key, value in LEAST.items() if key != name})


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"LOYALTY_LISTEN": "50051"}, "LOYALTY_LISTEN"),
        ({"LOYALTY_LISTEN": "127.0.0.1:99999"}, "LOYALTY_LISTEN"),
        ({"LOYALTY_LISTEN": "0.0.0.0:50051"}, "LOYALTY_API_KEY"),
        ({"LOYALTY_LISTEN": "[::]:50051"}, "LOYALTY_API_KEY"),
        ({"LOYALTY_LISTEN": "loyalty:50051"}, "LOYALTY_API_KEY"),
        ({"LOYALTY_SECRET_KEYS": "secret-nonsense"}, "LOYALTY_SECRET_KEYS"),
        ({"LOYALTY_SECRET_KEYS": f"{ONE},secret-nonsense"}, "LOYALTY_SECRET_KEYS has a key 2"),
        ({"LOYALTY_SECRET_KEYS": " , "}, "LOYALTY_SECRET_KEYS"),
        ({"LOYALTY_SECRET_KEYS_FILE": "/dev/null"}, "LOYALTY_SECRET_KEYS_FILE"),
        ({"LOYALTY_API_KEY_FILE": "/nowhere/at/all"}, "LOYALTY_API_KEY_FILE"),
        ({"LOYALTY_API_KEY_FILE": "/dev/null"}, "LOYALTY_API_KEY_FILE"),
        ({"LOYALTY_API_KEY": "secret with spaces"}, "LOYALTY_API_KEY"),
        ({"LOYALTY_SNAPSHOTS_URL": "carrier-pigeon://:secret@loft"}, "LOYALTY_SNAPSHOTS_URL"),
        ({"LOYALTY_SNAPSHOTS_URL": "memory://secret"}, "LOYALTY_SNAPSHOTS_URL"),
        ({"LOYALTY_SNAPSHOTS_URL": "localhost:6379"}, "LOYALTY_SNAPSHOTS_URL"),
        ({"LOYALTY_SNAPSHOTS_URL_FILE": "/dev/null"}, "LOYALTY_SNAPSHOTS_URL_FILE"),
        ({"LOYALTY_HOLD_TIME_S": "15 min"}, "LOYALTY_HOLD_TIME_S"),
        ({"LOYALTY_READ_TIMEOUT_S": "nan"}, "LOYALTY_READ_TIMEOUT_S"),
        ({"LOYALTY_AWARD_TIMEOUT_S": "-1"}, "LOYALTY_AWARD_TIMEOUT_S"),
        ({"LOYALTY_REVERSAL_WINDOW_S": "half an hour"}, "LOYALTY_REVERSAL_WINDOW_S"),
        ({"LOYALTY_METRICS_LISTEN": "9091"}, "LOYALTY_METRICS_LISTEN"),
        ({"LOYALTY_SNAPSHOTS_CAPACITY": "1.5"}, "LOYALTY_SNAPSHOTS_CAPACITY must be a whole number from 1 to 10000000"),
        ({"LOYALTY_REPLICAS": "0"}, "LOYALTY_REPLICAS"),
        ({"LOYALTY_REPLICAS": "1.5"}, "LOYALTY_REPLICAS"),
        ({"LOYALTY_REPLICAS": "26"}, "LOYALTY_REPLICAS"),  # a share would be 1 request, and a member needs 2
        ({"LOYALTY_LOG_LEVEL": "loud"}, "LOYALTY_LOG_LEVEL"),
    ],
)
def test_bad_setting_is_one_line_that_names_it_and_no_secret(changes: dict[str, str], named: str) -> None:
    with pytest.raises(ConfigError, match=named) as caught:
        Config.from_env(LEAST | changes)

    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value)
    assert ONE not in str(caught.value)


def test_config_shows_no_secret() -> None:
    config = Config.from_env(
        LEAST
        | {
            "LOYALTY_DATABASE_URL": "postgresql://u:password@h/n",
            "LOYALTY_API_KEY": "key-of-a-caller",
            "LOYALTY_SNAPSHOTS_URL": "redis://:password@h",
        }
    )

    for secret in (ONE, "password", "key-of-a-caller"):
        assert secret not in repr(config)

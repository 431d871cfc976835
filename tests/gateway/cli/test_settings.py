from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from gateway.cli.settings import load_config
from runtime.settings import ConfigError

KEY = Fernet.generate_key().decode()
MADE_BY_RUN = f"""
# written by the launcher
LOYALTY_LISTEN=127.0.0.1:50051
GATEWAY_DATABASE_URL=sqlite:////var/gateway.db
GATEWAY_SECRET_KEYS={KEY}
GATEWAY_LOYALTY_KEY=a=b
GATEWAY_LOYALTY_TARGET='dns:///inner host:1'  # as a shell reads it
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "settings.env").write_text(MADE_BY_RUN, encoding="utf-8")
    return tmp_path


def test_settings_come_from_var_if_the_environment_has_none(project: Path) -> None:
    config = load_config({"PATH": "/bin", "LOYALTY_API_KEY": "x"}, project)
    assert (config.database_url, config.secret_keys) == ("sqlite:////var/gateway.db", (KEY,))
    assert (config.loyalty_key, config.loyalty_target) == ("a=b", "dns:///inner host:1")


def test_settings_are_never_mixed(project: Path) -> None:
    """If one setting is in the environment, all must be there."""
    with pytest.raises(ConfigError, match="GATEWAY_DATABASE_URL"):
        load_config({"GATEWAY_LOYALTY_KEY": "x"}, project)


def test_missing_settings_are_named_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="make run") as caught:
        load_config({}, tmp_path)
    assert "\n" not in str(caught.value)
    assert "GATEWAY_DATABASE_URL" in str(caught.value)

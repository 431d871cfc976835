"""`python -m gateway` as an operator starts and stops it."""

import asyncio
import json
import signal
import socket
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import aiohttp
import pytest
from cryptography.fernet import Fernet

from gateway.config import Config
from runtime.proxy import parse_proxy_url
from runtime.settings import ConfigError, Listen
from tests.forked import Forked, run_forked

KEY = Fernet.generate_key().decode()


def make_settings(folder: Path, **settings: str) -> dict[str, str]:
    return {
        "GATEWAY_LISTEN": "127.0.0.1:0",
        "GATEWAY_DATABASE_URL": f"sqlite:///{folder / 'new.db'}",
        "GATEWAY_SECRET_KEYS": KEY,
        **settings,
    }


def run_process(settings: Mapping[str, str]) -> AbstractAsyncContextManager[Forked]:
    return run_forked("gateway.__main__:main", env=settings)


async def read_address(process: Forked) -> str:
    while True:
        line = json.loads(await process.stderr.readline())
        if line["event"] == "listening":
            return f"http://{line['listen']}"


async def test_process_is_ready_on_its_own_and_ends_on_sigterm(tmp_path: Path) -> None:
    """The database is empty; there are no shop and no loyalty service."""
    async with run_process(make_settings(tmp_path)) as process, aiohttp.ClientSession() as session:
        url = await read_address(process)
        async with session.get(f"{url}/readyz") as response:
            assert response.status == 200
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0


NOT_HTTP = (
    b"GET /gorgias/widget?email=jana@example.com&token=tg_secret HTTP/1.1\nHost: x\n\n\r\n\r\n",
    b"PURR /gorgias/widget?email=jana@example.com&token=tg_secret HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.1\r\nAuthorization: Bearer tg_secret\x00jana@example.com\r\n\r\n",
    b"GET / HTTP/1.1\r\nAuthorization: Bearer tg_secret jana" + b"x" * 70_000 + b"\r\n\r\n",
    b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\njana tg_secret\r\n",
)


async def test_process_quotes_nothing_of_bytes_that_are_not_http(tmp_path: Path, subtests: pytest.Subtests) -> None:
    """Neither the answer nor the log quotes them: they may hold a credential and a person's e-mail."""
    async with run_process(make_settings(tmp_path)) as process:
        host, port = (await read_address(process)).removeprefix("http://").split(":")
        for sent in NOT_HTTP:
            with subtests.test(sent=sent[:80]):
                reader, writer = await asyncio.open_connection(host, int(port))
                writer.write(sent)
                answer = (await reader.read()).decode()
                writer.close()
                assert answer.split(" ")[1] == "400"
                assert json.loads(answer.partition("\r\n\r\n")[2])["reason"] == "BAD_VALUE"
                lines: list[str] = []
                async with asyncio.timeout(60):
                    while not lines or json.loads(lines[-1])["event"] != "request_unreadable":
                        lines.append((await process.stderr.readline()).decode())
                for secret in ("tg_secret", "jana"):
                    assert secret not in answer + "".join(lines)
        process.terminate()
        _, errors = await process.communicate()
    for secret in ("tg_secret", "jana"):
        assert secret not in errors.decode()


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"GATEWAY_SECRET_KEYS": "too-short"}, "GATEWAY_SECRET_KEYS"),
        ({"GATEWAY_DATABASE_URL": "sqlite:////proc/nowhere/x.db"}, "GATEWAY_DATABASE_URL"),
    ],
)
async def test_process_refuses_a_bad_setting_in_one_line(tmp_path: Path, settings: dict[str, str], named: str) -> None:
    async with run_process(make_settings(tmp_path, **settings)) as process:
        _, errors = await process.communicate()
        assert process.returncode == 2
        assert errors.decode().count("\n") == 1
        assert named in errors.decode()
        assert "too-short" not in errors.decode()


async def test_process_names_a_taken_port(tmp_path: Path, new_sqlite_url: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        settings = make_settings(tmp_path, GATEWAY_LISTEN=listen, GATEWAY_DATABASE_URL=new_sqlite_url)
        async with run_process(settings) as process:
            _, errors = await process.communicate()
    assert process.returncode == 2
    assert errors.decode().startswith("gateway: GATEWAY_LISTEN: cannot listen on 127.0.0.1:")
    assert errors.decode().count("\n") == 1


async def test_process_refuses_keys_that_do_not_fit_its_database(folder: Path) -> None:
    """The process refuses them before it takes a request, or encrypts anything else with them."""
    installed = f"sqlite:///{folder / 'gateway.db'}"
    async with run_process(make_settings(folder, GATEWAY_DATABASE_URL=installed)) as process:
        _, errors = await process.communicate()
    assert process.returncode == 2
    assert errors.decode().startswith("gateway: GATEWAY_SECRET_KEYS lacks the key")
    assert errors.decode().count("\n") == 1


def test_config_defaults() -> None:
    config = Config.from_env({"GATEWAY_DATABASE_URL": "sqlite:///x.db", "GATEWAY_SECRET_KEYS": f"{KEY}, {KEY}"})
    assert config == Config(database_url="sqlite:///x.db", secret_keys=(KEY, KEY))


def test_config_everything_set(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("inner\n")
    (tmp_path / "proxy").write_text("http://clerk:s3cret@proxy:3128\n")
    config = Config.from_env(
        {
            "GATEWAY_LISTEN": "[::1]:81",
            "GATEWAY_DATABASE_URL": "postgresql://u:p@db/x",
            "GATEWAY_LOYALTY_TARGET": "dns:///loyalty:50051",
            "GATEWAY_LOYALTY_KEY_FILE": str(tmp_path / "key"),
            "GATEWAY_PUBLIC_URL": "https://edge.example/",
            "GATEWAY_SECRET_KEYS": KEY,
            "GATEWAY_WIDGET_TIMEOUT_S": "1.5",
            "GATEWAY_READ_TIMEOUT_S": "1.2",
            "GATEWAY_ACTION_TIMEOUT_S": "3",
            "GATEWAY_MAX_STALENESS_S": "0.5",
            "GATEWAY_AWARD_TOKEN_LIFE_S": "60",
            "GATEWAY_ACTIONS_PER_MINUTE": "7",
            "GATEWAY_GORGIAS_REQUESTS": "40",
            "GATEWAY_HTTP_PROXY_FILE": str(tmp_path / "proxy"),
            "GATEWAY_REFUSAL_STATUS": "200",
            "GATEWAY_LOG_LEVEL": "debug",
        }
    )
    assert config == Config(
        listen=Listen("::1", 81),
        database_url="postgresql://u:p@db/x",
        loyalty_target="dns:///loyalty:50051",
        loyalty_key="inner",
        public_url="https://edge.example",
        secret_keys=(KEY,),
        widget_timeout_s=1.5,
        read_timeout_s=1.2,
        action_timeout_s=3.0,
        max_staleness_s=0.5,
        award_token_life_s=60.0,
        actions_per_minute=7,
        gorgias_requests=40,
        http_proxy=parse_proxy_url("http://clerk:s3cret@proxy:3128"),
        refusal_status="200",
        log_level="debug",
    )
    assert KEY not in repr(config)
    assert "inner" not in repr(config)
    assert "s3cret" not in repr(config)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GATEWAY_WIDGET_TIMEOUT_S", "0"),
        ("GATEWAY_WIDGET_TIMEOUT_S", "soon"),
        ("GATEWAY_WIDGET_TIMEOUT_S", "inf"),
        ("GATEWAY_ACTIONS_PER_MINUTE", "-1"),
        ("GATEWAY_GORGIAS_REQUESTS", "0"),
        ("GATEWAY_REFUSAL_STATUS", "418"),
        ("GATEWAY_LISTEN", "127.0.0.1:99999"),
        ("GATEWAY_LISTEN", "nonsense"),
        ("GATEWAY_PUBLIC_URL", "ftp://edge"),
        ("GATEWAY_PUBLIC_URL", "https://edge.example/{{ticket.customer.email}}"),
        ("GATEWAY_PUBLIC_URL", "https://[::1"),
        ("GATEWAY_PUBLIC_URL", "https://edge.example:99999"),
        ("GATEWAY_PUBLIC_URL", "https://edge.example/a b"),
        ("GATEWAY_PUBLIC_URL", "https://\udcff.example"),
        ("GATEWAY_PUBLIC_URL", "https://bücher.example"),
        ("GATEWAY_SECRET_KEYS", ""),
        ("GATEWAY_LOYALTY_KEY_FILE", "/nowhere/key"),
        ("GATEWAY_LOYALTY_KEY", "schlüssel"),
        ("GATEWAY_LOYALTY_KEY", "two words"),
        ("GATEWAY_HTTP_PROXY", "proxy:3128"),
    ],
)
def test_config_names_the_wrong_setting(name: str, value: str) -> None:
    settings = {"GATEWAY_DATABASE_URL": "sqlite:///x.db", "GATEWAY_SECRET_KEYS": KEY, name: value}
    with pytest.raises(ConfigError, match=name):
        Config.from_env(settings)

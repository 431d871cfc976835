"""`python -m sandbox`: start, stop, and what a restart keeps."""

import asyncio
import re
import signal
import socket
import stat
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import aiohttp
import msgspec
import pytest

from sandbox.app import create_app
from sandbox.config import Config, ConfigError
from tests.forked import Forked, run_forked
from tests.gateway.waiting import wait_until
from tests.sandbox.gorgias.helpdesk import AUTH

INTEGRATION = {
    "name": "Edge",
    "type": "http",
    "http": {
        "url": "http://127.0.0.1:1/",
        "method": "GET",
        "request_content_type": "application/json",
        "response_content_type": "application/json",
    },
}
# Shorter than the wait for an open page, which would take a minute.
STOP_S = 20.0


def start(**settings: str) -> AbstractAsyncContextManager[Forked]:
    return run_forked("sandbox.__main__:main", env={"SANDBOX_LISTEN": "127.0.0.1:0"} | settings)


@asynccontextmanager
async def run(stop: signal.Signals = signal.SIGTERM, **settings: str) -> AsyncIterator[aiohttp.ClientSession]:
    """Run a sandbox. At the end it must stop in time, with code 0."""
    async with start(**settings) as process:
        line = (await process.stderr.readline()).decode()
        address = re.search(r"http://\S+", line)
        assert address, line
        async with aiohttp.ClientSession(address[0]) as session:
            yield session
            process.send_signal(stop)
            assert await asyncio.wait_for(process.wait(), STOP_S) == 0
            assert await process.stderr.read() == b""


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
async def test_sandbox_stops_in_time_although_a_page_is_open(stop: signal.Signals) -> None:
    async with run(stop) as session:
        assert (await session.get("/healthz")).status == 200
        await session.get("/sandbox/gorgias/acme/updates")


async def test_restart_keeps_tickets_integrations_switches_and_members(tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    async with run(SANDBOX_STATE_FILE=str(file)) as session:
        await session.post("/gorgias/acme/api/integrations", json=INTEGRATION, headers=AUTH)
        await session.post("/sandbox/gorgias/acme/tickets/4711/events", json={"event": "add-tag", "value": "kept"})
        await session.put("/sandbox/gorgias/bloom/switches", json={"retries": 0})
        [jana] = await (await session.get("/sandbox/trifft/acme/members?q=jana")).json()
        await session.patch(f"/sandbox/trifft/acme/members/{jana['id']}", json={"points": 77})
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    async with run(SANDBOX_STATE_FILE=str(file)) as session:
        page = await (await session.get("/gorgias/acme/api/integrations?type=http", headers=AUTH)).json()
        ticket = await (await session.get("/sandbox/gorgias/acme/tickets/4711")).json()
        switches = await (await session.get("/sandbox/gorgias/bloom/switches")).json()
        [jana] = await (await session.get("/sandbox/trifft/acme/members?q=jana")).json()
    assert [item["name"] for item in page["data"]] == ["Edge"]
    assert (ticket["tags"], switches["retries"], jana["points"]) == (["delivery", "kept"], 0, 77)


async def test_change_is_written_while_the_sandbox_runs(tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    async with run(SANDBOX_STATE_FILE=str(file)) as session:
        await session.post("/sandbox/gorgias/acme/tickets/4711/events", json={"event": "add-tag", "value": "kept"})

        async def is_there() -> bool:
            return file.exists()

        await wait_until(is_there)
        assert b'"kept"' in file.read_bytes()
    assert [path.name for path in tmp_path.glob("*")] == ["state.json"]  # noqa: ASYNC240 - a test may block


async def test_taken_port_is_one_line_that_names_the_setting() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        async with start(SANDBOX_LISTEN=f"127.0.0.1:{taken.getsockname()[1]}") as process:
            _, errors = await process.communicate()
    assert process.returncode == 2
    assert errors.decode().splitlines()[0].startswith("SANDBOX_LISTEN: cannot listen on 127.0.0.1:")
    assert errors.count(b"\n") == 1


async def test_unusable_state_file_is_one_line_that_names_the_setting(tmp_path: Path) -> None:
    async with start(SANDBOX_STATE_FILE=str(tmp_path / "no-folder" / "state.json")) as process:
        _, errors = await process.communicate()
    assert process.returncode == 2
    assert errors.startswith(b"SANDBOX_STATE_FILE: ")
    assert errors.count(b"\n") == 1


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"gorgias": 5}', b'{"trifft": 5}', b"\xff"])
async def test_state_file_of_another_shape_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "state.json"
    file.write_bytes(content)
    with pytest.raises(msgspec.DecodeError):
        create_app(Config(host="127.0.0.1", port=0, state_file=file))


def test_config_is_read_from_the_environment() -> None:
    assert Config.from_env({}) == Config(host="127.0.0.1", port=8090, state_file=None)
    given = {"SANDBOX_LISTEN": "[::1]:9000", "SANDBOX_STATE_FILE": "var/sandbox.json"}
    assert Config.from_env(given) == Config(host="::1", port=9000, state_file=Path("var/sandbox.json"))


@pytest.mark.parametrize("listen", ["8090", ":8090", "host:", "host:x", "host:70000", "host:-1", "host:²"])
def test_bad_address_names_the_setting(listen: str) -> None:
    with pytest.raises(ConfigError, match="SANDBOX_LISTEN"):
        Config.from_env({"SANDBOX_LISTEN": listen})

"""The gateway before the stand-in of Gorgias and a scripted loyalty service, all on real ports."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest_asyncio

from tests.gateway.edge.running import Gateway, run_gateway
from tests.gateway.edge.scripted import ScriptedLoyalty
from tests.gateway.helpdesk import Helpdesk
from tests.gateway.widget.test_view import make_snapshot

# Generous time-outs: a busy machine must not look like a Gorgias that does not answer.
PATIENCE_S = 60.0


@pytest_asyncio.fixture(loop_scope="session")
async def scripted() -> ScriptedLoyalty:
    scripted = ScriptedLoyalty()
    scripted.snapshot = make_snapshot()
    return scripted


@pytest_asyncio.fixture(loop_scope="session")
async def loyalty_target(scripted: ScriptedLoyalty) -> AsyncIterator[str]:
    server = grpc.aio.server(options=(("grpc.so_reuseport", 0),))
    scripted.add_to_server(server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield f"127.0.0.1:{port}"
    await server.stop(None)


@pytest_asyncio.fixture(loop_scope="session")
async def gateway(
    tmp_path: Path, installed_file: Path, loyalty_target: str, helpdesk: Helpdesk
) -> AsyncIterator[Gateway]:
    """A gateway with generous time-outs, whose account has no rate limit."""
    helpdesk.make_room()
    shutil.copy(installed_file, tmp_path / "gateway.db")
    async with run_gateway(
        tmp_path,
        loyalty_target,
        gorgias=helpdesk.make_target(),
        gorgias_requests=1_000_000,
        widget_timeout_s=PATIENCE_S,
        read_timeout_s=PATIENCE_S,
    ) as running:
        yield running

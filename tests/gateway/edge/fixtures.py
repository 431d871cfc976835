"""The gateway before a scripted loyalty service, both on real ports."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest

from tests.gateway.edge.running import Gateway, run_gateway
from tests.gateway.edge.scripted import ScriptedLoyalty

PATIENCE_S = 20.0


@pytest.fixture(autouse=True)
def installed(tmp_path: Path, installed_file: Path) -> None:
    """`run_gateway` finds its database there."""
    shutil.copy(installed_file, tmp_path / "gateway.db")


@pytest.fixture(autouse=True)
def patience(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine is no Gorgias that does not say; one that hangs is not waited for long."""
    monkeypatch.setattr("gateway.app._MERCHANT_TIMEOUT_S", PATIENCE_S)
    patience_s = 0.2 if "hang" in request.node.name else PATIENCE_S
    monkeypatch.setattr("gateway.installation.accounts.LOOKUP_TIMEOUT_S", patience_s)


@pytest.fixture
async def loyalty() -> AsyncIterator[tuple[ScriptedLoyalty, str, grpc.aio.Server]]:
    scripted = ScriptedLoyalty()
    server = grpc.aio.server(options=(("grpc.so_reuseport", 0),))
    scripted.add_to_server(server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield scripted, f"127.0.0.1:{port}", server
    await server.stop(None)


@pytest.fixture
async def gateway(tmp_path: Path, loyalty: tuple[ScriptedLoyalty, str, grpc.aio.Server]) -> AsyncIterator[Gateway]:
    async with run_gateway(tmp_path, loyalty[1], gorgias_requests=1_000_000) as running:
        yield running


@pytest.fixture
def scripted(loyalty: tuple[ScriptedLoyalty, str, grpc.aio.Server]) -> ScriptedLoyalty:
    return loyalty[0]

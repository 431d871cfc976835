"""The gateway before a scripted loyalty service, both on real ports.

One gateway is shared by all tests; a test may also have its own.
"""

import re
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest
import pytest_asyncio

from tests.gateway.edge.running import Gateway, run_gateway
from tests.gateway.edge.scripted import ScriptedLoyalty
from tests.gateway.edge.shared import Edge, Shop, run_edge
from tests.gateway.helpdesk import Helpdesk

__all__ = [
    "edge",
    "folder",
    "gateway",
    "helpdesk",
    "loyalty",
    "own_gateway",
    "patience",
    "scripted",
    "shop",
]


@pytest.fixture(autouse=True)
def patience(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A test with the word "hang" or "hangs" in its name waits only briefly for Gorgias."""
    if re.search(r"(?<![a-z])hangs?(?![a-z])", request.node.name):
        monkeypatch.setattr("gateway.installation.accounts.LOOKUP_TIMEOUT_S", 0.2)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def edge(migrated_file: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Edge]:
    path = shutil.copy(migrated_file, tmp_path_factory.mktemp("edge") / "gateway.db")
    async with run_edge(Path(path)) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def shop(edge: Edge) -> AsyncIterator[Shop]:
    """A shop for one test, on the shared gateway."""
    async with edge.open_shop() as opened:
        yield opened


@pytest.fixture
def gateway(shop: Shop) -> Gateway:
    return shop.gateway


@pytest.fixture
def scripted(shop: Shop) -> ScriptedLoyalty:
    return shop.scripted


@pytest.fixture
def helpdesk(shop: Shop) -> Helpdesk:
    return shop.helpdesk


@pytest.fixture
def folder(tmp_path: Path, installed_file: Path) -> Path:
    """A folder with a database for `run_gateway`."""
    shutil.copy(installed_file, tmp_path / "gateway.db")
    return tmp_path


@pytest_asyncio.fixture(loop_scope="session")
async def loyalty() -> AsyncIterator[tuple[ScriptedLoyalty, str, grpc.aio.Server]]:
    """A loyalty service for one test."""
    scripted = ScriptedLoyalty()
    server = grpc.aio.server(options=(("grpc.so_reuseport", 0),))
    scripted.add_to_server(server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield scripted, f"127.0.0.1:{port}", server
    await server.stop(None)


@pytest_asyncio.fixture(loop_scope="session")
async def own_gateway(folder: Path, loyalty: tuple[ScriptedLoyalty, str, grpc.aio.Server]) -> AsyncIterator[Gateway]:
    """A gateway for one test, before its own loyalty service."""
    async with run_gateway(folder, loyalty[1], gorgias_requests=1_000_000) as running:
        yield running

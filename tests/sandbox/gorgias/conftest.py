"""A sandbox on a free port, with a clock that stands still. All tests share it, and each gets it as new."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from sandbox.app import ACCOUNTS, create_app
from sandbox.config import Config
from sandbox.gorgias.seed import make_accounts
from tests.sandbox.gorgias.helpdesk import Clock, Edge, Helpdesk

Client = TestClient[web.Request, web.Application]


def pytest_itemcollected(item: pytest.Item) -> None:
    """Tests run in the event loop of the session, as the sandbox does."""
    if pytest_asyncio.is_async_test(item):
        item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest_asyncio.fixture(loop_scope="session")
async def edge() -> AsyncIterator[Edge]:
    edge, app = Edge(), web.Application()
    app.router.add_route("*", "/{path:.*}", edge.handle)
    async with TestServer(app) as server:
        edge.url = str(server.make_url("")).rstrip("/")
        yield edge
        edge.hold.set()


@asynccontextmanager
async def run_sandbox() -> AsyncIterator[Client]:
    app = create_app(Config(host="127.0.0.1", port=0), retry_delay_s=0)
    async with TestClient(TestServer(app)) as client:
        yield client


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def client() -> AsyncIterator[Client]:
    async with run_sandbox() as running:
        yield running


@pytest.fixture
def helpdesk(client: Client, clock: Clock, edge: Edge) -> Helpdesk:
    accounts = client.app[ACCOUNTS]
    for account in accounts.values():
        account.faults.clear()  # this releases calls that hang
        account.updates.close()
    accounts.update(make_accounts(None, clock, lambda: None))
    return Helpdesk(client, edge)


@pytest_asyncio.fixture(loop_scope="session")
async def own_helpdesk(edge: Edge) -> AsyncIterator[Helpdesk]:
    """A helpdesk for one test."""
    async with run_sandbox() as client:
        yield Helpdesk(client, edge)

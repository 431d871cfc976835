"""A sandbox on a port of its own, with a clock that stands still."""

from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from sandbox.app import create_app
from sandbox.config import Config
from tests.sandbox.gorgias.helpdesk import Clock, Edge, Helpdesk


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def edge() -> AsyncIterator[Edge]:
    edge, app = Edge(), web.Application()
    app.router.add_route("*", "/{path:.*}", edge.handle)
    async with TestServer(app) as server:
        edge.url = str(server.make_url("")).rstrip("/")
        yield edge
        edge.hold.set()


@pytest.fixture
async def helpdesk(clock: Clock, edge: Edge) -> AsyncIterator[Helpdesk]:
    app = create_app(Config(host="127.0.0.1", port=0), clock, retry_delay_s=0)
    async with TestClient(TestServer(app)) as client:
        yield Helpdesk(client, edge)

"""One running stand-in for all tests, each of which finds a new project there."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from decimal import Decimal
from types import SimpleNamespace

import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from sandbox.trifft import Coupon, Member, Project, Trifft, create_trifft_app, make_project

Client = TestClient[web.Request, web.Application]
Running = tuple[Trifft, Client, SimpleNamespace]


def pytest_itemcollected(item: pytest.Item) -> None:
    """Tests run in the event loop of the session, as the stand-in does."""
    if pytest_asyncio.is_async_test(item):
        item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest.fixture(autouse=True)
def attention(monkeypatch: pytest.MonkeyPatch) -> None:
    """The stand-in notices at once when a held call is released."""
    monkeypatch.setattr("sandbox.connection._POLL_S", 0.01)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def running() -> AsyncIterator[Running]:
    clock = SimpleNamespace()
    trifft = Trifft([], clock=lambda: float(clock.now))
    async with TestClient(TestServer(create_trifft_app(trifft))) as client:
        yield trifft, client, clock


@pytest.fixture
def clock(running: Running) -> SimpleNamespace:
    """A clock in UNIX seconds that only the test moves."""
    clock = running[2]
    clock.now = 1795000000.0
    return clock


@pytest.fixture
def jana() -> Member:
    return Member(
        email="Jana@Example.com",
        phone="+421900000000",
        support_id="JN-4821",
        first_name="Jana",
        last_name="Nováková",
        points=Decimal(1240),
    )


@pytest.fixture
def acme(jana: Member) -> Project:
    return make_project("acme", [jana], coupons=[Coupon(id="espresso", name="Free espresso", redeem_value="1 cup")])


@pytest.fixture
def trifft(running: Running, acme: Project, clock: SimpleNamespace) -> Iterator[Trifft]:  # noqa: ARG001 - it is set
    trifft = running[0]
    trifft.projects, trifft.on_change = {acme.project_id: acme}, None
    yield trifft
    acme.faults.clear()  # this releases calls that hang


@pytest.fixture
def client(running: Running, trifft: Trifft, acme: Project) -> Client:  # noqa: ARG001 - it has acme
    """A client of the running stand-in that sends acme's write token."""
    client = running[1]
    client.session.headers["Authorization"] = f"Bearer {acme.get_token()}"
    return client


@pytest.fixture
def until() -> Callable[[Callable[[], object]], Awaitable[None]]:
    """A function that waits for a condition. The test fails if the condition never holds."""

    async def wait(condition: Callable[[], object]) -> None:
        async with asyncio.timeout(30):
            while not condition():  # noqa: ASYNC110 - no event tells of it
                await asyncio.sleep(0.01)

    return wait

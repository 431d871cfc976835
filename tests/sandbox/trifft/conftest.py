import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal
from types import SimpleNamespace

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient
from pytest_aiohttp.plugin import AiohttpClient

from sandbox.trifft import Coupon, Member, Project, Trifft, create_trifft_app, make_project


@pytest.fixture
def clock() -> SimpleNamespace:
    """UNIX seconds, moved by the test alone."""
    return SimpleNamespace(now=1795000000.0)


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
def trifft(acme: Project, clock: SimpleNamespace) -> Trifft:
    return Trifft([acme], clock=lambda: float(clock.now))


@pytest.fixture
async def client(
    aiohttp_client: AiohttpClient, trifft: Trifft, acme: Project
) -> TestClient[web.Request, web.Application]:
    """A client of the running stand-in that sends acme's write token."""
    headers = {"Authorization": f"Bearer {acme.get_token()}"}
    return await aiohttp_client(create_trifft_app(trifft), headers=headers)


@pytest.fixture
def until() -> Callable[[Callable[[], object]], Awaitable[None]]:
    """Wait for a condition; the test fails if it does not come true."""

    async def wait(condition: Callable[[], object]) -> None:
        async with asyncio.timeout(30):
            while not condition():  # noqa: ASYNC110 - what is waited for knows of no event
                await asyncio.sleep(0.01)

    return wait

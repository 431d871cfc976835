"""The adapter before TRIFFT's stand-in, and before servers that always give the same answer."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestServer

from loyalty_service.domain.merchant import Merchant
from loyalty_service.trifft.client import TrifftProvider
from runtime.clock import SystemClock
from sandbox.trifft import (
    Coupon,
    ExpiringPoints,
    Member,
    Project,
    Segment,
    Tier,
    Trifft,
    UserCoupon,
    Venue,
    make_project,
)
from sandbox.trifft.app import create_trifft_app
from tests.loyalty_service.trifft.servers import MakeMerchant, StartAnswering, make_answering_app

# The rate limiter has its own tests; in the others it allows any number of requests.
MANY_REQUESTS = "[rate]\nrequests = 5000\n"
LAST_DAY_OF_2126 = 4954607999


@dataclass(frozen=True)
class KeptTrifft:
    """A stand-in that stays open for many tests: opening it takes longer than most of them."""

    trifft: Trifft
    url: str


@pytest.fixture(scope="module", autouse=True)
def _quick_machine() -> Iterator[None]:
    """Failures on a busy machine must not look too slow to be tried again. `outbound` tests the real bound.

    The pauses between two tries do not matter here.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("loyalty_service.outbound.retry.QUICK_S", 10.0)
        patch.setattr("loyalty_service.outbound.retry.PAUSES_S", (0.001, 0.001))
        yield


@pytest_asyncio.fixture(loop_scope="session")
async def provider() -> AsyncIterator[TrifftProvider]:
    async with TrifftProvider(SystemClock()) as provider:
        yield provider


@pytest.fixture
def jana() -> Member:
    """A member with everything."""
    return Member(
        id="jana",
        email="jana@example.com",
        phone="+421900000000",
        support_id="JN-4821",
        first_name="Jana",
        last_name="Nováková",
        points=Decimal(1240),
        tier=Tier(id="gold", name="Gold"),
        segments=[Segment(slug="vip", name="VIP"), Segment(slug="new-7d", name="Registered in last 7 days")],
        favorite_venue=Venue(id="eurovea", name="Bratislava, Eurovea"),
        expiring_points=ExpiringPoints(points=Decimal(200), expires_at=LAST_DAY_OF_2126),
        next_tier_at=Decimal(1500),
        birthday="1990-03-12",
        coupons=[
            UserCoupon(
                id="welcome",
                coupon=Coupon(name="Welcome! "),
                state="activated",
                redeem_value="5 EUR",
                code="WELCOME5",
                valid_until=LAST_DAY_OF_2126,
            )
        ],
    )


@pytest.fixture
def acme(jana: Member) -> Project:
    return make_project("acme", [jana])


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def kept_trifft() -> AsyncIterator[KeptTrifft]:
    trifft = Trifft([])
    async with TestServer(create_trifft_app(trifft)) as server:
        yield KeptTrifft(trifft, str(server.make_url("")))


@pytest.fixture
def trifft_url(kept_trifft: KeptTrifft, acme: Project) -> Iterator[str]:
    """The URL of the stand-in with this test's project."""
    kept_trifft.trifft.projects = {acme.project_id: acme}
    yield kept_trifft.url
    acme.faults.clear()


@pytest.fixture
def make_merchant(trifft_url: str, acme: Project) -> MakeMerchant:
    def make(provider_url: str = trifft_url, *, token: str = acme.get_token(), profile: str = "") -> Merchant:
        return Merchant(
            merchant_id="acme",
            provider_url=provider_url,
            provider_token=token,
            admin_member_url="",
            time_zone="UTC",
            locale="en",
            profile=profile if "[rate]" in profile else MANY_REQUESTS + profile,
            award_reasons=(),
            generation="1",
            # Newer than the process, so the limiter need not consider earlier requests.
            create_time=datetime(2126, 11, 23, tzinfo=UTC),
            update_time=datetime(2026, 11, 23, tzinfo=UTC),
        )

    return make


@pytest.fixture
def merchant(make_merchant: MakeMerchant) -> Merchant:
    return make_merchant()


@pytest_asyncio.fixture(loop_scope="session")
async def start_answering() -> AsyncIterator[StartAnswering]:
    """Start a server that gives every request the same answer; return its URL."""
    servers: list[TestServer] = []

    async def start(answer: web.Response) -> str:
        server = TestServer(make_answering_app(answer))
        servers.append(server)
        await server.start_server()
        return str(server.make_url(""))

    yield start
    for server in servers:
        await server.close()

"""The service over gRPC before TRIFFT's stand-in, with one member whose fields a test makes odd."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from aiohttp.test_utils import TestServer
from google.protobuf.duration_pb2 import Duration

from loyalty_service.trifft.client import TrifftProvider
from protos.loyalty.v1 import loyalty_pb2 as pb
from runtime.clock import SystemClock
from sandbox.trifft import (
    Coupon,
    ExpiringPoints,
    Member,
    Project,
    Segment,
    Settings,
    Tier,
    Trifft,
    UserCoupon,
    Venue,
    make_project,
)
from sandbox.trifft.app import create_trifft_app
from tests.loyalty_service.running import Client, run_service

LAST_DAY_OF_2126 = 4954607999
_NEVER_ODD = "[rate]\nrequests = 100000\n"


@dataclass(frozen=True)
class OddShop:
    """`jana` is the member, `project` her shop's project at the stand-in."""

    client: Client
    project: Project
    jana: Member
    url: str

    @property
    def merchant_id(self) -> str:
        return self.project.project_id

    async def fetch(self, **identity: str) -> pb.Snapshot:
        """Fetch the member as TRIFFT has her now, by TRIFFT's id unless another identity is given."""
        named = pb.MemberIdentity(**(identity or {"member_id": self.jana.id}))
        request = pb.GetSnapshotRequest(merchant_id=self.merchant_id, identity=named, max_staleness=Duration())
        return (await self.client.loyalty.GetSnapshot(request)).snapshot

    async def award(self, **fields: Any) -> pb.AwardPointsResponse:  # noqa: ANN401 - any field of the request
        known = {"merchant_id": self.merchant_id, "member_id": self.jana.id}
        return await self.client.award(**(known | fields))

    async def check(self) -> dict[str, int]:
        """Return how many values could not be read, by the profile's line."""
        response = await self.client.merchants.CheckMerchant(pb.CheckMerchantRequest(merchant_id=self.merchant_id))
        return {field.profile_line: field.count for field in response.unreadable_fields}

    async def write_profile(self, profile: str) -> None:
        """Delete the shop, and add it with this profile.

        A changed profile would need a new proof before points are given.
        """
        await self.client.merchants.DeleteMerchant(pb.DeleteMerchantRequest(merchant_id=self.merchant_id))
        await self.add(profile)

    async def add(self, profile: str = "") -> None:
        merchant = pb.Merchant(
            merchant_id=self.merchant_id,
            provider_url=self.url,
            profile=_NEVER_ODD + profile,
            time_zone="Europe/Bratislava",
        )
        await self.client.merchants.CreateMerchant(
            pb.CreateMerchantRequest(merchant=merchant, provider_token=self.project.get_token(), skip_probe=True)
        )


def make_jana() -> Member:
    """Make a member with every field, so that a missing one is noticed."""
    coupons = [
        UserCoupon(
            id=name,
            coupon=Coupon(id=name, name=name.title()),
            state="activated",
            redeem_value="5 EUR",
            code=name.upper(),
            valid_until=LAST_DAY_OF_2126,
        )
        for name in ("first", "second")
    ]
    return Member(
        id="jana",
        email="jana@example.com",
        phone="+421900000000",
        support_id="JN-4821",
        first_name="Jana",
        last_name="Nováková",
        points=Decimal(1240),
        tier=Tier(id="gold", name="Gold"),
        segments=[Segment(slug="vip", name="VIP"), Segment(slug="new", name="New")],
        favorite_venue=Venue(id="eurovea", name="Bratislava, Eurovea"),
        expiring_points=ExpiringPoints(points=Decimal(200), expires_at=LAST_DAY_OF_2126),
        next_tier_at=Decimal(1500),
        birthday="1990-03-12",
        coupons=coupons,
    )


class OddShops:
    """One service before one stand-in with many shops: a test opens its own."""

    def __init__(self, client: Client, trifft: Trifft, url: str) -> None:
        self._client = client
        self._trifft = trifft
        self._url = url

    async def open(self) -> OddShop:
        jana = make_jana()
        project = make_project(f"shop-{len(self._trifft.projects)}", [jana], Settings(rate_limit=False))
        self._trifft.projects[project.project_id] = project
        shop = OddShop(self._client, project, jana, self._url)
        await shop.add()
        return shop


@asynccontextmanager
async def open_odd_shops(database_url: str, **settings: Any) -> AsyncIterator[OddShops]:  # noqa: ANN401 - any field of Config
    trifft = Trifft([])
    async with (
        TestServer(create_trifft_app(trifft)) as server,
        TrifftProvider(SystemClock()) as provider,
        run_service(database_url, provider, **settings) as client,
    ):
        yield OddShops(client, trifft, str(server.make_url("")).rstrip("/"))

"""A provider that does what a test tells it."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec

from loyalty_service.domain.award import Receipt
from loyalty_service.domain.errors import MemberNotFoundError
from loyalty_service.domain.member import Identity, Member, MemberStatus, Snapshot, Wallet
from loyalty_service.domain.merchant import Merchant
from loyalty_service.domain.ports import Credit

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
JANA = "bf428af0-bf06-4bc4-a91b-91b5bda6e211"


def make_member(member_id: str = JANA, **changes: Any) -> Member:  # noqa: ANN401  any field of Member
    member = Member(
        member_id=member_id,
        support_id="JN-4821",
        full_name="Jana Nováková",
        status=MemberStatus.ACTIVE,
        wallet=Wallet(balance=Decimal("1240.5")),
        tier=None,
        favorite_venue=None,
        segments=(),
    )
    return msgspec.structs.replace(member, **changes)


def make_merchant(merchant_id: str = "acme", **changes: Any) -> Merchant:  # noqa: ANN401  any field of Merchant
    merchant = Merchant(
        merchant_id=merchant_id,
        provider_url="https://api.trifft.io",
        provider_token="made-up-token",
        admin_member_url="",
        time_zone="UTC",
        locale="en",
        profile="",
        max_points_per_award=500,
        generation="1",
        create_time=NOON,
        update_time=NOON,
    )
    return msgspec.structs.replace(merchant, **changes)


class ScriptedProvider:
    """Implements the port LoyaltyProvider: members in a dict, credits counted, each step replaceable by a test.

    `on_credit` runs after a credit has arrived and before it is answered; `on_probe`, `on_fetch` likewise.
    """

    def __init__(self) -> None:
        self.members = {JANA: make_member()}
        self.credits: list[Credit] = []
        self.probes: list[Merchant] = []
        self.fetches: list[Identity] = []
        self.on_credit: Callable[[Credit], Awaitable[object]] = _do_nothing
        self.on_probe: Callable[[Merchant], Awaitable[object]] = _do_nothing
        self.on_fetch: Callable[[Identity], Awaitable[object]] = _do_nothing

    async def fetch(
        self,
        merchant: Merchant,  # noqa: ARG002  one project behind every merchant
        identity: Identity,
        *,
        remembered_member_id: str | None,  # noqa: ARG002  part of the port
        timeout_s: float,  # noqa: ARG002  part of the port
    ) -> Snapshot:
        fetch_time = datetime.now(UTC)
        self.fetches.append(identity)
        await self.on_fetch(identity)
        member = self.members.get(identity.value)
        if member is None:
            raise MemberNotFoundError(fetch_time)
        return Snapshot(member=member, coupons=(), fetch_time=fetch_time)

    async def credit(self, merchant: Merchant, credit: Credit, *, timeout_s: float) -> Receipt:  # noqa: ARG002
        self.credits.append(credit)
        await self.on_credit(credit)
        member = self.members[credit.member_id]
        balance = (member.wallet or Wallet(balance=Decimal(0))).balance + credit.points
        self.members[credit.member_id] = msgspec.structs.replace(member, wallet=Wallet(balance=balance))
        return Receipt(
            provider_reference=f"movement-{len(self.credits)}", balance=Wallet(balance=balance), delayed=False
        )

    async def probe(self, merchant: Merchant, *, timeout_s: float) -> None:  # noqa: ARG002  part of the port
        self.probes.append(merchant)
        await self.on_probe(merchant)


async def _do_nothing(_: object) -> None:
    pass

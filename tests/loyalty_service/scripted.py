"""A scripted provider."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec

from loyalty_service.domain.award import Receipt
from loyalty_service.domain.errors import MemberNotFoundError
from loyalty_service.domain.findings import Findings, RateFinding
from loyalty_service.domain.member import Identity, Member, MemberStatus, Wallet
from loyalty_service.domain.merchant import Merchant
from loyalty_service.domain.ports import Booking, Movement, Movements
from loyalty_service.domain.priority import Priority
from loyalty_service.domain.searches import Searches
from loyalty_service.domain.snapshot import Snapshot
from loyalty_service.domain.verification import Inspection, Verification

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
JANA = "bf428af0-bf06-4bc4-a91b-91b5bda6e211"


def make_member(member_id: str = JANA, **changes: Any) -> Member:  # noqa: ANN401  any field of Member
    member = Member(
        member_id=member_id,
        support_id="JN-4821",
        full_name="Jana Nováková",
        status=MemberStatus.ACTIVE,
        status_word="active",
        wallet=Wallet(balance=Decimal("1240.5")),
        tier=None,
        favorite_venue=None,
        segments=(),
    )
    return msgspec.structs.replace(member, **changes)


def make_findings() -> Findings:
    """Make the findings of a shop that was never asked about."""
    rate = RateFinding(
        permits_used=0,
        permits_limit=50,
        period_s=10.0,
        closed_until=None,
        throttled_count=0,
        throttle_time=None,
        refused_count=0,
        refuse_time=None,
    )
    return Findings(
        since_time=NOON,
        unreadable_fields=(),
        line_findings=(),
        operation_findings=(),
        rate=rate,
        breaker=None,
        unknown_statuses=(),
        contract=(),
    )


def make_merchant(merchant_id: str = "acme", **changes: Any) -> Merchant:  # noqa: ANN401  any field of Merchant
    merchant = Merchant(
        merchant_id=merchant_id,
        provider_url="https://api.trifft.io",
        provider_token="made-up-token",
        admin_member_url="",
        time_zone="UTC",
        locale="en",
        profile="",
        award_reasons=(),
        generation="1",
        create_time=NOON,
        update_time=NOON,
        verification=Verification(verify_time=NOON, verified_by="jo@ops", member=None, is_current=True),
    )
    return msgspec.structs.replace(merchant, **changes)


class ScriptedProvider:
    """Implements the port LoyaltyProvider: members in a dict, credits counted, each step replaceable by a test.

    `on_credit` runs after a credit has arrived and before it is booked; `on_debit`, `on_probe`, `on_fetch` likewise;
    `on_booked` after a credit or a debit was booked, before its answer. `movements` is what was booked; `is_complete`
    what its list says of itself, None where there is none. `timeouts_s`: how long each credit was given.
    """

    def __init__(self) -> None:
        self.members = {JANA: make_member()}
        self.credits: list[Booking] = []
        self.debits: list[Booking] = []
        self.timeouts_s: list[float] = []
        self.movements: list[tuple[str, Movement]] = []
        self.is_complete: bool | None = True
        self.probes: list[Merchant] = []
        self.fetches: list[Identity] = []
        self.on_credit: Callable[[Booking], Awaitable[object]] = _do_nothing
        self.on_debit: Callable[[Booking], Awaitable[object]] = _do_nothing
        self.on_booked: Callable[[Booking], Awaitable[object]] = _do_nothing
        self.on_probe: Callable[[Merchant], Awaitable[object]] = _do_nothing
        self.on_fetch: Callable[[Identity], Awaitable[object]] = _do_nothing

    async def fetch(  # noqa: PLR0913 - each states a condition of the read
        self,
        merchant: Merchant,  # noqa: ARG002  one project behind every merchant
        identity: Identity,
        *,
        remembered_member_id: str | None,  # noqa: ARG002  part of the port
        searches: Searches,
        priority: Priority,  # noqa: ARG002  part of the port
        timeout_s: float,  # noqa: ARG002  part of the port
    ) -> Snapshot:
        searches.take()
        fetch_time = datetime.now(UTC)
        self.fetches.append(identity)
        await self.on_fetch(identity)
        member = self.members.get(identity.value)
        if member is None:
            raise MemberNotFoundError(fetch_time)
        return Snapshot(member=member, coupons=(), fetch_time=fetch_time)

    async def inspect(self, merchant: Merchant, identity: Identity, *, timeout_s: float) -> Inspection:
        """The member, and no line."""
        snapshot = await self.fetch(
            merchant,
            identity,
            remembered_member_id=None,
            searches=Searches(),
            priority=Priority.AWARD,
            timeout_s=timeout_s,
        )
        return Inspection(member=snapshot.member, lines=(), unread_fields=(), scales={}, fetch_time=snapshot.fetch_time)

    async def credit(self, merchant: Merchant, booking: Booking, *, timeout_s: float) -> Receipt:  # noqa: ARG002
        self.credits.append(booking)
        self.timeouts_s.append(timeout_s)
        await self.on_credit(booking)
        return await self._book(booking, booking.points)

    async def debit(self, merchant: Merchant, booking: Booking, *, timeout_s: float) -> Receipt:  # noqa: ARG002
        self.debits.append(booking)
        await self.on_debit(booking)
        return await self._book(booking, -booking.points)

    async def list_movements(
        self,
        merchant: Merchant,  # noqa: ARG002  one project behind every merchant
        member_id: str,
        *,
        since: datetime,
        timeout_s: float,  # noqa: ARG002  part of the port
    ) -> Movements | None:
        if self.is_complete is None:
            return None
        items = [one for owner, one in self.movements if owner == member_id]
        recent = tuple(one for one in items if one.create_time is None or one.create_time >= since)
        return Movements(items=recent, is_complete=self.is_complete)

    async def _book(self, booking: Booking, change: int) -> Receipt:
        member = self.members[booking.member_id]
        before = member.wallet.balance if isinstance(member.wallet, Wallet) else Decimal(0)
        balance = before + change
        self.members[booking.member_id] = msgspec.structs.replace(member, wallet=Wallet(balance=balance))
        movement = Movement(
            movement_id=f"movement-{len(self.movements) + 1}",
            change=Decimal(change),
            note=booking.note,
            reference=booking.reference,
            create_time=datetime.now(UTC),
        )
        self.movements.append((booking.member_id, movement))
        await self.on_booked(booking)
        return Receipt(provider_reference=movement.movement_id, balance=Wallet(balance=balance), delayed=False)

    def get_findings(self, merchant: Merchant) -> Findings:  # noqa: ARG002  part of the port
        return make_findings()

    async def probe(self, merchant: Merchant, *, timeout_s: float) -> None:  # noqa: ARG002  part of the port
        self.probes.append(merchant)
        await self.on_probe(merchant)


async def _do_nothing(_: object) -> None:
    pass

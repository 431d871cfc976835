"""A programme of a few members, with a scripted provider and ledger, and a clock that a test moves."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from loyalty_service.domain.award import Award, AwardRequest, AwardState, Receipt
from loyalty_service.domain.errors import MemberAmbiguousError, MemberNotFoundError
from loyalty_service.domain.findings import Findings
from loyalty_service.domain.member import Identity, Member, MemberStatus, Wallet
from loyalty_service.domain.merchant import Merchant
from loyalty_service.domain.ports import Booking, Movements
from loyalty_service.domain.priority import Priority
from loyalty_service.domain.searches import Searches
from loyalty_service.domain.snapshot import Snapshot
from loyalty_service.domain.verification import Inspection

_START = datetime(2026, 11, 23, 12, 55, tzinfo=UTC)


class FakeClock:
    """Stands still until it is moved. Each reading adds a microsecond, so that no two events have the same time."""

    def __init__(self) -> None:
        self.time_s = 1000.0

    def monotonic(self) -> float:
        self.time_s += 1e-6
        return self.time_s

    def now(self) -> datetime:
        return _START + timedelta(seconds=self.time_s)

    def advance(self, seconds: float) -> None:
        self.time_s += seconds


class Call:
    """A running read: what it saw at its start is its answer, which a test releases."""

    def __init__(self, identity: Identity, remembered_member_id: str | None, priority: Priority) -> None:
        self.identity = identity
        self.priority = priority
        self.remembered_member_id = remembered_member_id
        self._released = asyncio.get_running_loop().create_future()

    @property
    def is_released(self) -> bool:
        return self._released.done()

    async def wait(self) -> None:
        await self._released

    def release(self, error: Exception | None = None) -> None:
        """Let it answer with what it saw, or fail."""
        if error is None:
            self._released.set_result(None)
        else:
            self._released.set_exception(error)


class ScriptedProvider:
    """Implements the port LoyaltyProvider.

    `members`: ids of members by e-mail, and each member under its own id. `points`: balances by member id. With `holds`
    a read sees the values at its start, and answers when the test releases its call.
    """

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self.members: dict[str, list[str]] = {}
        self.points: dict[str, int] = {}
        self.error: Exception | None = None
        self.holds = False
        self.calls: list[Call] = []
        self.running: Counter[str] = Counter()
        self.most_at_once = 0

    def add(self, member_id: str, email: str, points: int = 100) -> None:
        self.members.setdefault(email, []).append(member_id)
        self.members[member_id] = [member_id]
        self.points[member_id] = points

    async def fetch(  # noqa: PLR0913 - each states a condition of the read
        self,
        merchant: Merchant,  # noqa: ARG002 - one programme behind every merchant
        identity: Identity,
        *,
        remembered_member_id: str | None,
        searches: Searches,
        priority: Priority,
        timeout_s: float,  # noqa: ARG002 - the test decides the time
    ) -> Snapshot:
        searches.take()
        fetch_time = self._clock.now()
        seen = [(member_id, self.points[member_id]) for member_id in self.members.get(identity.value, ())]
        call = Call(identity, remembered_member_id, priority)
        self.calls.append(call)
        self.running[identity.value] += 1
        self.most_at_once = max(self.most_at_once, *self.running.values())
        try:
            if self.holds:
                await call.wait()
        finally:
            self.running[identity.value] -= 1
        if self.error:
            raise self.error
        if not seen:
            raise MemberNotFoundError(fetch_time)
        if len(seen) > 1:
            raise MemberAmbiguousError({member_id: "" for member_id, _ in seen}, fetch_time)
        return _make_snapshot(*seen[0], fetch_time)

    async def credit(self, merchant: Merchant, credit: Booking, *, timeout_s: float) -> Receipt:
        raise NotImplementedError

    async def debit(self, merchant: Merchant, booking: Booking, *, timeout_s: float) -> Receipt:
        raise NotImplementedError

    async def list_movements(
        self, merchant: Merchant, member_id: str, *, since: datetime, timeout_s: float
    ) -> Movements | None:
        raise NotImplementedError

    async def inspect(self, merchant: Merchant, identity: Identity, *, timeout_s: float) -> Inspection:
        raise NotImplementedError

    def get_findings(self, merchant: Merchant) -> Findings:
        raise NotImplementedError

    async def probe(self, merchant: Merchant, *, timeout_s: float) -> None:
        raise NotImplementedError


class Reading:
    """A running read of the ledger: what it saw at its start is its answer, which a test releases."""

    def __init__(self) -> None:
        self._released = asyncio.get_running_loop().create_future()
        self.is_cancelled = False

    @property
    def is_waiting(self) -> bool:
        return not self._released.done()

    async def wait(self) -> None:
        try:
            await self._released
        except asyncio.CancelledError:
            self.is_cancelled = True
            raise

    def release(self) -> None:
        self._released.set_result(None)


class ScriptedLedger:
    """Implements the port RecentAwards. `numbers`: each member's only award. A member without one has no awards.

    With `holds` a read sees the values at its start, and answers when the test releases it.
    """

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}
        self.error: Exception | None = None
        self.holds = False
        self.readings: list[Reading] = []

    async def list_recent(self, merchant_id: str, member_id: str) -> tuple[Award, ...]:
        seen = self.numbers.get(member_id)
        reading = Reading()
        self.readings.append(reading)
        if self.holds:
            await reading.wait()
        if self.error:
            raise self.error
        return () if seen is None else (make_award(merchant_id, member_id, seen),)


def make_award(merchant_id: str, member_id: str, number: int) -> Award:
    """Make an applied award that can be taken back until noon. Every optional field is set."""
    request = AwardRequest(
        merchant_id=merchant_id,
        request_id=f"request-{number}",
        member_id=member_id,
        points=100,
        note="Late parcel",
        ticket_id="4711",
        claimed_agent_email="ana@acme.example",
        claimed_agent_name="Ana K.",
        reason="Goodwill",
        is_ticket_verified=True,
        tier_before="Gold",
    )
    return Award(
        number=number,
        request=request,
        state=AwardState.APPLIED,
        attempt=1,
        receipt=Receipt(provider_reference="m-1", balance=Wallet(balance=Decimal("1340.5")), delayed=False),
        rejection_reason=None,
        retryable=False,
        create_time=_START,
        attempt_time=_START,
        update_time=_START + timedelta(milliseconds=1),
        reverse_expire_time=_START + timedelta(minutes=30),
    )


def get_number(snapshot: Snapshot) -> int | None:
    """Return the number of the one award that is shown; 0 without an award, None if that is unknown."""
    if snapshot.support_awards is None:
        return None
    return snapshot.support_awards[0].number if snapshot.support_awards else 0


def _make_snapshot(member_id: str, points: int, fetch_time: datetime) -> Snapshot:
    member = Member(
        member_id=member_id,
        support_id="",
        full_name="",
        status=MemberStatus.ACTIVE,
        status_word="active",
        wallet=Wallet(balance=Decimal(points)),
        tier=None,
        favorite_venue=None,
        segments=(),
    )
    return Snapshot(member=member, coupons=(), fetch_time=fetch_time)


def get_points(snapshot: Snapshot) -> int:
    assert isinstance(snapshot.member.wallet, Wallet)
    return int(snapshot.member.wallet.balance)


def make_merchant(merchant_id: str = "acme", generation: str = "1") -> Merchant:
    return Merchant(
        merchant_id=merchant_id,
        provider_url="https://trifft.example",
        provider_token="made-up",
        admin_member_url="",
        time_zone="UTC",
        locale="en",
        profile="",
        award_reasons=(),
        generation=generation,
        create_time=_START,
        update_time=_START,
    )

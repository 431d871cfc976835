"""A programme of a few members, a provider that reads it when a test lets it, and a clock that a test moves."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from loyalty_service.domain.award import Receipt
from loyalty_service.domain.errors import MemberAmbiguousError, MemberNotFoundError
from loyalty_service.domain.member import Identity, Member, MemberStatus, Snapshot, Wallet
from loyalty_service.domain.merchant import Merchant
from loyalty_service.domain.ports import Credit

_START = datetime(2026, 11, 23, 12, 55, tzinfo=UTC)


class FakeClock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.time_s = 1000.0

    def monotonic(self) -> float:
        return self.time_s

    def now(self) -> datetime:
        return _START + timedelta(seconds=self.time_s)

    def advance(self, seconds: float) -> None:
        self.time_s += seconds


class Call:
    """One read that has begun: what it saw then, and the answer that it waits to give."""

    def __init__(self, identity: Identity, remembered_member_id: str | None) -> None:
        self.identity = identity
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

    `members`: whom an e-mail names, and each member under its own id; `points`: balances by member id. With `holds`
    a read sees what is true when it begins and answers when the test releases its call.
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

    async def fetch(
        self,
        merchant: Merchant,  # noqa: ARG002 - one programme behind every merchant
        identity: Identity,
        *,
        remembered_member_id: str | None,
        timeout_s: float,  # noqa: ARG002 - the test decides how long it takes
    ) -> Snapshot:
        fetch_time = self._clock.now()
        seen = [(member_id, self.points[member_id]) for member_id in self.members.get(identity.value, ())]
        call = Call(identity, remembered_member_id)
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
            raise MemberAmbiguousError(len(seen), fetch_time)
        return _make_snapshot(*seen[0], fetch_time)

    async def credit(self, merchant: Merchant, credit: Credit, *, timeout_s: float) -> Receipt:
        raise NotImplementedError

    async def probe(self, merchant: Merchant, *, timeout_s: float) -> None:
        raise NotImplementedError


def _make_snapshot(member_id: str, points: int, fetch_time: datetime) -> Snapshot:
    member = Member(
        member_id=member_id,
        support_id="",
        full_name="",
        status=MemberStatus.ACTIVE,
        wallet=Wallet(balance=Decimal(points)),
        tier=None,
        favorite_venue=None,
        segments=(),
    )
    return Snapshot(member=member, coupons=(), fetch_time=fetch_time)


def get_points(snapshot: Snapshot) -> int:
    assert snapshot.member.wallet is not None
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
        max_points_per_award=500,
        generation=generation,
        create_time=_START,
        update_time=_START,
    )

"""What the domain needs from the world outside it."""

from collections.abc import Collection
from datetime import datetime
from decimal import Decimal
from typing import Protocol

import msgspec

from loyalty_service.domain.award import Award, Receipt
from loyalty_service.domain.member import Identity
from loyalty_service.domain.merchant import Merchant
from loyalty_service.domain.priority import Priority
from loyalty_service.domain.snapshot import Snapshot
from loyalty_service.domain.verification import Inspection


class Clock(Protocol):
    """`monotonic` orders events (s, arbitrary zero); `now` is what people read (UTC)."""

    def monotonic(self) -> float: ...

    def now(self) -> datetime: ...


class Booking(msgspec.Struct, frozen=True, kw_only=True):
    """Points to put on a wallet, or to take from it. `reference` is ours and unique: it finds the movement again."""

    member_id: str
    points: int
    note: str
    reference: str


class Movement(msgspec.Struct, frozen=True, kw_only=True):
    """What the provider has booked on a wallet: `change` in points, negative where they were taken.

    `note` and `reference` are empty, `create_time` is None, where the provider tells none.
    """

    movement_id: str
    change: Decimal
    note: str
    reference: str
    create_time: datetime | None


class Movements(msgspec.Struct, frozen=True, kw_only=True):
    """`is_complete`: what was booked in that time is in it; what is not in it was not booked."""

    items: tuple[Movement, ...]
    is_complete: bool


class UnreadableField(msgspec.Struct, frozen=True, kw_only=True):
    """A field of the provider's that was left out `count` times, since its value was of another type or out of range.

    `profile_line` is the line of the wire profile that finds it, `expression` how.
    """

    profile_line: str
    expression: str
    count: int
    last_time: datetime


class LoyaltyProvider(Protocol):
    """The system that the loyalty programme lives in."""

    async def fetch(
        self,
        merchant: Merchant,
        identity: Identity,
        *,
        remembered_member_id: str | None,
        priority: Priority,
        timeout_s: float,
    ) -> Snapshot:
        """Read a member and their coupons, all reads together within `timeout_s`.

        `remembered_member_id` is whom this identity named the last time: coupons may be read at once on that guess, and
        are thrown away where the provider now names somebody else.

        Raises MemberNotFoundError, MemberAmbiguousError, ProviderError.
        """
        ...

    async def inspect(self, merchant: Merchant, identity: Identity, *, timeout_s: float) -> Inspection:
        """Read a member now, with what each line of the merchant's profile finds. Raises as `fetch`."""
        ...

    async def credit(self, merchant: Merchant, credit: Booking, *, timeout_s: float) -> Receipt:
        """Send one credit, once: never repeated by any layer below.

        Raises BookingUnknownError where it may have been booked, and BookingContradictedError where the answer names
        other points; where it certainly was not booked: MemberNotFoundError, ProviderRefusedError (final),
        ProviderCredentialsError, ProviderThrottledError, ProviderUnavailableError.
        """
        ...

    async def debit(self, merchant: Merchant, booking: Booking, *, timeout_s: float) -> Receipt:
        """Take points away, once; as `credit`. ProviderRefusedError also where the balance does not cover them."""
        ...

    async def list_movements(
        self, merchant: Merchant, member_id: str, *, since: datetime, timeout_s: float
    ) -> Movements | None:
        """What was booked on a wallet at or after `since`; None where the provider has no such list.

        Raises MemberNotFoundError, ProviderError.
        """
        ...

    async def probe(self, merchant: Merchant, *, timeout_s: float) -> None:
        """Ask whether the merchant's token works. Raises ProviderError."""
        ...

    def list_unreadable(self, merchant: Merchant) -> tuple[UnreadableField, ...]:
        """What could not be read of the merchant's members since this process started, most often first."""
        ...


class HeldSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """An answer to a reader. `stale_reason`: a name of ErrorReason, when it is older than was asked for."""

    snapshot: Snapshot
    stale_reason: str | None


class Holding(msgspec.Struct, frozen=True, kw_only=True):
    """What is held for an identity: a snapshot, or the answer that `member_count` members have it (0, 2 and more).

    `fetch_time`: when the read began. In seconds: `age_s` since then; up to `hold_time_s` it answers a reader who names
    no staleness, up to `stale_if_error_s` any reader while the provider fails.
    """

    snapshot: Snapshot | None
    member_count: int
    fetch_time: datetime
    age_s: float
    hold_time_s: float
    stale_if_error_s: float


class Snapshots(Protocol):
    """Members' states, held between reads. Freshness is the caller's to name."""

    async def get(  # noqa: PLR0913 - each says something else of the read
        self,
        merchant: Merchant,
        identity: Identity,
        *,
        max_staleness_s: float | None,
        timeout_s: float,
        priority: Priority = Priority.TICKET,
        stale_if_error: bool = True,
    ) -> HeldSnapshot:
        """The member as of at most `max_staleness_s` before this call; None: the hold time, 0: a read that begins now.

        `stale_if_error`: while the provider fails, what is held is the answer, though it is older.

        Raises MemberNotFoundError, MemberAmbiguousError, ProviderError.
        """
        ...

    async def get_held(self, merchant: Merchant, member_id: str) -> Snapshot | None:
        """What is held for a member, of any age that may still be served; asks nobody."""
        ...

    async def get_holding(self, merchant: Merchant, identity: Identity) -> Holding | None:
        """What is held for an identity, of any age; None: nothing. Asks nobody. Raises SnapshotsUnavailableError."""
        ...

    async def invalidate(self, merchant: Merchant, member_id: str) -> None:
        """Drop what is held for a member, however found; of an unheld member, drop the merchant's "no such member"."""
        ...

    async def drop(self, merchant: Merchant, identity: Identity) -> None:
        """Drop the member whom an identity is held to name; where it is none, the merchant's "no such member".

        Raises SnapshotsUnavailableError.
        """
        ...

    async def erase(self, merchant: Merchant, member_id: str, identities: Collection[Identity]) -> int:
        """Drop all that is held of a member and under these identities; returns how many entries that were.

        An empty `member_id`: of whom the identities are held to name. Raises SnapshotsUnavailableError.
        """
        ...


class RecentAwards(Protocol):
    """What support gave a member recently, and took away."""

    async def list_recent(self, merchant_id: str, member_id: str) -> tuple[Award, ...]:
        """The last 5 of any kind that are APPLIED or UNKNOWN, newest first. Raises DatabaseError."""
        ...

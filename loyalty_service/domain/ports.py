"""The ports: interfaces to what is outside the domain."""

from collections.abc import Collection
from datetime import datetime
from decimal import Decimal
from typing import Protocol

import msgspec

from loyalty_service.domain.award import Award, Receipt
from loyalty_service.domain.findings import Findings
from loyalty_service.domain.member import Identity
from loyalty_service.domain.merchant import Merchant
from loyalty_service.domain.priority import Priority
from loyalty_service.domain.searches import Searches
from loyalty_service.domain.snapshot import Snapshot
from loyalty_service.domain.verification import Inspection


class Clock(Protocol):
    """`monotonic` orders events (s, arbitrary zero); `now` is the time for people (UTC)."""

    def monotonic(self) -> float: ...

    def now(self) -> datetime: ...


class Booking(msgspec.Struct, frozen=True, kw_only=True):
    """Points to put on a wallet, or to take from it.

    `reference` is ours and unique: we find the movement again by it.
    """

    member_id: str
    points: int
    note: str
    reference: str


class Movement(msgspec.Struct, frozen=True, kw_only=True):
    """One booking that the provider has made on a wallet: `change` in points, negative where points were taken.

    Where the provider does not say, `note` and `reference` are empty and `create_time` is None.
    """

    movement_id: str
    change: Decimal
    note: str
    reference: str
    create_time: datetime | None


class Movements(msgspec.Struct, frozen=True, kw_only=True):
    """`is_complete`: every booking of that time is in the list, so one that is not in it was not made."""

    items: tuple[Movement, ...]
    is_complete: bool


class LoyaltyProvider(Protocol):
    """The system that runs the loyalty programme."""

    async def fetch(  # noqa: PLR0913 - each states a condition of the read
        self,
        merchant: Merchant,
        identity: Identity,
        *,
        remembered_member_id: str | None,
        searches: Searches,
        priority: Priority,
        timeout_s: float,
    ) -> Snapshot:
        """Read a member and their coupons, all reads together within `timeout_s`.

        `remembered_member_id` is the member whom this identity named last time. The provider may read that member's
        coupons at once, and drops them if the identity now names somebody else. Each spelling that is searched takes
        one of `searches`.

        Raises MemberNotFoundError, MemberAmbiguousError, SearchesExhaustedError, ProviderError.
        """
        ...

    async def inspect(self, merchant: Merchant, identity: Identity, *, timeout_s: float) -> Inspection:
        """Read a member now, with what each line of the merchant's profile finds. Raises as `fetch`."""
        ...

    async def credit(self, merchant: Merchant, credit: Booking, *, timeout_s: float) -> Receipt:
        """Send one credit, at most once: no layer below repeats it.

        Raises BookingUnknownError where it may have been booked, BookingContradictedError where the answer names other
        points, and, where it certainly was not booked, MemberNotFoundError, ProviderRefusedError (final),
        ProviderCredentialsError, ProviderThrottledError, ProviderUnavailableError.
        """
        ...

    async def debit(self, merchant: Merchant, booking: Booking, *, timeout_s: float) -> Receipt:
        """Take points away, at most once. Raises as `credit`; ProviderRefusedError also if the balance is low."""
        ...

    async def list_movements(
        self, merchant: Merchant, member_id: str, *, since: datetime, timeout_s: float
    ) -> Movements | None:
        """List the movements of a wallet at or after `since`; None where the provider has no such list.

        Raises MemberNotFoundError, ProviderError.
        """
        ...

    async def probe(self, merchant: Merchant, *, timeout_s: float) -> None:
        """Ask whether the merchant's token works. Raises ProviderError."""
        ...

    def get_findings(self, merchant: Merchant) -> Findings:
        """Get what the provider's answers have shown so far. Asks nobody. Raises ProviderContractError."""
        ...


class HeldSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """An answer to a reader. `stale_reason`: a name of ErrorReason where it is older than the reader asked for."""

    snapshot: Snapshot
    stale_reason: str | None


class Holding(msgspec.Struct, frozen=True, kw_only=True):
    """The held answer for an identity: a snapshot, or that `member_count` members have it (0, or 2 and more).

    `fetch_time`: when the read began. `age_s`: seconds since then. Up to the age of `hold_time_s` it answers a reader
    who names no staleness; up to `stale_if_error_s` it answers any reader while the provider fails.
    """

    snapshot: Snapshot | None
    member_count: int
    fetch_time: datetime
    age_s: float
    hold_time_s: float
    stale_if_error_s: float


class Snapshots(Protocol):
    """Held snapshots of members. The caller says how fresh an answer must be."""

    async def get(  # noqa: PLR0913 - each states a condition of the read
        self,
        merchant: Merchant,
        identity: Identity,
        *,
        max_staleness_s: float | None,
        timeout_s: float,
        priority: Priority = Priority.TICKET,
        stale_if_error: bool = True,
        searches: Searches | None = None,
    ) -> HeldSnapshot:
        """Get the member as of at most `max_staleness_s` before this call. None: the hold time; 0: read now.

        `stale_if_error`: while the provider fails, answer with an older held snapshot. `searches`: those of the call;
        None: the usual number.

        Raises MemberNotFoundError, MemberAmbiguousError, SearchesExhaustedError, ProviderError.
        """
        ...

    async def get_held(self, merchant: Merchant, member_id: str) -> Snapshot | None:
        """Get the member's held snapshot if it is young enough to be served; never asks the provider."""
        ...

    async def get_holding(self, merchant: Merchant, identity: Identity) -> Holding | None:
        """Get what is held for an identity, of any age, or None. Never asks the provider.

        Raises SnapshotsUnavailableError.
        """
        ...

    async def invalidate(self, merchant: Merchant, member_id: str) -> None:
        """Drop what is held for a member, however found; if nothing is, the merchant's "no such member" answers."""
        ...

    async def drop(self, merchant: Merchant, identity: Identity) -> None:
        """Drop the member whom an identity is held to name; if nobody, the merchant's "no such member" answers.

        Raises SnapshotsUnavailableError.
        """
        ...

    async def erase(self, merchant: Merchant, member_id: str, identities: Collection[Identity]) -> int:
        """Drop all that is held of a member and under these identities; returns the number of dropped entries.

        An empty `member_id`: drop the members whom the identities are held to name. Raises SnapshotsUnavailableError.
        """
        ...


class RecentAwards(Protocol):
    """The awards and deductions that a member got from support recently."""

    async def list_recent(self, merchant_id: str, member_id: str) -> tuple[Award, ...]:
        """List the last 5 of any kind that are APPLIED or UNKNOWN, newest first. Raises DatabaseError."""
        ...

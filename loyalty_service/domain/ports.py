"""What the domain needs from the world outside it."""

from datetime import datetime
from typing import Protocol

import msgspec

from loyalty_service.domain.award import Receipt
from loyalty_service.domain.member import Identity, Snapshot
from loyalty_service.domain.merchant import Merchant


class Clock(Protocol):
    """`monotonic` orders events (s, arbitrary zero); `now` is what people read (UTC)."""

    def monotonic(self) -> float: ...

    def now(self) -> datetime: ...


class Credit(msgspec.Struct, frozen=True, kw_only=True):
    """Points to put on a wallet. `reference` is ours and unique: it finds the movement again."""

    member_id: str
    points: int
    note: str
    reference: str


class LoyaltyProvider(Protocol):
    """The system that the loyalty programme lives in."""

    async def fetch(
        self, merchant: Merchant, identity: Identity, *, remembered_member_id: str | None, timeout_s: float
    ) -> Snapshot:
        """Read a member and their coupons now, all reads together within `timeout_s`.

        `remembered_member_id` is whom this identity named the last time: coupons may be read at once on that guess, and
        are thrown away where the provider now names somebody else.

        Raises MemberNotFoundError, MemberAmbiguousError, ProviderError.
        """
        ...

    async def credit(self, merchant: Merchant, credit: Credit, *, timeout_s: float) -> Receipt:
        """Send one credit, once: never repeated by any layer below.

        Raises CreditUnknownError where it may have been booked; where it certainly was not: MemberNotFoundError,
        ProviderRefusedError (final), ProviderCredentialsError, ProviderThrottledError, ProviderUnavailableError.
        """
        ...

    async def probe(self, merchant: Merchant, *, timeout_s: float) -> None:
        """Ask whether the merchant's token works. Raises ProviderError."""
        ...


class HeldSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """An answer to a reader. `stale_reason`: a name of ErrorReason, when it is older than was asked for."""

    snapshot: Snapshot
    stale_reason: str | None


class Snapshots(Protocol):
    """Members' states, held between reads. Freshness is the caller's to name."""

    async def get(
        self, merchant: Merchant, identity: Identity, *, max_staleness_s: float | None, timeout_s: float
    ) -> HeldSnapshot:
        """The member as of at most `max_staleness_s` before this call; None: the hold time, 0: a read that begins now.

        Raises MemberNotFoundError, MemberAmbiguousError, ProviderError.
        """
        ...

    async def get_held(self, merchant: Merchant, member_id: str) -> Snapshot | None:
        """What is held for a member, of any age that may still be served; asks nobody."""
        ...

    async def invalidate(self, merchant: Merchant, member_id: str) -> None:
        """Drop what is held for a member, however found; of an unheld member, drop the merchant's "no such member"."""
        ...

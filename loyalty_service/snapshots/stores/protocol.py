"""The interface of a store."""

from typing import Protocol

import msgspec

from loyalty_service.snapshots.entries import Content, Entry

MICROSECONDS = 1_000_000


class Lookup(msgspec.Struct, frozen=True, kw_only=True):
    """The value that a store holds under a key. `member`: the value of the member whom an alias names.

    The store was asked at `asked_s` on this process's monotonic clock, and answered at `now_us` on its own.
    """

    asked_s: float
    now_us: int
    entry: Entry | None
    member: Entry | None = None

    def to_process_s(self, time_us: int) -> float:
        """Convert a time of the store to this process's clock. It is too early by the request's travel time."""
        return self.asked_s - (self.now_us - time_us) / MICROSECONDS


class Store(Protocol):
    """Entries by key. Each call is atomic, and raises SnapshotsUnavailableError if the store does not answer.

    `merchant_key` is the merchant whose entry it is.
    """

    async def begin(self, merchant_key: str) -> int:
        """The time, in microseconds on the store's clock, for a read of the provider that begins now."""
        ...

    async def get(self, key: str, merchant_key: str) -> Lookup:
        """Get an entry, unless it is outdated; one without content is returned."""
        ...

    async def put(self, key: str, merchant_key: str, content: Content, *, began_us: int, keep_s: float) -> bool:
        """Hold an entry for at most `keep_s`, unless a later read is held already.

        False: it is outdated, since the key was invalidated at or after `began_us`, or, for a Nobody, the merchant's
        Nobody entries were.
        """
        ...

    async def invalidate(self, key: str, merchant_key: str) -> bool:
        """Drop the entry of a key; if it is not a member, also all Nobody entries of the merchant.

        False: nothing was held. If the store does not answer, this is repeated before its next use.
        """
        ...

"""What the service needs of a store."""

from typing import Protocol

import msgspec

from loyalty_service.snapshots.entries import Content, Entry

MICROSECONDS = 1_000_000


class Lookup(msgspec.Struct, frozen=True, kw_only=True):
    """What a store holds under a key. `member`: what it holds of the member whom an alias names.

    The store was asked at `asked_s` on this process's monotonic clock, and answered at `now_us` on its own.
    """

    asked_s: float
    now_us: int
    entry: Entry | None
    member: Entry | None = None

    def to_process_s(self, time_us: int) -> float:
        """A time of the store's on this process's clock, too early by what the question took on its way."""
        return self.asked_s - (self.now_us - time_us) / MICROSECONDS


class Store(Protocol):
    """Entries by key. Each call is atomic, and raises SnapshotsUnavailableError where the store does not answer.

    `merchant_key` is the merchant whose entry it is.
    """

    async def begin(self, merchant_key: str) -> int:
        """The time, in microseconds on the store's clock, for a read of the provider that begins now."""
        ...

    async def get(self, key: str, merchant_key: str) -> Lookup:
        """Outdated entries are left out; one without content is not."""
        ...

    async def put(self, key: str, merchant_key: str, content: Content, *, began_us: int, keep_s: float) -> bool:
        """Hold it for `keep_s` at most, unless a read that began later is held already.

        False: it is outdated, since the key was invalidated at or after `began_us`; of a Nobody, since the merchant's
        were.
        """
        ...

    async def invalidate(self, key: str, merchant_key: str) -> bool:
        """Drop what is held under a key; where it is no member, also each Nobody of the merchant's.

        False: nothing was held. A store that does not answer is told before it is asked anything again.
        """
        ...

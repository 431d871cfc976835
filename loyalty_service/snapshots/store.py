"""Where entries are held: the door behind which a memory or a server stands."""

import math
from typing import Protocol

import msgspec
from aiocache.base import BaseCache

from loyalty_service.domain.ports import Clock
from loyalty_service.snapshots.entries import Entry, MemberEntry, NobodyEntry
from loyalty_service.snapshots.marks import Marks

_MARKS = 10_000


class Store(Protocol):
    """Entries by key, in the time of one clock: the store's own, in seconds from an arbitrary zero."""

    async def now(self) -> float:
        """Above every value that it returned before, so that no two events are at the same time."""
        ...

    async def get(self, key: str, merchant_key: str) -> Entry | None: ...

    async def put(self, key: str, merchant_key: str, entry: Entry) -> bool:
        """Hold an entry; one that is held and began later stays, one that began at the same time goes. Atomic.

        False: dropped, since the member was invalidated at or after `entry.begin_s`; or, for a NobodyEntry, since the
        merchant's were.
        """
        ...

    async def invalidate(self, member_key: str, merchant_key: str) -> None:
        """Drop a member's entry; where there is none, the merchant's NobodyEntries. Atomic."""
        ...


class CacheStore:
    """A Store on a cache of this process whose operations never suspend, which makes each method here atomic."""

    def __init__(self, cache: BaseCache, clock: Clock, *, keep_s: float, keep_nobody_s: float) -> None:
        self._cache = cache
        self._clock = clock
        self._keep_s = keep_s
        self._keep_nobody_s = keep_nobody_s
        self._last_s = -math.inf
        self._member_marks = Marks(capacity=_MARKS)
        self._nobody_marks = Marks(capacity=_MARKS)

    async def now(self) -> float:
        return self._stamp()

    async def get(self, key: str, merchant_key: str) -> Entry | None:
        entry: Entry | None = await self._cache.get(key)
        if isinstance(entry, NobodyEntry) and entry.begin_s <= self._nobody_marks.get(merchant_key):
            return None
        return entry

    async def put(self, key: str, merchant_key: str, entry: Entry) -> bool:
        mark_s = self._member_marks.get(key)
        if isinstance(entry, NobodyEntry):
            mark_s = max(mark_s, self._nobody_marks.get(merchant_key))
        if entry.begin_s <= mark_s:
            return False
        keep_s = self._keep_nobody_s if isinstance(entry, NobodyEntry) else self._keep_s
        ttl_s = keep_s - (self._clock.monotonic() - entry.begin_s)  # the age counts from the beginning of the read
        await self._cache.set(key, _merge(await self.get(key, merchant_key), entry), ttl=ttl_s)
        return True

    async def invalidate(self, member_key: str, merchant_key: str) -> None:
        now_s = self._stamp()
        self._member_marks.set(member_key, now_s)
        was_held = isinstance(await self.get(member_key, merchant_key), MemberEntry)
        await self._cache.delete(member_key)
        if not was_held:
            self._nobody_marks.set(merchant_key, now_s)

    def _stamp(self) -> float:
        self._last_s = max(self._clock.monotonic(), math.nextafter(self._last_s, math.inf))
        return self._last_s


def _merge(held: Entry | None, entry: Entry) -> Entry:
    if isinstance(held, MemberEntry) and isinstance(entry, MemberEntry):
        newer = max(entry, held, key=lambda one: one.begin_s)
        return msgspec.structs.replace(newer, since_s=min(held.since_s, entry.since_s))
    return held if held is not None and held.begin_s > entry.begin_s else entry

"""Where entries are held: the door behind which a memory or a server stands."""

from collections.abc import Mapping
from typing import Protocol

import msgspec
from aiocache.base import BaseCache

from loyalty_service.snapshots.entries import AliasEntry, Entry, MemberEntry, NobodyEntry
from loyalty_service.snapshots.marks import Marks
from loyalty_service.snapshots.stamps import Stamps

_MARKS = 10_000


class Moment(msgspec.Struct, frozen=True):
    """When something happened, in seconds: on this process's own clock, and on the store's.

    The zero of each is arbitrary. What happened in this process is told apart by the first, without asking anybody;
    what others have read, by the second. `there_s` is inf of an arrival, and -inf of a beginning, that a failing store
    had no time for: then nothing of it is fresh enough, and nothing is held.
    """

    here_s: float
    there_s: float


class Reading(msgspec.Struct, frozen=True):
    """What is held under a key. Where it is an alias, `member` is what is held of whom it names."""

    arrival: Moment
    entry: Entry | None = None
    member: MemberEntry | None = None


class Store(Protocol):
    """Entries by key. It is never the store's fault that a request fails: one that fails holds nothing for a while."""

    async def read(self, key: str, merchant_key: str) -> Reading:
        """Atomic. It arrived after each beginning and each invalidation that ended before."""
        ...

    async def begin(self, merchant_key: str) -> Moment:
        """Now, as the beginning of a read of the provider. No two events are at the same time."""
        ...

    async def put(self, merchant_key: str, begin: Moment, entries: Mapping[str, Entry], *, keep_s: float) -> bool:
        """Hold entries by key, read from `begin` on; what is held and began later stays. Atomic.

        `keep_s`: for how long at most, from the beginning of their read on.

        False: dropped, since the member was invalidated at or after `begin`; or, for a NobodyEntry, since the
        merchant's were.
        """
        ...

    async def invalidate(self, member_key: str, merchant_key: str) -> bool:
        """Drop a member's entry; where there is none, the merchant's NobodyEntries. Atomic.

        False: it is to be done as soon as the store answers.
        """
        ...


class CacheStore:
    """A Store on a cache of this process whose operations never suspend, which makes each method here atomic."""

    def __init__(self, cache: BaseCache, stamps: Stamps) -> None:
        self._cache = cache
        self._stamps = stamps
        self._member_marks = Marks(capacity=_MARKS)
        self._nobody_marks = Marks(capacity=_MARKS)

    async def read(self, key: str, merchant_key: str) -> Reading:
        now_s = self._stamps.make()
        arrival = Moment(now_s, now_s)
        entry: Entry | None = await self._cache.get(key)
        if isinstance(entry, AliasEntry):
            member: Entry | None = await self._cache.get(entry.member_key)
            return Reading(arrival, entry, member if isinstance(member, MemberEntry) else None)
        if isinstance(entry, NobodyEntry) and entry.begin_s <= self._nobody_marks.get(merchant_key):
            return Reading(arrival)
        return Reading(arrival, entry)

    async def begin(self, merchant_key: str) -> Moment:  # noqa: ARG002 - one clock for all
        now_s = self._stamps.make()
        return Moment(now_s, now_s)

    async def put(self, merchant_key: str, begin: Moment, entries: Mapping[str, Entry], *, keep_s: float) -> bool:
        was_put = True
        for key, entry in entries.items():
            mark_s = self._member_marks.get(key)
            if isinstance(entry, NobodyEntry):
                mark_s = max(mark_s, self._nobody_marks.get(merchant_key))
            if begin.there_s <= mark_s:
                was_put = False
                continue
            kept = _merge(await self._get(key, merchant_key), entry)
            age_s = self._stamps.look() - kept.begin_s
            await self._cache.set(key, kept, ttl=keep_s - age_s)
        return was_put

    async def invalidate(self, member_key: str, merchant_key: str) -> bool:
        now_s = self._stamps.make()
        self._member_marks.set(member_key, now_s)
        was_held = isinstance(await self._get(member_key, merchant_key), MemberEntry)
        await self._cache.delete(member_key)
        if not was_held:
            self._nobody_marks.set(merchant_key, now_s)
        return True

    async def _get(self, key: str, merchant_key: str) -> Entry | None:
        entry: Entry | None = await self._cache.get(key)
        if isinstance(entry, NobodyEntry) and entry.begin_s <= self._nobody_marks.get(merchant_key):
            return None
        return entry


def _merge(held: Entry | None, entry: Entry) -> Entry:
    if isinstance(held, MemberEntry) and isinstance(entry, MemberEntry):
        newer = max(entry, held, key=lambda one: one.begin_s)
        return msgspec.structs.replace(newer, since_s=min(held.since_s, entry.since_s))
    return held if held is not None and held.begin_s > entry.begin_s else entry

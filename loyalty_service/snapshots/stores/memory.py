"""Entries in the memory of this process."""

from collections import OrderedDict
from typing import Any

from aiocache import SimpleMemoryCache

from loyalty_service.domain.ports import Clock
from loyalty_service.snapshots.entries import Alias, Content, Entry, EntrySerializer, HeldMember, Nobody
from loyalty_service.snapshots.stores.protocol import MICROSECONDS, Lookup


class _Entries(SimpleMemoryCache):  # type: ignore[misc]  # it is Any
    """aiocache's own methods pass through five coroutines, which take longer than all other work for a held answer."""

    def find(self, key: str) -> Any:  # noqa: ANN401 - an Entry or None: aiocache publishes no types
        return self.serializer.loads(self._cache.get(self.build_key(key)))

    def hold(self, key: str, entry: Entry) -> None:
        self._cache[self.build_key(key)] = self.serializer.dumps(entry)

    def drop(self, key: str) -> None:
        del self._cache[self.build_key(key)]


class MemoryStore:
    """Holds at most `capacity` entries: the least recently used goes first.

    No method suspends, so each is atomic. Entries have no time to live, which would need a timer for each: the service
    checks their age, and the bound drops them.
    """

    def __init__(self, clock: Clock, *, capacity: int) -> None:
        self._clock = clock
        self._capacity = capacity
        self._cache = _Entries(serializer=EntrySerializer(), timeout=None)
        self._used: OrderedDict[str, None] = OrderedDict()
        self._nobody_from_us: dict[str, int] = {}
        # The latest `valid_from_us` of evicted entries. A read that began before this may be outdated, and is not put.
        self._floor_us = 0

    def __len__(self) -> int:
        return len(self._used)

    async def begin(self, merchant_key: str) -> int:  # noqa: ARG002 - all merchants have one clock
        return self._to_us(self._clock.monotonic())

    async def get(self, key: str, merchant_key: str) -> Lookup:
        now_s = self._clock.monotonic()
        entry, member = self._get(key), None
        if entry is not None and isinstance(entry.content, Alias):
            member = self._get(entry.content.member_key)
        if entry is not None and isinstance(entry.content, Nobody) and self._is_outdated(entry.began_us, merchant_key):
            entry = None
        return Lookup(asked_s=now_s, now_us=self._to_us(now_s), entry=entry, member=member)

    async def put(self, key: str, merchant_key: str, content: Content, *, began_us: int, keep_s: float) -> bool:  # noqa: ARG002 - an entry stays until it is evicted
        held = self._get(key)
        valid_from_us = began_us if held is None else held.valid_from_us
        if began_us < max(valid_from_us, self._floor_us):
            return False
        if isinstance(content, Nobody) and self._is_outdated(began_us, merchant_key):
            return False
        if held is None or began_us >= held.began_us:
            entry = Entry(key=key, began_us=began_us, valid_from_us=valid_from_us, content=content)
            self._set(key, entry)
        return True

    async def invalidate(self, key: str, merchant_key: str) -> bool:
        held = self._get(key)
        # One more than now: a read that began at this very time is outdated too.
        valid_from_us = self._to_us(self._clock.monotonic()) + 1
        self._set(key, Entry(key=key, began_us=0, valid_from_us=valid_from_us, content=None))
        if held is None or not isinstance(held.content, HeldMember):
            self._nobody_from_us[merchant_key] = valid_from_us
        return held is not None and held.content is not None

    def _get(self, key: str) -> Entry | None:
        entry: Entry | None = self._cache.find(key)
        if entry is not None:
            self._used.move_to_end(key)
        return entry

    def _set(self, key: str, entry: Entry) -> None:
        self._cache.hold(key, entry)
        self._used[key] = None
        self._used.move_to_end(key)
        while len(self._used) > self._capacity:
            oldest, _ = self._used.popitem(last=False)
            evicted: Entry = self._cache.find(oldest)
            self._floor_us = max(self._floor_us, evicted.valid_from_us)
            self._cache.drop(oldest)

    def _is_outdated(self, began_us: int, merchant_key: str) -> bool:
        return began_us < self._nobody_from_us.get(merchant_key, 0)

    def _to_us(self, time_s: float) -> int:
        return round(time_s * MICROSECONDS)

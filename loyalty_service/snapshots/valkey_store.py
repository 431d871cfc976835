"""Entries on the server that a fleet shares."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from redis.asyncio import Redis

from loyalty_service.batches import Batches
from loyalty_service.metrics import SnapshotMetrics
from loyalty_service.snapshots.entries import AliasEntry, Entry, MemberEntry, NobodyEntry
from loyalty_service.snapshots.guard import DEFAULT_PAUSE_S, Guard
from loyalty_service.snapshots.marks import Marks
from loyalty_service.snapshots.scripts import SERVER_CLOCK, Scripts
from loyalty_service.snapshots.stamps import Stamps
from loyalty_service.snapshots.store import Moment, Reading
from loyalty_service.snapshots.undelivered import Undelivered
from loyalty_service.snapshots.valkey_cache import NAMESPACE, ValkeyCache, to_micros, to_seconds
from loyalty_service.valkey import TIMEOUT_S

DEFAULT_LEASE_S = 0.5
FAILURE_TOLD_S = 2.0
# Longer than any flight, from its beginning until it is put.
_MARKS_KEPT_S = 120.0
_MARKS = 10_000
# Read in one trip at most: at a store that takes its 250 ms for each, a crowd is not to wait for many of them.
_READS = 512
_LEASE = "loyalty:lease:"
_FAILURE = "loyalty:failure:"
_FENCE = "loyalty:fence:"

_Argument = str | bytes | int
_Answer = tuple[int, bytes | None, bytes | None]
_Wanted = tuple[str, str]


class Boarding(msgspec.Struct, frozen=True):
    """What is held, and whose turn it is: of `holder`, or ours, under `leases`; of nobody where the store fails."""

    reading: Reading
    holder: bytes | None = None
    leases: tuple[str, ...] = ()


class ValkeyStore:
    """Implements Store, and keeps the leases of a fleet. One server, no cluster: scripts reach keys that they find.

    Whatever the server does, nothing here fails: see Guard. An invalidation that it could not be told is kept, and told
    before it is asked again. Until then it is as if nothing were held.
    """

    def __init__(  # noqa: PLR0913 - what tests set beside its parts
        self,
        valkey: Redis,
        cache: ValkeyCache,
        stamps: Stamps,
        metrics: SnapshotMetrics,
        *,
        clock: str = SERVER_CLOCK,
        timeout_s: float = TIMEOUT_S,
        pause_s: float = DEFAULT_PAUSE_S,
        lease_s: float = DEFAULT_LEASE_S,
    ) -> None:
        self._valkey = valkey
        self._cache = cache
        self._stamps = stamps
        self._scripts = Scripts(valkey, clock)
        self._guard = Guard(valkey, metrics, self._deliver, timeout_s=timeout_s, pause_s=pause_s)
        self._undelivered = Undelivered(capacity=_MARKS)
        self._marks = Marks(capacity=_MARKS)
        self._reads: Batches[_Wanted, _Answer | None] = Batches(self._read_all, most=_READS)
        self.lease_s = lease_s

    async def close(self) -> None:
        await self._guard.close()

    async def read(self, key: str, merchant_key: str) -> Reading:
        here_s = self._stamps.make()
        answer = None
        if not self._guard.is_down:
            answer = await self._reads.put("", (self._cache.build_key(key), _FENCE + merchant_key))
        return self._make_reading(here_s, key, answer)

    async def begin(self, merchant_key: str) -> Moment:
        now = await self._guard.run(lambda: self._scripts.begin(keys=[_FENCE + merchant_key]))
        return Moment(self._stamps.make(), -math.inf if now is None else to_seconds(now))

    async def put(self, merchant_key: str, begin: Moment, entries: Mapping[str, Entry], *, keep_s: float) -> bool:
        if begin.there_s > -math.inf:
            answer = await self._guard.run(lambda: self._put(merchant_key, entries, keep_s))
            if answer is not None:
                return bool(answer)
        # Nothing is held. What the server would have said is known of this process's invalidations.
        marked = [merchant_key if isinstance(entry, NobodyEntry) else key for key, entry in entries.items()]
        return all(begin.here_s > self._marks.get(mark) for mark in marked)

    async def invalidate(self, member_key: str, merchant_key: str) -> bool:
        for mark in (member_key, merchant_key):
            self._marks.set(mark, self._stamps.make())
        if await self._guard.run(lambda: self._invalidate(member_key, merchant_key)) is not None:
            return True
        self._undelivered.add(member_key, merchant_key)
        self._guard.leave_alone("undelivered")
        return False

    async def board(self, key: str, merchant_key: str, token: str) -> Boarding:
        """Read, and take the lease where it is free; of a known alias also its member's. Atomic."""
        here_s = self._stamps.make()
        keys = [_LEASE + key, self._cache.build_key(key), _FENCE + merchant_key]
        told: list[_Argument] = [NAMESPACE, _LEASE, token, round(self.lease_s * 1000)]
        answer: Sequence[Any] | None = await self._guard.run(lambda: self._scripts.board(keys=keys, args=told))
        if answer is None:
            return Boarding(self._make_reading(here_s, key, None))
        holder, now, value, member, took_member = answer
        reading = self._make_reading(here_s, key, (now, value, member))
        if holder is not None:
            return Boarding(reading, holder)
        if took_member and isinstance(reading.entry, AliasEntry):
            return Boarding(reading, None, (key, reading.entry.member_key))
        return Boarding(reading, None, (key,))

    async def renew(self, leases: Sequence[str], token: str) -> None:
        keys = [_LEASE + key for key in leases]
        await self._guard.run(lambda: self._scripts.renew(keys=keys, args=[token, round(self.lease_s * 1000)]))

    async def release(self, leases: Sequence[str], token: str, failure: bytes) -> None:
        """`failure`: told to those who wait for it, for a moment; empty where there was none."""
        keys = [prefix + key for key in leases for prefix in (_LEASE, _FAILURE)]
        told: list[_Argument] = [token, failure, round(FAILURE_TOLD_S * 1000)]
        await self._guard.run(lambda: self._scripts.release(keys=keys, args=told))

    async def look(self, key: str, holder: bytes) -> tuple[bool, bytes | None]:
        """Whether the lease is still the holder's, and else how it failed, if that is known."""
        keys = [_LEASE + key, _FAILURE + key]
        answer: list[Any] | None = await self._guard.run(lambda: self._valkey.mget(keys))
        if answer is None:
            return False, None
        current, failure = answer
        if current == holder:
            return True, None
        return False, failure.removeprefix(holder) if failure and failure.startswith(holder) else None

    async def _read_all(self, wanted: Sequence[_Wanted]) -> list[_Answer | None]:
        """What waits to be read goes in one trip: a trip costs this process far more than what it carries."""
        keys = [key for pair in wanted for key in pair]
        answers = await self._guard.run(lambda: self._scripts.read(keys=keys, args=[NAMESPACE]))
        if answers is None:
            return [None] * len(wanted)
        return [tuple(answers[place : place + 3]) for place in range(0, len(answers), 3)]

    def _make_reading(self, here_s: float, key: str, answer: _Answer | None) -> Reading:
        if answer is None:
            return Reading(Moment(here_s, math.inf))
        now, value, member_value = answer
        arrival, entry = Moment(here_s, to_seconds(now)), self._cache.decode(key, value)
        if not isinstance(entry, AliasEntry):
            return Reading(arrival, entry)
        member = self._cache.decode(entry.member_key, member_value)
        return Reading(arrival, entry, member if isinstance(member, MemberEntry) else None)

    async def _put(self, merchant_key: str, entries: Mapping[str, Entry], keep_s: float) -> int:
        keys: list[str] = [_FENCE + merchant_key]
        told: list[_Argument] = []
        for key, entry in entries.items():
            keys.append(self._cache.build_key(key))
            told += [key, to_micros(keep_s), self._cache.encode(key, entry)]
        answer: int = await self._scripts.put(keys=keys, args=told)
        return answer

    async def _invalidate(self, member_key: str, merchant_key: str) -> int:
        keys = [_FENCE + merchant_key, self._cache.build_key(member_key)]
        told: list[_Argument] = [member_key, to_micros(_MARKS_KEPT_S), _MARKS]
        answer: int = await self._scripts.invalidate(keys=keys, args=told)
        return answer

    async def _deliver(self) -> None:
        async def forget(merchant_key: str) -> None:
            await self._valkey.unlink(_FENCE + merchant_key)

        async def invalidate(member_key: str, merchant_key: str) -> None:
            await self._invalidate(member_key, merchant_key)

        await self._undelivered.deliver(forget, invalidate)

"""Who waits for slots of one token: the most urgent first, and of those who came first."""

import asyncio
import contextlib
import itertools

import msgspec

from loyalty_service.domain.ports import Clock
from loyalty_service.domain.priority import Priority
from loyalty_service.trifft.rack import Rack, Taken, Wanted
from loyalty_service.trifft.slots import Busy

# Where nobody can say when a slot will be free: another process may have given one back.
_LOOK_AGAIN_S = 0.1
_places = itertools.count()


class Waiter(msgspec.Struct, kw_only=True, eq=False):
    """`found`: the slots, or why there are none before `deadline_s` (the clock's)."""

    wanted: Wanted
    priority: Priority
    deadline_s: float
    found: "asyncio.Future[Taken | Busy]"
    place: int = msgspec.field(default_factory=lambda: next(_places))


class Line:
    """A task of its own hands out slots, until nobody waits any more."""

    def __init__(self, rack: Rack, clock: Clock) -> None:
        self._rack = rack
        self._clock = clock
        self._waiting: list[Waiter] = []
        self._changed = asyncio.Event()
        self._busy = Busy(earliest_s=0, expected_s=0)
        self._look_s = clock.monotonic()

    def join(self, waiter: Waiter) -> None:
        self._waiting.append(waiter)
        if self._pick() is waiter:
            self.wake()
        elif self._is_too_late(waiter):
            waiter.found.set_result(self.look())

    def leave(self, waiter: Waiter) -> None:
        """It waits no more, whether or not it has got anything."""
        waiter.found.cancel()
        self.wake()

    def wake(self) -> None:
        """There may be something to hand out."""
        self._changed.set()

    def look(self) -> Busy:
        """What the first met the last time, counted from now."""
        passed_s = self._clock.monotonic() - self._look_s
        return msgspec.structs.replace(
            self._busy,
            earliest_s=max(0.0, self._busy.earliest_s - passed_s),
            expected_s=max(_LOOK_AGAIN_S, self._busy.expected_s - passed_s),
        )

    async def work(self) -> None:
        while waiter := self._pick():
            self._changed.clear()
            answer = await self._rack.take(waiter.wanted, waiter.priority)
            if isinstance(answer, Busy):
                await self._wait(waiter, answer)
            elif waiter.found.done():  # it has gone away meanwhile
                self._rack.finish(answer)
            else:
                waiter.found.set_result(answer)

    async def _wait(self, first: Waiter, busy: Busy) -> None:
        """Who is behind the first gets nothing before it does: they, too, are told where it will be too late."""
        self._busy, self._look_s = busy, self._clock.monotonic()
        for waiter in self._waiting:
            if not waiter.found.done() and waiter.wanted.count >= first.wanted.count and self._is_too_late(waiter):
                waiter.found.set_result(busy)
        if first.found.done():
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(busy.earliest_s or _LOOK_AGAIN_S):
                await self._changed.wait()

    def _pick(self) -> Waiter | None:
        self._waiting = [waiter for waiter in self._waiting if not waiter.found.done()]
        return min(self._waiting, key=lambda waiter: (waiter.priority, waiter.place), default=None)

    def _is_too_late(self, waiter: Waiter) -> bool:
        return waiter.deadline_s < self._look_s + self._busy.earliest_s

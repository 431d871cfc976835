"""What TRIFFT allows one token, kept to: nothing is sent without a slot."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import msgspec

from loyalty_service.domain.errors import ProviderThrottledError
from loyalty_service.domain.merchant import Merchant
from loyalty_service.domain.ports import Clock
from loyalty_service.domain.priority import Priority
from loyalty_service.metrics import Metrics
from loyalty_service.trifft.line import Line, Waiter
from loyalty_service.trifft.profile import Rate
from loyalty_service.trifft.rack import Rack, Taken, Wanted
from loyalty_service.trifft.slots import MARGIN_S, UNANSWERED_S, Busy

_DIGEST_BYTES = 16
# The whole fleet must count under one name, so this is not one of the keys that rotate. Tokens are long and random:
# nobody finds one from its hash.
_HASH_KEY = b"loyalty_service.trifft.budget"
_TOO_MANY = 429


class Sent:
    """One request that is on its way. Call one of these before its block ends; else it got no answer."""

    def __init__(self) -> None:
        self.status: int | None = None
        self.has_left = True

    def answer(self, status: int) -> None:
        self.status = status

    def stay(self) -> None:
        """It never left: no connection stood."""
        self.has_left = False


class Permit:
    """The slots of one set of requests."""

    def __init__(self, budget: "Budget", wanted: Wanted, priority: Priority, taken: Taken) -> None:
        self._budget = budget
        self._wanted = wanted
        self._priority = priority
        self._taken = [taken]
        self.has_sent = False

    async def add(self, *, wait_s: float) -> None:
        """One slot more, as urgent as the others. Raises ProviderThrottledError."""
        wanted = msgspec.structs.replace(self._wanted, count=1)
        self._taken.append(await self._budget.find(wanted, self._priority, wait_s=wait_s))

    @contextmanager
    def send(self) -> Iterator[Sent]:
        """Around one request. Raises ProviderThrottledError where the token was closed meanwhile."""
        taken = next(taken for taken in self._taken if taken.ids)
        rack = self._budget.rack
        if obstacle := rack.check(taken):
            raise make_error(obstacle)
        slot_id = rack.send(taken)
        self.has_sent = True
        sent = Sent()
        try:
            yield sent
        finally:
            if sent.status is not None:
                rack.answer(taken, slot_id, is_refused=sent.status == _TOO_MANY)
            elif sent.has_left:
                rack.lose(taken, slot_id)
            else:
                rack.unsend(taken, slot_id)
            self._budget.count(self._priority, sent)

    def close(self) -> None:
        for taken in self._taken:
            self._budget.rack.finish(taken)


class Budget:
    """Slots for those who ask, the most urgent first. Close it when nobody asks any more."""

    def __init__(self, rack: Rack, clock: Clock, metrics: Metrics) -> None:
        self.rack = rack
        self._clock = clock
        self._metrics = metrics
        self._lines: dict[str, Line] = {}
        self._tasks: set[asyncio.Task[object]] = set()
        self._start_time = clock.now()
        rack.on_change = self._wake

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @asynccontextmanager
    async def take(  # noqa: PLR0913 - each says something else of what is wanted
        self, merchant: Merchant, rate: Rate, priority: Priority, *, count: int, wait_s: float, timeout_s: float
    ) -> AsyncIterator[Permit]:
        """Slots for `count` requests, waited for at most `wait_s`; all is over `timeout_s` from now at the latest.

        What is not sent in them is given back at the end of the block. Raises ProviderThrottledError, at once where it
        is certain that there will be none in time.
        """
        wanted = Wanted(
            key=_hash(merchant.provider_token),
            rate=rate,
            count=count,
            lease_s=timeout_s + rate.period_s + MARGIN_S + UNANSWERED_S,
            is_new=merchant.create_time > self._start_time,
        )
        taken = await self.find(wanted, priority, wait_s=wait_s)
        permit = Permit(self, wanted, priority, taken)
        try:
            yield permit
        finally:
            permit.close()

    async def find(self, wanted: Wanted, priority: Priority, *, wait_s: float) -> Taken:
        """Raises ProviderThrottledError."""
        found = None if wanted.key in self._lines else await self._take(wanted, priority)
        if found is None or (isinstance(found, Busy) and found.earliest_s <= wait_s):
            found = await self._line_up(wanted, priority, wait_s)
        if isinstance(found, Busy):
            self._metrics.budget_refused.labels(_name(priority)).inc()
            raise make_error(found)
        return found

    def count(self, priority: Priority, sent: Sent) -> None:
        if sent.has_left:
            self._metrics.budget_used.labels(_name(priority)).inc()
        if sent.status == _TOO_MANY:
            self._metrics.provider_throttled.inc()

    async def _take(self, wanted: Wanted, priority: Priority) -> Taken | Busy:
        if self.rack.fleet is None:  # nothing suspends
            return await self.rack.take(wanted, priority)
        task = asyncio.create_task(self.rack.take(wanted, priority))
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            task.add_done_callback(self._finish)
            raise

    async def _line_up(self, wanted: Wanted, priority: Priority, wait_s: float) -> Taken | Busy:
        waiter = Waiter(
            wanted=wanted,
            priority=priority,
            deadline_s=self._clock.monotonic() + wait_s,
            found=asyncio.get_running_loop().create_future(),
        )
        line = self._lines.get(wanted.key) or self._open_line(wanted.key)
        line.join(waiter)
        try:
            await asyncio.wait({waiter.found}, timeout=wait_s)
            return waiter.found.result() if waiter.found.done() else line.look()
        except asyncio.CancelledError:
            if waiter.found.done():
                self._finish(waiter.found)
            raise
        finally:
            line.leave(waiter)

    def _open_line(self, key: str) -> Line:
        line = self._lines[key] = Line(self.rack, self._clock)

        async def work() -> None:
            try:
                await line.work()
            finally:
                del self._lines[key]

        task = asyncio.create_task(work())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return line

    def _finish(self, found: "asyncio.Future[Taken | Busy]") -> None:
        """Give back what was found for somebody who has gone away."""
        if not found.cancelled() and isinstance(taken := found.result(), Taken):
            self.rack.finish(taken)

    def _wake(self, key: str) -> None:
        if line := self._lines.get(key):
            line.wake()


def make_error(busy: Busy) -> ProviderThrottledError:
    if busy.is_refused:
        message = "TRIFFT refuses further requests for now"
    elif busy.is_cautious:
        message = (
            "hardly anything is sent to TRIFFT for some seconds: what it was sent before is not known "
            "(the service has just started, or its shared store was lost)"
        )
    else:
        message = "our own budget of requests to TRIFFT is spent for now"
    return ProviderThrottledError(message, busy.expected_s)


def _name(priority: Priority) -> str:
    return priority.name.lower()


def _hash(token: str) -> str:
    return hashlib.blake2b(token.encode(), digest_size=_DIGEST_BYTES, key=_HASH_KEY).hexdigest()

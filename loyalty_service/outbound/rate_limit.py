"""The rate limiter of each token: no request is sent without a permit.

Processes with a shared store count together. Without a store, or while it is down, each process uses its share of the
rate.
"""

import asyncio
import bisect
import contextlib
import hashlib
import itertools
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

from loyalty_service.domain.errors import ProviderThrottledError
from loyalty_service.domain.findings import RateFinding
from loyalty_service.domain.ports import Clock
from loyalty_service.domain.priority import Priority
from loyalty_service.metrics import Metrics
from loyalty_service.outbound.recent import RecentCount
from loyalty_service.outbound.shared_window import SharedWindow
from loyalty_service.outbound.sliding_window import FORGET_S, Grant, Rate, Refusal, SlidingWindow
from loyalty_service.outbound.transport import Answer, NoAnswerError
from loyalty_service.valkey import Valkey, ValkeyDownError

# A margin: the provider's clock and ours may round differently.
MARGIN_S = 0.05
# A permit may become free at any moment: the time after which we look again, and the time after which callers may
# retry.
_LOOK_AGAIN_S = 0.1
_ASK_AGAIN_S = 1.0
_DIGEST_BYTES = 16
# All processes must use the same name for a token, so the hash does not use a key that rotates. Tokens are long and
# random, so a hash does not reveal its token.
_HASH_KEY = b"loyalty_service.outbound"
_TOO_MANY_REQUESTS = 429


class RateLimiter:
    """Grants permits by priority, and within a priority in the order of arrival. Each process has its own queue."""

    def __init__(self, clock: Clock, metrics: Metrics, *, replicas: int = 1, valkey: Valkey | None = None) -> None:
        self._clock = clock
        self._metrics = metrics
        self._replicas = replicas
        self._shared = None if valkey is None else SharedWindow(valkey)
        self._tokens: dict[str, _Token] = {}
        self._forget_time_s = clock.monotonic() + FORGET_S

    async def close(self) -> None:
        if self._shared is not None:
            await self._shared.close()

    @asynccontextmanager
    async def acquire(  # noqa: PLR0913 - each states a condition of the permits
        self, provider_token: str, rate: Rate, priority: Priority, *, count: int, wait_s: float, timeout_s: float
    ) -> AsyncIterator["Permits"]:
        """Wait at most `wait_s` for `count` permits; the requests must end within `timeout_s` from now.

        Unused permits are returned. Raises ProviderThrottledError, at once if no permit will be free in time.
        """
        key = _make_key(provider_token)
        token = self._tokens.get(key)
        if token is None:
            self._forget_idle()
            token = self._tokens[key] = self._make_token(key)
        permits = Permits(token, rate, priority, timeout_s, self._metrics)
        try:
            await permits.add(count, wait_s=wait_s)
            yield permits
        finally:
            token.end(permits.ids)

    def count_closed(self) -> int:
        """The number of tokens that a 429 has closed, as far as this process knows."""
        self._forget_idle()
        return sum(not token.window.is_open for token in self._tokens.values())

    def describe(self, provider_token: str, rate: Rate) -> RateFinding:
        limit = rate.get_limit(Priority.AWARD, self._replicas if self._shared is None else 1)
        token = self._tokens.get(_make_key(provider_token)) or self._make_token("")
        return token.describe(limit, rate.period_s)

    def _make_token(self, key: str) -> "_Token":
        return _Token(key, self._clock, self._shared, self._replicas)

    def _forget_idle(self) -> None:
        """Forget the tokens that are no longer used."""
        now_s = self._clock.monotonic()
        if now_s >= self._forget_time_s:
            self._forget_time_s = now_s + FORGET_S
            self._tokens = {key: token for key, token in self._tokens.items() if not token.is_idle()}


class Permits:
    """The permits of one read or one booking."""

    def __init__(self, token: "_Token", rate: Rate, priority: Priority, timeout_s: float, metrics: Metrics) -> None:
        self._token = token
        self.rate = rate
        self.priority = priority
        self.timeout_s = timeout_s
        self.busy_s = rate.period_s + MARGIN_S
        self._metrics = metrics
        self._is_probe = False
        self.ids: list[str] = []

    async def add(self, count: int = 1, *, wait_s: float) -> None:
        """Raises ProviderThrottledError."""
        ids = self._token.make_ids(count)
        answer = await self._token.wait(self, ids, wait_s)
        if isinstance(answer, Refusal):
            self._metrics.budget_refused.labels(self.priority.name.lower()).inc()
            self._token.note_refusal(answer, self.priority)
            raise _make_error(answer)
        self.ids += ids
        self._is_probe = self._is_probe or answer.is_probe

    async def send(self, call: Callable[[], Awaitable[Answer]]) -> Answer:
        """Send one request. Raises ProviderThrottledError if the token was closed meanwhile, and NoAnswerError."""
        if not self._is_probe and (refusal := self._token.window.find_closed()):
            raise _make_error(refusal)
        permit_id = self.ids.pop()
        status, busy_s = None, self.busy_s
        try:
            answer = await call()
            status = answer.status
        except NoAnswerError as error:
            busy_s = self.busy_s if error.may_have_left else 0
            raise
        finally:
            self._end(permit_id, busy_s, status)
        return answer

    def _end(self, permit_id: str, busy_s: float, status: int | None) -> None:
        closed_s = None
        if status == _TOO_MANY_REQUESTS:
            closed_s = self.rate.block_s + MARGIN_S
            self._metrics.provider_throttled.inc()
            self._token.throttled.add()
        elif status is not None and self._is_probe:
            closed_s = 0.0
        if closed_s is not None:
            self._is_probe = False
        if busy_s:
            self._metrics.budget_used.labels(self.priority.name.lower()).inc()
        self._token.end([permit_id], busy_s=busy_s, closed_s=closed_s)


class _Token:
    """One token's windows, and the queue for its permits."""

    def __init__(self, key: str, clock: Clock, shared: SharedWindow | None, replicas: int) -> None:
        self._clock = clock
        self.window = SlidingWindow(clock)
        self.throttled, self._refused = RecentCount(clock), RecentCount(clock)
        self._key = key
        self._shared = shared
        self._replicas = replicas
        self._queue: list[tuple[Priority, asyncio.Event]] = []
        self._name, self._numbers = uuid.uuid4().hex, itertools.count()

    def make_ids(self, count: int) -> list[str]:
        """Make ids of permits that no other process has either."""
        return [f"{self._name}-{next(self._numbers)}" for _ in range(count)]

    async def wait(self, permits: Permits, ids: list[str], wait_s: float) -> Grant | Refusal:
        clock = asyncio.get_running_loop().time
        deadline_s = clock() + wait_s
        refusal = Refusal(earliest_s=0)
        me = permits.priority, (changed := asyncio.Event())
        bisect.insort(self._queue, me, key=lambda waiter: waiter[0])  # after those of the same priority
        try:
            while True:
                changed.clear()
                pause_s = wait_s
                if self._queue[0] is me:
                    answer = await self._take(permits, ids)
                    if isinstance(answer, Grant):
                        return answer
                    refusal, pause_s = answer, answer.earliest_s or _LOOK_AGAIN_S
                left_s = deadline_s - clock()
                if left_s <= refusal.earliest_s:
                    return refusal
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(min(pause_s, left_s)):
                        await changed.wait()
        finally:
            self._queue.remove(me)
            self._wake()

    def is_idle(self) -> bool:
        return not self._queue and self.window.is_idle()

    def describe(self, limit: int, period_s: float) -> RateFinding:
        closed = self.window.find_closed()
        closed_s = closed.earliest_s if closed else 0.0
        return RateFinding(
            permits_used=self.window.count_taken(),
            permits_limit=limit,
            period_s=period_s,
            closed_until=self._clock.now() + timedelta(seconds=closed_s) if closed_s else None,
            throttled_count=self.throttled.count,
            throttle_time=self.throttled.last_time,
            refused_count=self._refused.count,
            refuse_time=self._refused.last_time,
        )

    def note_refusal(self, refusal: Refusal, priority: Priority) -> None:
        """Batch reads are refused on purpose; those that somebody waits for should not be."""
        if not refusal.is_closed and priority is not Priority.BATCH:
            self._refused.add()

    def end(self, ids: list[str], *, busy_s: float = 0, closed_s: float | None = None) -> None:
        """As SlidingWindow.end; without `busy_s`, the permits are returned."""
        if ids:
            self.window.end(ids, busy_s=busy_s, closed_s=closed_s)
            if self._shared is not None:
                self._shared.end(self._key, ids, busy_s=busy_s, closed_s=closed_s)
            self._wake()

    async def _take(self, permits: Permits, ids: list[str]) -> Grant | Refusal:
        rate, priority, timeout_s, busy_s = permits.rate, permits.priority, permits.timeout_s, permits.busy_s
        if self._shared is not None and not self.window.find_closed():
            with contextlib.suppress(ValkeyDownError):
                answer = await self._shared.take(
                    self._key, ids, limit=rate.get_limit(priority), timeout_s=timeout_s, busy_s=busy_s
                )
                self.window.note(answer, ids, timeout_s + busy_s)
                return answer
        limit = rate.get_limit(priority, self._replicas)
        return self.window.take(ids, limit=limit, timeout_s=timeout_s, busy_s=busy_s)

    def _wake(self) -> None:
        if self._queue:
            _, changed = self._queue[0]
            changed.set()


def _make_key(provider_token: str) -> str:
    return hashlib.blake2b(provider_token.encode(), digest_size=_DIGEST_BYTES, key=_HASH_KEY).hexdigest()


def _make_error(refusal: Refusal) -> ProviderThrottledError:
    limit = "our own limit of requests to TRIFFT is used up for the moment"
    message = "TRIFFT refuses requests for the moment" if refusal.is_closed else limit
    return ProviderThrottledError(message, refusal.earliest_s or _ASK_AGAIN_S)

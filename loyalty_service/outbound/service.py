"""Calls to a provider: first the circuit breaker, then the rate limiter, then the request.

Reads are retried, bookings never. This package finds out whether a request arrived; the provider's adapter interprets
the answer.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from types import TracebackType
from typing import Self

from loyalty_service.domain.deadline import Deadline
from loyalty_service.domain.errors import (
    BookingUnknownError,
    ProviderTimeoutError,
    ProviderUnavailableError,
)
from loyalty_service.domain.findings import BreakerFinding, RateFinding
from loyalty_service.domain.merchant import Merchant
from loyalty_service.domain.ports import Clock
from loyalty_service.domain.priority import Priority
from loyalty_service.metrics import Metrics
from loyalty_service.outbound.circuit_breaker import CircuitBreaker
from loyalty_service.outbound.rate_limit import RateLimiter
from loyalty_service.outbound.retry import WAIT_SHARE, ReadRequests
from loyalty_service.outbound.sliding_window import Rate
from loyalty_service.outbound.transport import Answer, NoAnswerError, Request, Transport
from loyalty_service.valkey import Valkey
from runtime.proxy import HttpProxy

# How long an award waits for a permit: the agent is answered within LOYALTY_AWARD_ANSWER_S.
_BOOKING_WAIT_S = 1.5


class Outbound:
    """`async with` opens and closes its connections.

    `valkey`: the store in which all processes count their requests together; without it, each of `replicas` processes
    uses its share of the rate. `proxy`: the proxy that requests go through.
    """

    def __init__(
        self,
        clock: Clock,
        metrics: Metrics,
        *,
        valkey: Valkey | None = None,
        replicas: int = 1,
        proxy: HttpProxy | None = None,
    ) -> None:
        self._clock = clock
        self._metrics = metrics
        self._limiter = RateLimiter(clock, metrics, replicas=replicas, valkey=valkey)
        self._breaker = CircuitBreaker(clock)
        self._transport = Transport(proxy)
        metrics.watch_provider(count_breakers=self._breaker.count, count_closed=self._limiter.count_closed)

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self._limiter.close)
            await stack.enter_async_context(self._transport)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    @asynccontextmanager
    async def open_read(  # noqa: PLR0913 - each states a condition of the read
        self,
        merchant: Merchant,
        rate: Rate,
        priority: Priority,
        *,
        timeout_s: float,
        count: int = 1,
        is_forced: bool = False,
    ) -> AsyncIterator[ReadRequests]:
        """Wrap one read, which begins once it has permits for its `count` planned requests.

        `is_forced`: it ignores the circuit breaker. Raises ProviderThrottledError, ProviderUnavailableError, and
        ProviderTimeoutError where the block takes longer than `timeout_s`.
        """
        token, wait_s = merchant.provider_token, timeout_s * WAIT_SHARE
        acquiring = self._limiter.acquire(token, rate, priority, count=count, wait_s=wait_s, timeout_s=timeout_s)
        deadline_s = self._clock.monotonic() + timeout_s
        with self._breaker.attempt(merchant, is_forced=is_forced) as attempt:
            try:
                async with asyncio.timeout(timeout_s), acquiring as permits:
                    yield ReadRequests(
                        transport=self._transport,
                        merchant=merchant,
                        permits=permits,
                        attempt=attempt,
                        clock=self._clock,
                        deadline_s=deadline_s,
                        metrics=self._metrics,
                    )
            except TimeoutError as error:
                attempt.fail()
                raise ProviderTimeoutError(f"TRIFFT did not answer within {timeout_s:g} s") from error

    def describe_rate(self, merchant: Merchant, rate: Rate) -> RateFinding:
        """How the merchant's token stands, in this process."""
        return self._limiter.describe(merchant.provider_token, rate)

    def describe_breaker(self, merchant: Merchant) -> BreakerFinding | None:
        """None: the merchant's breaker is closed."""
        return self._breaker.describe(merchant)

    async def book(self, merchant: Merchant, rate: Rate, request: Request, *, timeout_s: float) -> Answer:
        """Send a request with a body once, on a connection of its own; none of its bytes leaves after `timeout_s`.

        Raises BookingUnknownError if it may have arrived; ProviderThrottledError or ProviderUnavailableError if it
        certainly did not.
        """
        deadline = Deadline(self._clock, timeout_s)
        token, wait_s = merchant.provider_token, min(_BOOKING_WAIT_S, timeout_s / 2)
        acquiring = self._limiter.acquire(token, rate, Priority.AWARD, count=1, wait_s=wait_s, timeout_s=timeout_s)
        with self._breaker.attempt(merchant) as attempt:
            async with acquiring as permits:
                try:
                    answer = await permits.send(lambda: self._transport.send_once(merchant, request, deadline))
                except NoAnswerError as error:
                    attempt.fail()
                    if error.may_have_left:
                        raise BookingUnknownError("TRIFFT's answer was lost") from error
                    raise ProviderUnavailableError(str(error)) from error
            if answer.is_failure:
                attempt.fail()
            else:
                attempt.succeed()
        return answer

"""The requests of a read: a request that failed quickly is retried. A read makes at most two retries."""

import asyncio
import random

from loyalty_service.domain.errors import ProviderThrottledError, ProviderUnavailableError
from loyalty_service.domain.merchant import Merchant
from loyalty_service.domain.ports import Clock
from loyalty_service.metrics import Metrics
from loyalty_service.outbound.circuit_breaker import Attempt
from loyalty_service.outbound.rate_limit import Permits
from loyalty_service.outbound.transport import Answer, NoAnswerError, Request, Transport

# The longest pause before the first and the second retry; the shortest is half of it. The jitter spreads retries that
# began together.
PAUSES_S = (0.1, 0.3)
# A request that fails later than this is not retried: the retry would miss the reader's deadline.
QUICK_S = 0.3
# The part of a read's time that it may wait for permits; the rest is for the provider's answer.
WAIT_SHARE = 0.5


class ReadRequests:
    """The requests of one read, which ends at `deadline_s`."""

    def __init__(  # noqa: PLR0913 - its collaborators
        self,
        *,
        transport: Transport,
        merchant: Merchant,
        permits: Permits,
        attempt: Attempt,
        clock: Clock,
        deadline_s: float,
        metrics: Metrics,
    ) -> None:
        self._transport = transport
        self._merchant = merchant
        self._permits = permits
        self._attempt = attempt
        self._clock = clock
        self._deadline_s = deadline_s
        self._metrics = metrics
        self._pauses_s = [] if attempt.is_probe else list(PAUSES_S)

    async def send(self, request: Request) -> Answer:
        """Return the answer; if all retries failed, the last answer.

        Raises ProviderUnavailableError if there was no answer, and ProviderThrottledError.
        """
        while True:
            begin_s = self._clock.monotonic()
            outcome = await self._try(request)
            if isinstance(outcome, Answer) and not outcome.is_failure:
                self._attempt.succeed()
                return outcome
            if not await self._may_retry(self._clock.monotonic() - begin_s):
                break
            self._metrics.provider_retries.inc()
        self._attempt.fail()
        if isinstance(outcome, NoAnswerError):
            raise ProviderUnavailableError(str(outcome)) from outcome
        return outcome

    async def plan(self) -> None:
        """Take one more permit than the read had planned. Raises ProviderThrottledError."""
        await self._permits.add(wait_s=self._get_left_s() * WAIT_SHARE)

    async def _try(self, request: Request) -> Answer | NoAnswerError:
        try:
            return await self._permits.send(lambda: self._transport.fetch(self._merchant, request))
        except NoAnswerError as error:
            return error

    async def _may_retry(self, took_s: float) -> bool:
        """If there is time, wait, take a permit and return True."""
        if not self._pauses_s or took_s > QUICK_S:
            return False
        pause_s = self._pauses_s.pop(0) * random.uniform(0.5, 1)  # noqa: S311 - jitter needs no secrecy
        if self._get_left_s() < pause_s + 2 * took_s:
            return False
        await asyncio.sleep(pause_s)
        try:
            await self.plan()
        except ProviderThrottledError:
            return False
        return True

    def _get_left_s(self) -> float:
        return self._deadline_s - self._clock.monotonic()

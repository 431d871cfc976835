"""One request of a read and its answer: in a slot, and again where it failed quickly."""

import asyncio
import random
from collections.abc import Callable
from typing import TypeVar

import aiohttp

from loyalty_service.domain.errors import ProviderThrottledError, ProviderUnavailableError
from loyalty_service.domain.merchant import Merchant
from loyalty_service.domain.ports import Clock
from loyalty_service.metrics import Metrics
from loyalty_service.trifft.answers import log_unreachable
from loyalty_service.trifft.budget import Permit
from loyalty_service.trifft.transport import NEVER_SENT, Answer, Request, Transport

MAX_REPEATS = 2
# What fails later than this would fail the reader's deadline, too, if it were tried again.
QUICK_S = 0.3
# Before the first repeat and the second, at most; at least half of it. So many that failed at once come back apart.
PAUSES_S = (0.1, 0.3)

T = TypeVar("T")


class Exchange:
    """Of one read, which may send `repeats` requests again, all its requests together, until `deadline_s`."""

    def __init__(  # noqa: PLR0913 - what a request needs
        self,
        transport: Transport,
        permit: Permit,
        clock: Clock,
        metrics: Metrics,
        *,
        deadline_s: float,
        repeats: int,
    ) -> None:
        self._transport = transport
        self._permit = permit
        self._clock = clock
        self._metrics = metrics
        self._deadline_s = deadline_s
        self._pauses_s = list(PAUSES_S[:repeats])

    async def ask(self, merchant: Merchant, request: Request, read: Callable[[Answer], T]) -> T:
        """What `read` makes of the answer; asked again where it raises ProviderUnavailableError, or none came.

        Raises ProviderUnavailableError, ProviderThrottledError, BodyTooLargeError, and what `read` raises.
        """
        while True:
            begin_s = self._clock.monotonic()
            try:
                return read(await self._send(merchant, request))
            except ProviderUnavailableError:
                if not await self._may_repeat(begin_s):
                    raise
            self._metrics.provider_retries.inc()

    async def add(self) -> None:
        """A slot for a request that was not planned. Raises ProviderThrottledError."""
        await self._permit.add(wait_s=self._left_s() / 2)

    async def _send(self, merchant: Merchant, request: Request) -> Answer:
        try:
            with self._permit.send() as sent:
                try:
                    answer = await self._transport.fetch(merchant, request)
                except NEVER_SENT:
                    sent.stay()
                    raise
                sent.answer(answer.status)
        except (aiohttp.ClientError, OSError) as error:
            log_unreachable(merchant, request, error)
            raise ProviderUnavailableError(self._transport.explain(error)) from error
        return answer

    async def _may_repeat(self, begin_s: float) -> bool:
        """Waits, and takes a slot, where there is time."""
        took_s = self._clock.monotonic() - begin_s
        if not self._pauses_s or took_s > QUICK_S:
            return False
        pause_s = self._pauses_s.pop(0) * random.uniform(0.5, 1)  # noqa: S311 - nothing secret
        if self._left_s() < pause_s + 2 * took_s:
            return False
        await asyncio.sleep(pause_s)
        try:
            await self.add()
        except ProviderThrottledError:
            return False
        return True

    def _left_s(self) -> float:
        return self._deadline_s - self._clock.monotonic()

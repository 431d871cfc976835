"""One process's rate limiter, and callers that ask it for permits."""

import asyncio
from contextlib import AsyncExitStack

from loyalty_service.domain.ports import Clock
from loyalty_service.domain.priority import Priority
from loyalty_service.metrics import Metrics
from loyalty_service.outbound.rate_limit import Permits, RateLimiter
from loyalty_service.outbound.sliding_window import Rate
from loyalty_service.outbound.transport import Answer, NoAnswerError
from loyalty_service.valkey import Valkey

TOKEN = "a shop's"
# TRIFFT's, but for a period that does not pass while a test runs on a busy machine.
RATE = Rate(requests=50, period_s=600, block_s=60)


async def settle() -> None:
    """Let all callers run as far as they can."""
    for _ in range(10):
        await asyncio.sleep(0)


async def answer(permits: Permits, status: int = 200, count: int = 1, *, when: asyncio.Event | None = None) -> None:
    """Answer requests at once, or when `when` is set."""

    async def call() -> Answer:
        if when is not None:
            await when.wait()
        return Answer(status=status, is_json=True, is_cut=False, body=b"{}")

    for _ in range(count):
        await permits.send(call)


async def lose(permits: Permits, *, may_have_left: bool) -> None:
    """Send a request that gets no answer."""

    async def call() -> Answer:
        raise NoAnswerError("", may_have_left=may_have_left)

    try:
        await permits.send(call)
    except NoAnswerError:
        return


class Process:
    def __init__(self, clock: Clock, *, replicas: int = 1, valkey: Valkey | None = None) -> None:
        self.valkey = valkey
        self.metrics = Metrics()
        self.limiter = RateLimiter(clock, self.metrics, replicas=replicas, valkey=valkey)
        self.stack = AsyncExitStack()
        self.served: list[str] = []
        self.may_end = asyncio.Event()
        self.may_end.set()

    async def take(
        self,
        count: int,
        priority: Priority = Priority.AWARD,
        *,
        token: str = TOKEN,
        rate: Rate = RATE,
        timeout_s: float = 2,
    ) -> Permits:
        """Held until `give_back`. Raises ProviderThrottledError where they are not to be had at once."""
        taking = self.limiter.acquire(token, rate, priority, count=count, wait_s=0, timeout_s=timeout_s)
        return await self.stack.enter_async_context(taking)

    async def wait(
        self, name: str, priority: Priority, *, count: int = 1, wait_s: float = 60, rate: Rate = RATE
    ) -> None:
        async with self.limiter.acquire(TOKEN, rate, priority, count=count, wait_s=wait_s, timeout_s=2):
            self.served.append(name)
            await self.may_end.wait()

    async def queue(self, name: str, priority: Priority, *, count: int = 1, wait_s: float = 60) -> "asyncio.Task[None]":
        task = asyncio.create_task(self.wait(name, priority, count=count, wait_s=wait_s))
        await settle()
        return task

    async def give_back(self) -> None:
        """All that was taken and not used; and the shared store knows."""
        await self.stack.aclose()
        await settle()
        await self.limiter.close()

    def read(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(name, labels) or 0

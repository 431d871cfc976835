"""Keeps a shared store that fails from failing, or slowing, those who ask it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog
from redis.asyncio import Redis
from redis.exceptions import OutOfMemoryError

from loyalty_service.metrics import SnapshotMetrics
from loyalty_service.valkey import VALKEY_ERRORS, name_failure

DEFAULT_PAUSE_S = 1.0
_PROBE_KEY = "loyalty:probe"

T = TypeVar("T")

logger = structlog.get_logger()


class Guard:
    """Each call has `timeout_s`. After one that failed the store is left alone, until a probe finds it back.

    It is probed at once, since it may have been this process that was slow: where the store answers that, a call that
    was out of time is tried once more. Then after each `pause_s`. `deliver` is what the store has to be told before it
    is asked anything again. A store that is only full answers: its refusals are counted, and it is asked on.
    """

    def __init__(
        self,
        valkey: Redis,
        metrics: SnapshotMetrics,
        deliver: Callable[[], Awaitable[None]],
        *,
        timeout_s: float,
        pause_s: float,
    ) -> None:
        self._valkey = valkey
        self._metrics = metrics
        self._deliver = deliver
        self._timeout_s = timeout_s
        self._pause_s = pause_s
        self._probing: asyncio.Task[None] | None = None
        self._first_probe: asyncio.Future[None] | None = None
        self._is_closed = False

    @property
    def is_down(self) -> bool:
        """Whether it is known to fail."""
        return self._is_closed or (self._probing is not None and self._first_probe is None)

    async def run(self, call: Callable[[], Awaitable[T]]) -> T | None:
        """What the call returns, which may run twice; None where it failed, or was not tried."""
        answer, is_late = await self._run(call)
        if is_late:
            answer, _ = await self._run(call)
        return answer

    async def _run(self, call: Callable[[], Awaitable[T]]) -> tuple[T | None, bool]:
        """What it returns, and whether it was out of time."""
        if self._first_probe is not None:
            await asyncio.wait({self._first_probe})
        if self.is_down:
            return None, False
        cancels = _count_cancels()
        try:
            async with asyncio.timeout(self._timeout_s):
                answer = await call()
        except VALKEY_ERRORS as error:
            failure = name_failure(error)
            self._metrics.count_failure(failure)
            if not isinstance(error, OutOfMemoryError):
                self.leave_alone(failure)
            outcome: tuple[T | None, bool] = None, failure == "timeout"
        else:
            outcome = answer, False
        if _count_cancels() > cancels:  # Python 3.11's wait_for, in the client, forgets one that comes with the answer
            raise asyncio.CancelledError
        return outcome

    def leave_alone(self, failure: str) -> None:
        if self._probing is None and not self._is_closed:
            logger.warning("snapshot_store_failed", failure=failure)
            self._first_probe = asyncio.get_running_loop().create_future()
            self._probing = asyncio.create_task(self._probe(self._first_probe))

    async def close(self) -> None:
        """A last try to tell the store what it was not told."""
        self._is_closed = True
        if self._probing is not None:
            self._probing.cancel()
            await asyncio.gather(self._probing, return_exceptions=True)
            if self._first_probe is not None:  # it had not begun
                self._first_probe.cancel()
            await self._try()

    async def _probe(self, first: asyncio.Future[None]) -> None:
        """Nothing suspends between a probe's success and the end: what fails after it has a probe of its own."""
        try:
            is_back = await self._try()
        finally:
            first.set_result(None)
            self._first_probe = None
        while not (is_back or self._is_closed):
            await asyncio.sleep(self._pause_s)
            is_back = await self._try()
        self._probing = None
        logger.info("snapshot_store_back")

    async def _try(self) -> bool:
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._write()
            await self._deliver()
        except VALKEY_ERRORS as error:
            self._metrics.count_failure(name_failure(error))
            return False
        return True

    async def _write(self) -> None:
        """Not a ping: a replica answers one, too."""
        try:
            await self._valkey.set(_PROBE_KEY, b"", px=1)
        except OutOfMemoryError:
            return


def _count_cancels() -> int:
    """How often the running task was told to end."""
    task = asyncio.current_task()
    return 0 if task is None else task.cancelling()

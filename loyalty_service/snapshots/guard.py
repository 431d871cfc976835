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
    """Each call has `timeout_s`. After one that failed the store is left alone; a probe finds it back.

    It probes at once, since it may have been this process that was slow, and then after each `pause_s`.
    `deliver` is what the store has to be told before it is asked anything again. A store that is only full answers: its
    refusals are counted, and it is asked on.
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
        self._is_closed = False

    @property
    def is_down(self) -> bool:
        return self._probing is not None or self._is_closed

    async def run(self, call: Callable[[], Awaitable[T]]) -> T | None:
        """What the call returns; None where it failed, or was not tried."""
        if self.is_down:
            return None
        try:
            async with asyncio.timeout(self._timeout_s):
                return await call()
        except VALKEY_ERRORS as error:
            self._metrics.count_failure(name_failure(error))
            if not isinstance(error, OutOfMemoryError):
                self.leave_alone(name_failure(error))
            return None

    def leave_alone(self, failure: str) -> None:
        if not self.is_down:
            logger.warning("snapshot_store_failed", failure=failure)
            self._probing = asyncio.create_task(self._probe())

    async def close(self) -> None:
        """A last try to tell the store what it was not told."""
        self._is_closed = True
        if self._probing is not None:
            self._probing.cancel()
            await asyncio.gather(self._probing, return_exceptions=True)
            await self._try()

    async def _probe(self) -> None:
        while not await self._try():  # noqa: ASYNC110 - nobody tells when a server is back
            await asyncio.sleep(self._pause_s)
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

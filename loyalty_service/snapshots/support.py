"""What support gave a member of late: a part of a snapshot that may be missing."""

import asyncio

import structlog

from loyalty_service.domain.award import Award
from loyalty_service.domain.ports import RecentAwards
from runtime.database import DatabaseError

logger = structlog.get_logger()

_Found = tuple[Award, ...] | None


class SupportAwards:
    """Reads of the ledger, each within `timeout_s`; a ledger that fails or is slow fails nobody.

    Each is a task of its own. One that is out of time is cancelled and not waited for: where a database hangs, so does
    the end of its transaction.
    """

    def __init__(self, recent: RecentAwards, *, timeout_s: float) -> None:
        self._recent = recent
        self._timeout_s = timeout_s
        self._readings: set[asyncio.Task[_Found]] = set()

    async def read(self, merchant_id: str, member_id: str) -> _Found:
        """None where the ledger did not answer."""
        reading = asyncio.create_task(self._list(merchant_id, member_id))
        self._readings.add(reading)
        reading.add_done_callback(self._readings.discard)
        done, _ = await asyncio.wait({reading}, timeout=self._timeout_s)
        if done:
            return reading.result()
        reading.cancel()
        logger.warning("support_awards_not_read", merchant_id=merchant_id, error="TimeoutError")
        return None

    async def close(self) -> None:
        for reading in self._readings:
            reading.cancel()
        if self._readings:
            await asyncio.wait(self._readings, timeout=self._timeout_s)

    async def _list(self, merchant_id: str, member_id: str) -> _Found:
        try:
            return await self._recent.list_recent(merchant_id, member_id)
        except DatabaseError as error:
            logger.warning("support_awards_not_read", merchant_id=merchant_id, error=type(error).__name__)
            return None

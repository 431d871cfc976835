"""A member's recent awards: a part of a snapshot that may be missing."""

import asyncio

import structlog

from loyalty_service.domain.award import Award
from loyalty_service.domain.ports import RecentAwards
from runtime.database import DatabaseError

logger = structlog.get_logger()

_Found = tuple[Award, ...] | None


class RecentAwardsReader:
    """Reads the ledger within `timeout_s`. If the ledger fails or is slow, the snapshot is still served.

    Each read is a separate task. A late read is cancelled without waiting: while a database hangs, its rollback hangs
    too.
    """

    def __init__(self, recent: RecentAwards, *, timeout_s: float) -> None:
        self._recent = recent
        self._timeout_s = timeout_s
        self._reads: set[asyncio.Task[_Found]] = set()

    async def read(self, merchant_id: str, member_id: str) -> _Found:
        """Read the recent awards; None if the ledger did not answer."""
        read = asyncio.create_task(self._list(merchant_id, member_id))
        self._reads.add(read)
        read.add_done_callback(self._reads.discard)
        done, _ = await asyncio.wait({read}, timeout=self._timeout_s)
        if done:
            return read.result()
        read.cancel()
        logger.warning("recent_awards_not_read", merchant_id=merchant_id, error="TimeoutError")
        return None

    async def close(self) -> None:
        for read in self._reads:
            read.cancel()
        if self._reads:
            await asyncio.wait(self._reads, timeout=self._timeout_s)

    async def _list(self, merchant_id: str, member_id: str) -> _Found:
        try:
            return await self._recent.list_recent(merchant_id, member_id)
        except DatabaseError as error:
            logger.warning("recent_awards_not_read", merchant_id=merchant_id, error=type(error).__name__)
            return None

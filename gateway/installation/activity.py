"""The last events of each merchant's widget and webhook: noted in memory, written later."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

import msgspec
import structlog
from aiohttp import web

from gateway.installation.store import Activity as Noted
from gateway.installation.store import InstallationStore
from runtime.database import DatabaseError
from runtime.text import cut

FLUSH_INTERVAL_S = 2.0
_CLOSE_TIMEOUT_S = 2.0
MAX_ERROR_CHARS = 500
# Names for a webhook that could not be read, and for one that changes nothing in a sidebar.
MALFORMED, IGNORED = "malformed", "ignored"


class Activity:
    """Notes events and errors; only the latest of each merchant reaches the store, every 2 s and when it closes.

    Never blocks and never raises: while the store is down, one entry per merchant waits in memory.
    """

    def __init__(self, store: InstallationStore, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._store = store
        self._now = now
        self._noted: dict[str, Noted] = {}
        self._flusher: asyncio.Task[None] | None = None
        self._log: structlog.stdlib.BoundLogger = structlog.get_logger()

    async def __aenter__(self) -> Self:
        self._flusher = asyncio.create_task(self._flush_forever())
        return self

    async def __aexit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        if self._flusher is not None:
            self._flusher.cancel()
            with suppress(asyncio.CancelledError):
                await self._flusher
        with suppress(TimeoutError):
            async with asyncio.timeout(_CLOSE_TIMEOUT_S):
                await self.flush()

    def note_event(self, merchant_id: str, status: str) -> None:
        """Note that Gorgias called the widget and got `status`."""
        noted = self._noted.get(merchant_id, Noted())
        self._noted[merchant_id] = msgspec.structs.replace(noted, event_time=self._now(), status=status)

    def note_error(self, merchant_id: str, sentence: str) -> None:
        """Note an error of this merchant's. `sentence` names no person; it is cut at 500 characters."""
        noted = self._noted.get(merchant_id, Noted())
        self._noted[merchant_id] = msgspec.structs.replace(
            noted, error_time=self._now(), error=cut(sentence, MAX_ERROR_CHARS)
        )

    def note_webhook(self, merchant_id: str, words: str) -> None:
        """Note a webhook. `words`: the name of its event, MALFORMED or IGNORED."""
        noted = self._noted.get(merchant_id, Noted())
        self._noted[merchant_id] = msgspec.structs.replace(noted, webhook_time=self._now(), webhook=words)

    async def flush(self) -> None:
        """Write all entries. An entry that cannot be written is kept, unless a newer one was noted meanwhile."""
        writing, self._noted = self._noted, {}
        if not writing:
            return
        try:
            await self._store.record_activity(writing)
        except DatabaseError:
            self._keep(writing)
            self._log.warning("activity_not_written", reason="the store does not answer", merchant_count=len(writing))
        except asyncio.CancelledError:
            self._keep(writing)
            raise

    def _keep(self, unwritten: dict[str, Noted]) -> None:
        for merchant_id, noted in unwritten.items():
            newer = self._noted.get(merchant_id, Noted())
            changes = {name: value for name, value in msgspec.structs.asdict(newer).items() if value is not None}
            self._noted[merchant_id] = msgspec.structs.replace(noted, **changes)

    async def _flush_forever(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_INTERVAL_S)
            await self.flush()


ACTIVITY = web.AppKey("activity", Activity)

"""Notes ticket events and webhooks in memory, and writes them later: an answer never waits for it."""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

import msgspec
import prometheus_client
import structlog
from aiohttp import web

from gateway.events.event import Event
from gateway.events.sights import Sight
from gateway.events.store import EventStore
from gateway.installation.activity import Activity
from gateway.installation.store import InstallationStore
from runtime.database import DatabaseError
from runtime.text import cut, make_line

FLUSH_INTERVAL_S = 2.0
# How many events wait in memory at most, of all shops.
CAPACITY = 10_000
MAX_MESSAGE_CHARS = 500
_BATCH = 500
_MOST_CLAIMED = 100
_CLOSE_TIMEOUT_S = 2.0
_TIDY_INTERVAL_S = 600.0
# A shop that got so many events is tidied before that.
_TIDY_AFTER = 1000
_LOG = structlog.get_logger()


class Events:
    """Open with `async with`: until it closes, what was noted is written every 2 s.

    Noting never blocks and never raises. While the database is down, at most 10,000 events wait; then the oldest go,
    and are counted. The latest event, error and webhook of each shop are written to its installation too.
    """

    def __init__(
        self,
        store: EventStore,
        installations: InstallationStore,
        registry: prometheus_client.CollectorRegistry,
        *,
        capacity: int = CAPACITY,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._store = store
        self._installations = installations
        self._dropped = prometheus_client.Counter(
            "gateway_ticket_events_dropped", "Ticket events that were not kept.", registry=registry
        )
        self._capacity = capacity
        self._now = now
        self._noted = deque[Event]()
        self._latest: dict[str, Activity] = {}
        self._seen, self._new_sights = set[tuple[str, Sight]](), set[tuple[str, Sight]]()
        # How many events each shop got since it was tidied.
        self._added = Counter[str]()
        self._tidy_time = time.monotonic()
        self._closing = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._writer = asyncio.create_task(self._write_until_closed())
        return self

    async def __aexit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self._closing.set()
        await asyncio.wait({self._writer}, timeout=_CLOSE_TIMEOUT_S)
        self._writer.cancel()
        with suppress(asyncio.CancelledError):
            await self._writer

    def note(self, event: Event) -> None:
        """Note an answered event. It must not be changed afterwards."""
        self._noted.append(event)
        self._bound()

    def note_webhook(self, merchant_id: str, words: str) -> None:
        """Note a webhook. `words`: the name of its event, MALFORMED or IGNORED."""
        self._update_latest(merchant_id, Activity(webhook_time=self._now(), webhook=words))

    def note_sights(self, merchant_id: str, sights: Iterable[Sight]) -> None:
        """Note what a call shows of Gorgias' contract. What was noted in the last 10 min is not noted again."""
        for sight in sights:
            seen = merchant_id, sight
            if seen not in self._seen:
                self._seen.add(seen)
                self._new_sights.add(seen)

    def note_refused_webhook(self, claimed_id: str) -> None:
        """Note a webhook without the secret of the shop that its address names, if there is such a shop.

        Strangers may invent shops: of those that nothing else was noted of, 100 wait at most.
        """
        self._update_latest(claimed_id, Activity(refused_time=self._now(), refused_count=1))

    async def flush(self) -> None:
        """Write what is noted. What cannot be written is kept for the next time."""
        try:
            while self._noted:
                await self._write([self._noted.popleft() for _ in range(min(_BATCH, len(self._noted)))])
            await self._write_latest()
            await self._write_sights()
            await self._tidy()
        except DatabaseError:
            _LOG.warning("events_not_written", reason="the database does not answer", waiting_count=len(self._noted))

    async def _write_until_closed(self) -> None:
        is_last = False
        while not is_last:
            with suppress(TimeoutError):
                async with asyncio.timeout(FLUSH_INTERVAL_S):
                    await self._closing.wait()
            is_last = self._closing.is_set()
            try:
                await self.flush()
            except Exception:  # noqa: BLE001 - the outermost boundary: this task must not end
                _LOG.exception("events_not_written")

    async def _write(self, events: Sequence[Event]) -> None:
        """Raises DatabaseError; then the events wait again."""
        for event in events:
            if event.message:
                event.message = cut(make_line(event.message), MAX_MESSAGE_CHARS)
        try:
            await self._store.add(events)
        except (DatabaseError, asyncio.CancelledError):
            self._noted.extendleft(reversed(events))
            self._bound()
            raise
        self._added.update(event.merchant_id for event in events)
        for merchant_id, activity in _find_latest(events).items():
            self._update_latest(merchant_id, activity)

    async def _write_latest(self) -> None:
        """Raises DatabaseError; then each entry is kept, unless a newer one was noted meanwhile."""
        writing, self._latest = self._latest, {}
        if not writing:
            return
        try:
            await self._installations.record_activity(writing)
        except (DatabaseError, asyncio.CancelledError):
            newer, self._latest = self._latest, writing
            for merchant_id, activity in newer.items():
                self._update_latest(merchant_id, activity)
            raise

    async def _write_sights(self) -> None:
        """Raises DatabaseError; then they wait again."""
        writing, self._new_sights = self._new_sights, set()
        if not writing:
            return
        try:
            await self._store.sights.add(writing, round(self._now().timestamp() * 1000))
        except (DatabaseError, asyncio.CancelledError):
            self._new_sights |= writing
            raise

    async def _tidy(self) -> None:
        is_time = time.monotonic() >= self._tidy_time
        for merchant_id, count in list(self._added.items()):
            if is_time or count >= _TIDY_AFTER:
                await self._store.trim(merchant_id)
                del self._added[merchant_id]
        if is_time:
            await self._store.expire()
            self._seen.clear()
            self._tidy_time = time.monotonic() + _TIDY_INTERVAL_S

    def _update_latest(self, merchant_id: str, activity: Activity) -> None:
        known = self._latest.get(merchant_id)
        if known is None and activity.is_claimed and len(self._latest) >= _MOST_CLAIMED:
            return
        self._latest[merchant_id] = activity if known is None else known.add(activity)

    def _bound(self) -> None:
        while len(self._noted) > self._capacity:
            self._noted.popleft()
            self._dropped.inc()


def _find_latest(events: Sequence[Event]) -> dict[str, Activity]:
    """The latest event of each shop, and its latest error."""
    last = {event.merchant_id: event for event in events}
    failed = {event.merchant_id: event for event in events if event.has_failed}
    return {merchant_id: _make_activity(event, failed.get(merchant_id)) for merchant_id, event in last.items()}


def _make_activity(event: Event, failed: Event | None) -> Activity:
    activity = Activity(event_time=_find_end(event), status=event.status)
    if failed is None:
        return activity
    error = f"{failed.reason}: {failed.message}" if failed.message else failed.reason
    return msgspec.structs.replace(activity, error_time=_find_end(failed), error=error)


def _find_end(event: Event) -> datetime:
    """When it was answered: events are noted in this order."""
    return datetime.fromtimestamp((event.time_ms + event.answer_ms) / 1000, UTC)


EVENTS = web.AppKey("events", Events)

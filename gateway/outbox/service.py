"""The outbox of notes: a press puts a note on record, and a task of this process writes it."""

import asyncio
import math
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Self

import structlog
from aiohttp import web
from prometheus_client import CollectorRegistry
from sqlalchemy import Connection

from gateway.gorgias.tickets import parse_ticket_id
from gateway.installation.accounts import Accounts
from gateway.links.link import Link
from gateway.outbox.delivery import LATE_S, Delivery
from gateway.outbox.entries import Entry, render_link_request
from gateway.outbox.metrics import OutboxMetrics
from gateway.outbox.store import FIRST_LOOK_S, OutboxStore
from gateway.outbox.subjects import Subjects
from gateway.wording.link_note import LinkNoteKind
from protos.loyalty.v1 import loyalty_pb2 as pb
from runtime.database import Database, DatabaseError

POLL_S = 3.0
# The answer to a panel's last press may come this long after its button expired.
_MARGIN_S = 86_400.0
# Presses within this time cause one look.
_LEAST_POLL_S = 0.05
_COUNT_INTERVAL_S = 15.0
_PURGE_INTERVAL_S = 600.0
_FINISH_S = 1.0
_RELEASE_S = 0.5
_MAX_SHOPS = 64
_LOG = structlog.get_logger()


class Outbox:
    """Open with `async with`; while it is open, notes are written, one at a time for each shop.

    Any number of processes may share one database. `kept_s`: how long a press may be repeated. `poll_s`: the interval
    of looking for rows of other processes. `clock`: seconds with an arbitrary zero.
    """

    def __init__(  # noqa: PLR0913 - its collaborators, two times and a clock
        self,
        store: OutboxStore,
        delivery: Delivery,
        metrics: OutboxMetrics,
        *,
        kept_s: float,
        poll_s: float = POLL_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._delivery = delivery
        self._metrics = metrics
        self._kept_s = kept_s
        self._poll_s = poll_s
        self._clock = clock
        # Of the loop's clock: when rows are looked for next.
        self._look_time = math.inf
        self._woken = asyncio.Event()
        self._shops: dict[str, asyncio.Task[None]] = {}
        self._paused: dict[str, float] = {}
        self._claims: dict[str, Entry] = {}
        self._count_time = self._purge_time = clock()

    async def __aenter__(self) -> Self:
        self._loop = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *_exc: object) -> None:
        """Give a running send a second to end; the next process delivers the rest."""
        await _cancel(self._loop)
        tasks = set(self._shops.values())
        if tasks:
            await asyncio.wait(tasks, timeout=_FINISH_S)
        claims = list(self._claims)
        for task in tasks:
            await _cancel(task)
        if claims:
            with suppress(DatabaseError, TimeoutError):
                async with asyncio.timeout(_RELEASE_S):
                    await self._store.release(claims)

    async def enqueue(self, merchant_id: str, request_id: str, ticket_id: str, customer_id: int | None = None) -> bool:
        """Put a note on record, before the award or reversal of this request is sent.

        `customer_id`: the ticket's present customer. If the ticket gets another one, the note says nothing of the
        member.
        The note is durable when this returns. Returns whether one will come: not if the shop is not installed or wants
        no notes, or if no ticket can have this id. Raises DatabaseError.
        """
        number = parse_ticket_id(ticket_id)
        if number is None:
            return False
        is_queued = await self._store.enqueue(merchant_id, request_id, number, customer_id)
        self.look()
        return is_queued

    def put_link_note(self, connection: Connection, link: Link) -> bool:
        """Put the note about a link that was made or ended on record, in the transaction that changes the link.

        Returns as `enqueue`. Call `look` when the transaction is committed.
        """
        kind, ticket_id = LinkNoteKind.LINKED, link.ticket_id
        if link.end is not None:
            if link.end.ticket_id is None:
                return False
            kind, ticket_id = LinkNoteKind.UNLINKED, link.end.ticket_id
        request_id = render_link_request(link.link_id, kind)
        return self._store.put(connection, link.merchant_id, request_id, ticket_id, link.customer_id)

    def look(self) -> None:
        """Look for a new row as soon as it is due."""
        self._look_by(self._store.first_look_s)

    def tell(self, award: pb.Award) -> None:
        """Tell what the loyalty service has just answered to a press, so that the note does not ask for it again."""
        if award.state == pb.AWARD_STATE_APPLIED:
            self._delivery.subjects.tell(award)

    async def is_queued(self, merchant_id: str, request_id: str) -> bool:
        """Whether a note about this request's award is pending. Raises DatabaseError."""
        return await self._store.is_queued(merchant_id, request_id)

    async def _run(self) -> None:
        while True:
            self._look_time = math.inf
            try:
                wait_s = await self._start_due()
                await self._count_and_purge()
            except DatabaseError:
                _LOG.warning("outbox_not_polled", reason="the database does not answer")
                wait_s = self._poll_s
            except Exception:  # noqa: BLE001 - the outermost boundary: this task must not end
                _LOG.exception("outbox_not_polled")
                wait_s = self._poll_s
            await asyncio.sleep(_LEAST_POLL_S)
            self._look_by(wait_s)
            await self._wait_for_look()

    def _look_by(self, wait_s: float) -> None:
        """Look for due rows in `wait_s` seconds at the latest."""
        look_time = asyncio.get_running_loop().time() + wait_s
        if look_time < self._look_time:
            self._look_time = look_time
            self._woken.set()

    async def _wait_for_look(self) -> None:
        while (left_s := self._look_time - asyncio.get_running_loop().time()) > 0:
            self._woken.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(left_s):
                    await self._woken.wait()

    async def _start_due(self) -> float:
        """Start a task for each shop with due rows. Returns the seconds until the next row is due."""
        now = self._clock()
        self._paused = {merchant_id: until for merchant_id, until in self._paused.items() if until > now}
        wait_s = min([self._poll_s, *(until - now for until in self._paused.values())])
        for upcoming in await self._store.list_upcoming(self._poll_s):
            merchant_id = upcoming.merchant_id
            if merchant_id in self._shops or merchant_id in self._paused:
                continue
            if upcoming.wait_s > 0:
                wait_s = min(wait_s, upcoming.wait_s)
            elif len(self._shops) < _MAX_SHOPS:
                task = asyncio.create_task(self._write_all(merchant_id, upcoming.due_count))
                self._shops[merchant_id] = task
                task.add_done_callback(partial(self._end, merchant_id))
        return wait_s

    def _end(self, merchant_id: str, _task: asyncio.Task[None]) -> None:
        del self._shops[merchant_id]
        self._look_by(0.0)

    async def _write_all(self, merchant_id: str, count: int) -> None:
        """Write `count` due notes of one shop, until its account needs a pause."""
        try:
            for _ in range(count):
                entry = await self._store.claim(merchant_id)
                if entry is None:  # another process was quicker
                    return
                self._claims[entry.claim] = entry
                try:
                    pause_s = await self._delivery.deliver(entry)
                finally:
                    del self._claims[entry.claim]
                if pause_s > 0:
                    self._paused[merchant_id] = self._clock() + pause_s
                    return
        except DatabaseError:
            _LOG.warning("notes_not_written", merchant_id=merchant_id, reason="the database does not answer")
            self._paused[merchant_id] = self._clock() + self._poll_s
        except Exception:  # noqa: BLE001 - the outermost boundary: the row comes again after its lease
            _LOG.exception("note_failed", merchant_id=merchant_id)
            self._paused[merchant_id] = self._clock() + self._poll_s

    async def _count_and_purge(self) -> None:
        now = self._clock()
        if now >= self._count_time:
            self._count_time = now + _COUNT_INTERVAL_S
            self._metrics.open.set(await self._store.count_open())
            self._metrics.failed.set(await self._store.count_failed())
        if now >= self._purge_time:
            self._purge_time = now + _PURGE_INTERVAL_S
            await self._store.purge(self._kept_s)


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


@asynccontextmanager
async def open_outbox(  # noqa: PLR0913 - its collaborators, three times and a clock
    database: Database,
    accounts: Accounts,
    subjects: Subjects,
    registry: CollectorRegistry,
    *,
    press_life_s: float,
    poll_s: float = POLL_S,
    first_look_s: float = FIRST_LOOK_S,
    late_s: float = LATE_S,
    clock: Callable[[], float] = time.monotonic,
) -> AsyncGenerator[Outbox]:
    """`press_life_s`: how long a press may be repeated; a written note is remembered for this time.

    `late_s`: how long after an uncertain send Gorgias may still write it.
    """
    store, metrics = OutboxStore(database, first_look_s=first_look_s), OutboxMetrics(registry)
    delivery = Delivery(store, accounts, subjects, metrics, late_s=late_s, clock=clock)
    kept_s = press_life_s + _MARGIN_S
    async with Outbox(store, delivery, metrics, kept_s=kept_s, poll_s=poll_s, clock=clock) as outbox:
        yield outbox


OUTBOX = web.AppKey("outbox", Outbox)

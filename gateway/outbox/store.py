"""The pending notes in the database: one row for each request, written before the award is sent."""

import secrets
from datetime import UTC, datetime

import msgspec
from sqlalchemy import BigInteger, ColumnElement, Connection, and_, delete, func, literal, select, update

from gateway.notes.progress import FINAL_KINDS
from gateway.outbox.entries import NOTES, Backlog, Entry, Kind, parse_entry
from gateway.outbox.statements import (
    CLAIM,
    COUNT_FAILED,
    COUNT_OPEN,
    DUE,
    FINISH,
    FORGET,
    GONE,
    MARK_SENDING,
    PRESS,
    PUT_OFF,
    UPCOMING,
    name_entry,
)
from runtime.database import Database
from runtime.sql import make_insert, now_ms

# The time from the press to the first look: most awards are settled then.
FIRST_LOOK_S = 0.3
_CLAIM_BYTES = 12
_row = NOTES.c


class Upcoming(msgspec.Struct, frozen=True, kw_only=True):
    """A merchant's rows. The first is due in `wait_s` seconds (0 or less: now); `due_count` rows are due now."""

    merchant_id: str
    wait_s: float
    due_count: int


class OutboxStore:
    """Every method raises DatabaseError if the database does not answer.

    `first_look_s`: the time from a press to the first look at its award.
    """

    def __init__(self, database: Database, *, first_look_s: float = FIRST_LOOK_S) -> None:
        self._database = database
        self.first_look_s = first_look_s

    async def enqueue(self, merchant_id: str, request_id: str, ticket_id: int, customer_id: int | None = None) -> bool:
        """Add a row, durable when this returns.

        False: none was added, since the shop is not installed or wants no notes. A repeated press makes its row due
        again, unless all notes are written: then it is False too.
        """
        return await self._database.write(
            lambda connection: self.put(connection, merchant_id, request_id, ticket_id, customer_id)
        )

    def put(
        self, connection: Connection, merchant_id: str, request_id: str, ticket_id: int, customer_id: int | None
    ) -> bool:
        """As `enqueue`, within a transaction of the caller's."""
        press = {
            "own_merchant_id": merchant_id,
            "own_request_id": request_id,
            "own_for_origin": False,
            "own_ticket_id": ticket_id,
            "own_customer_id": customer_id,
            "own_wait_ms": round(self.first_look_s * 1000),
        }
        return connection.execute(PRESS[connection.dialect.name], press).rowcount > 0

    async def enqueue_for_origin(self, entry: Entry, ticket_id: int) -> None:
        """Add one row for the award's ticket, if the reversal was pressed on another ticket."""

        def write(connection: Connection) -> None:
            row = make_insert(connection, NOTES).values(
                merchant_id=entry.merchant_id,
                request_id=entry.request_id,
                for_origin=True,
                ticket_id=ticket_id,
                customer_id=entry.customer_id,
                expect_time_ms=entry.expect_time_ms,
                due_time_ms=now_ms(),
            )
            connection.execute(row.on_conflict_do_nothing())

        await self._database.write(write)

    async def is_queued(self, merchant_id: str, request_id: str) -> bool:
        """Whether a note about this request's award is pending."""
        wanted = (_row.merchant_id == merchant_id, _row.request_id == request_id)
        query = select(func.count()).where(*wanted, _row.due_time_ms.is_not(None))
        return await self._database.read(lambda connection: connection.execute(query).scalar_one() > 0)

    async def list_upcoming(self, within_s: float) -> list[Upcoming]:
        """List the merchants with rows that are due within a time, the longest due first."""
        within = {"own_within_ms": round(within_s * 1000)}
        rows = await self._database.read(lambda connection: connection.execute(UPCOMING, within).all())
        return [
            Upcoming(merchant_id=merchant_id, wait_s=wait_ms / 1000, due_count=count)
            for merchant_id, wait_ms, count in rows
        ]

    async def claim(self, merchant_id: str) -> Entry | None:
        """Claim the merchant's row that has been due longest, for this worker alone while its lease lasts."""
        own = {"own_merchant_id": merchant_id}

        def claim(connection: Connection) -> Entry | None:
            found = connection.execute(DUE, own).one_or_none()
            if found is None:
                return None
            key = own | {"own_request_id": found.request_id, "own_for_origin": found.for_origin}
            row = connection.execute(CLAIM, key | {"claim": secrets.token_hex(_CLAIM_BYTES)}).one()
            return parse_entry(row, found.install_time)

        return await self._database.write(claim)

    async def mark_sending(self, entry: Entry, kind: Kind) -> bool:
        """Record that this note will be sent now, with a new lease. False: the row is not ours any more."""
        values = {"last_note": entry.last.value if entry.last else "", "sending": kind.value}
        sending = name_entry(entry) | values
        return await self._database.write(lambda connection: connection.execute(MARK_SENDING, sending).rowcount == 1)

    async def finish(  # noqa: PLR0913 - the row's values after its step
        self,
        entry: Entry,
        *,
        last: Kind | None,
        sending: Kind | None,
        wait_s: float | None,
        look_count: int,
        problem: str = "",
    ) -> None:
        """Release the row: due again in `wait_s`, or closed (None). A press that came meanwhile keeps it open.

        A closed row without any note is deleted, unless there was a `problem`: then it has failed.
        """
        values = {
            "claim": "",
            "lease_expire_time_ms": None,
            "last_note": last.value if last else "",
            "sending": sending.value if sending else "",
            "problem": problem,
            "own_problem": problem,
            "own_look_count": look_count,
            "own_wait_ms": None if wait_s is None else round(wait_s * 1000),
        }
        own, query = name_entry(entry), FINISH if last in FINAL_KINDS else PUT_OFF
        is_silent = wait_s is None and last is None and not problem

        def give_back(connection: Connection) -> None:
            if not (is_silent and connection.execute(FORGET, own).rowcount):
                connection.execute(query, own | values)

        await self._database.write(give_back)

    async def release(self, claims: list[str]) -> None:
        """Release this process's rows, except those whose note may be on its way to Gorgias."""
        ours = update(NOTES).where(_row.claim.in_(claims), _row.sending == "")
        released = ours.values(claim="", lease_expire_time_ms=None)
        await self._database.write(lambda connection: connection.execute(released))

    async def get_backlog(self, merchant_id: str) -> Backlog:
        """Get a shop's notes that could not be written."""
        query = (
            select(_row.due_time_ms.is_not(None), _row.problem, func.count(), func.min(_row.problem_time_ms))
            .where(_row.merchant_id == merchant_id, _row.problem_time_ms.is_not(None))
            .group_by(_row.due_time_ms.is_not(None), _row.problem)
        )
        rows = await self._database.read(lambda connection: connection.execute(query).all())
        waiting = [(since_ms, problem, count) for is_open, problem, count, since_ms in rows if is_open]
        failed = [(problem, count) for is_open, problem, count, _ in rows if not is_open and problem != GONE]
        return Backlog(
            count=sum(count for _, _, count in waiting),
            since=datetime.fromtimestamp(min(waiting)[0] / 1000, UTC) if waiting else None,
            problem=min(waiting)[1] if waiting else "",
            failed_count=sum(count for _, count in failed),
            failed_problem=min(failed)[0] if failed else "",
            gone_count=sum(count for is_open, problem, count, _ in rows if not is_open and problem == GONE),
        )

    async def list_sends(
        self, merchant_id: str, *, after_s: float, before_s: float, limit: int
    ) -> list[tuple[int, int]]:
        """List the last notes that were written so many seconds ago: the ticket, and when it was sent, in ms."""
        query = (
            select(_row.ticket_id, _row.send_time_ms)
            .where(_row.merchant_id == merchant_id, _row.last_note != "")
            .where(_row.send_time_ms.between(_after(-before_s), _after(-after_s)))
            .order_by(_row.send_time_ms.desc())
            .limit(limit)
        )
        rows = await self._database.read(lambda connection: connection.execute(query).all())
        return [(ticket_id, send_time_ms) for ticket_id, send_time_ms in rows]

    async def retry_failed(self, merchant_id: str) -> None:
        """Retry at once a shop's notes that could not be written: its key is new, or its account works again.

        Includes failed notes, but not those whose ticket is gone.
        """
        mended = and_(_row.merchant_id == merchant_id, _row.problem_time_ms.is_not(None), _row.problem != GONE)
        again = update(NOTES).where(mended).values(due_time_ms=now_ms(), close_time_ms=None, look_count=0)
        await self._database.write(lambda connection: connection.execute(again))

    async def count_open(self) -> int:
        """Count the open rows of all shops."""
        return await self._database.read(lambda connection: connection.execute(COUNT_OPEN).scalar_one())

    async def count_failed(self) -> int:
        """Count the rows of all shops that were closed without a note although their ticket exists."""
        return await self._database.read(lambda connection: connection.execute(COUNT_FAILED).scalar_one())

    async def purge(self, kept_s: float) -> None:
        """Delete rows that were closed longer ago: their press cannot be repeated any more."""
        old = delete(NOTES).where(_row.close_time_ms < _after(-kept_s))
        await self._database.write(lambda connection: connection.execute(old))


def _after(seconds: float) -> ColumnElement[int]:
    return now_ms() + literal(round(seconds * 1000), BigInteger)

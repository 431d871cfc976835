"""The pending notes in the database: one row for each request, written before the award is sent."""

import secrets
from datetime import UTC, datetime
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Executable,
    and_,
    case,
    delete,
    func,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from gateway.gorgias.errors import GorgiasNotFoundError
from gateway.installation.store import INSTALLATIONS
from gateway.notes.progress import FINAL_KINDS
from gateway.outbox.entries import NOTES, Backlog, Entry, parse_entry
from gateway.wording.note import NoteKind
from runtime.database import Database
from runtime.sql import now_ms

# The time from the press to the first look: most awards are settled then.
FIRST_LOOK_S = 0.3
# Longer than a worker takes between two writes of a row: one call of the loyalty service, and one of Gorgias.
LEASE_S = 20.0
_CLAIM_BYTES = 12
_row = NOTES.c
_GONE = GorgiasNotFoundError.__name__
_NEVER: ColumnElement[int | None] = literal(None, BigInteger)


class _Press(NamedTuple):
    merchant_id: str
    request_id: str
    ticket_id: int
    customer_id: int | None


class OutboxStore:
    """Every method raises DatabaseError if the database does not answer.

    `first_look_s`: the time from a press to the first look at its award.
    """

    def __init__(self, database: Database, *, first_look_s: float = FIRST_LOOK_S) -> None:
        self._database = database
        self._first_look_s = first_look_s

    async def enqueue(self, merchant_id: str, request_id: str, ticket_id: int, customer_id: int | None = None) -> bool:
        """Add a row, durable when this returns.

        False: none was added, since the shop is not installed or wants no notes. A repeated press makes its row due
        again, unless all notes are written: then it is False too.
        """
        press = _Press(merchant_id, request_id, ticket_id, customer_id)

        def write(connection: Connection) -> bool:
            return connection.execute(self._render_press(press, connection.dialect.name)).rowcount > 0

        return await self._database.write(write)

    def _render_press(self, press: _Press, engine: str) -> Executable:
        installed = INSTALLATIONS.c
        first_look = _after(self._first_look_s)
        values: dict[str, ColumnElement[Any]] = {
            "merchant_id": literal(press.merchant_id),
            "request_id": literal(press.request_id),
            "for_origin": literal(value=False),
            "ticket_id": literal(press.ticket_id, BigInteger),
            "customer_id": literal(press.customer_id, BigInteger),
            "expect_time_ms": now_ms(),
            "due_time_ms": first_look,
        }
        wanted = select(*values.values()).where(installed.merchant_id == press.merchant_id, installed.writes_notes)
        # An uninstallation at the same time must leave no row that the shop's next account could get.
        wanted = wanted.with_for_update(read=True, key_share=True)
        row = _make_insert(engine).from_select(list(values), wanted)
        again = {"expect_time_ms": now_ms(), "due_time_ms": first_look, "look_count": 0, "close_time_ms": None}
        again["customer_id"] = values["customer_id"]
        final = [kind.value for kind in FINAL_KINDS]
        return row.on_conflict_do_update(
            index_elements=list(NOTES.primary_key), set_=again, where=_row.last_note.not_in(final)
        )

    async def enqueue_for_origin(self, entry: Entry, ticket_id: int) -> None:
        """Add one row for the award's ticket, if the reversal was pressed on another ticket."""

        def write(connection: Connection) -> None:
            row = _make_insert(connection.dialect.name).values(
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

    async def list_upcoming(self, within_s: float) -> dict[str, float]:
        """Merchants with rows that are due within a time, and the seconds until then (0 or less: now)."""
        first = func.min(_row.due_time_ms)
        query = (
            select(_row.merchant_id, first - now_ms())
            .where(_row.due_time_ms <= now_ms() + literal(round(within_s * 1000)), _is_free())
            .group_by(_row.merchant_id)
            .order_by(first)
        )
        rows = await self._database.read(lambda connection: connection.execute(query).all())
        return {merchant_id: wait_ms / 1000 for merchant_id, wait_ms in rows}

    async def claim(self, merchant_id: str) -> Entry | None:
        """Claim the merchant's row that has been due longest, for this worker alone while its lease lasts."""
        due = (
            select(_row.request_id, _row.for_origin)
            .where(_row.merchant_id == merchant_id, _row.due_time_ms <= now_ms(), _is_free())
            .order_by(_row.due_time_ms)
            .limit(1)
            .with_for_update(skip_locked=True)
        )
        installed = select(INSTALLATIONS.c.update_time).where(INSTALLATIONS.c.merchant_id == merchant_id)

        def claim(connection: Connection) -> Entry | None:
            found = connection.execute(due).one_or_none()
            if found is None:
                return None
            values = {"claim": secrets.token_hex(_CLAIM_BYTES), "lease_expire_time_ms": _after(LEASE_S)}
            key = and_(
                _row.merchant_id == merchant_id,
                _row.request_id == found.request_id,
                _row.for_origin == found.for_origin,
            )
            claimed = update(NOTES).where(key).values(values).returning(*NOTES.c, now_ms().label("claim_time_ms"))
            row = connection.execute(claimed).one()
            return parse_entry(row, connection.execute(installed).scalar_one_or_none())

        return await self._database.write(claim)

    async def mark_sending(self, entry: Entry, kind: NoteKind) -> bool:
        """Record that this note will be sent now, with a new lease. False: the row is not ours any more."""
        last = entry.last.value if entry.last else ""
        values = {
            "last_note": last,
            "sending": kind.value,
            "send_time_ms": now_ms(),
            "lease_expire_time_ms": _after(LEASE_S),
        }
        return await self._database.write(lambda connection: _change(connection, entry, values))

    async def finish(  # noqa: PLR0913 - the row's values after its step
        self,
        entry: Entry,
        *,
        last: NoteKind | None,
        sending: NoteKind | None,
        wait_s: float | None,
        look_count: int,
        problem: str = "",
    ) -> None:
        """Release the row: due again in `wait_s`, or closed (None). A press that came meanwhile keeps it open.

        A closed row without any note is deleted, unless there was a `problem`: then it has failed.
        """
        is_pressed = _row.expect_time_ms != entry.expect_time_ms
        is_over = last in FINAL_KINDS
        due = _NEVER if wait_s is None else _after(wait_s)
        closed = now_ms() if wait_s is None else _NEVER
        values = {
            "claim": "",
            "lease_expire_time_ms": None,
            "last_note": last.value if last else "",
            "sending": sending.value if sending else "",
            "look_count": case((is_pressed, 0), else_=look_count),
            "due_time_ms": due if is_over else case((is_pressed, _row.due_time_ms), else_=due),
            "close_time_ms": closed if is_over else case((is_pressed, _NEVER), else_=closed),
            "problem": problem,
            "problem_time_ms": func.coalesce(_row.problem_time_ms, now_ms()) if problem else None,
        }
        gone = delete(NOTES).where(_is_ours(entry), ~is_pressed)

        def give_back(connection: Connection) -> None:
            is_silent = wait_s is None and last is None and not problem
            if not (is_silent and connection.execute(gone).rowcount):
                _change(connection, entry, values)

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
        failed = [(problem, count) for is_open, problem, count, _ in rows if not is_open and problem != _GONE]
        return Backlog(
            count=sum(count for _, _, count in waiting),
            since=datetime.fromtimestamp(min(waiting)[0] / 1000, UTC) if waiting else None,
            problem=min(waiting)[1] if waiting else "",
            failed_count=sum(count for _, count in failed),
            failed_problem=min(failed)[0] if failed else "",
            gone_count=sum(count for is_open, problem, count, _ in rows if not is_open and problem == _GONE),
        )

    async def retry_failed(self, merchant_id: str) -> None:
        """Retry at once a shop's notes that could not be written: its key is new, or its account works again.

        Includes failed notes, but not those whose ticket is gone.
        """
        mended = and_(_row.merchant_id == merchant_id, _row.problem_time_ms.is_not(None), _row.problem != _GONE)
        again = update(NOTES).where(mended).values(due_time_ms=now_ms(), close_time_ms=None, look_count=0)
        await self._database.write(lambda connection: connection.execute(again))

    async def count_open(self) -> int:
        """Count the open rows of all shops."""
        query = select(func.count()).where(_row.due_time_ms.is_not(None))
        return await self._database.read(lambda connection: connection.execute(query).scalar_one())

    async def count_failed(self) -> int:
        """Count the rows of all shops that were closed without a note although their ticket exists."""
        failed = and_(_row.problem_time_ms.is_not(None), _row.due_time_ms.is_(None), _row.problem != _GONE)
        query = select(func.count()).where(failed)
        return await self._database.read(lambda connection: connection.execute(query).scalar_one())

    async def purge(self, kept_s: float) -> None:
        """Delete rows that were closed longer ago: their press cannot be repeated any more."""
        old = delete(NOTES).where(_row.close_time_ms < _after(-kept_s))
        await self._database.write(lambda connection: connection.execute(old))


def _make_insert(engine: str) -> postgresql.Insert | sqlite.Insert:
    return postgresql.insert(NOTES) if engine == "postgresql" else sqlite.insert(NOTES)


def _after(seconds: float) -> ColumnElement[int]:
    return now_ms() + literal(round(seconds * 1000), BigInteger)


def _is_free() -> ColumnElement[bool]:
    return or_(_row.lease_expire_time_ms.is_(None), _row.lease_expire_time_ms < now_ms())


def _is_ours(entry: Entry) -> ColumnElement[bool]:
    return and_(_row.merchant_id == entry.merchant_id, _row.request_id == entry.request_id, _row.claim == entry.claim)


def _change(connection: Connection, entry: Entry, values: dict[str, Any]) -> bool:
    return connection.execute(update(NOTES).where(_is_ours(entry)).values(values)).rowcount == 1

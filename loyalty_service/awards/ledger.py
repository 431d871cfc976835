"""The ledger of awards: a row before the provider is called, and every change of its state on record.

What must hold between processes holds in the database: one row per `request_id`, one award in doubt per member,
numbers without gaps, one sender per attempt. Its clock is the one that leases run on.
"""

from collections.abc import Mapping
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Row, Select, and_, insert, literal, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from loyalty_service.awards.parse import is_same_content
from loyalty_service.awards.rows import Settlement, read_award, spell_settlement
from loyalty_service.awards.tables import award_changes, award_numbers, awards
from loyalty_service.database import Database, make_insert, now_ms
from loyalty_service.domain.award import Award, AwardRequest, AwardState
from loyalty_service.domain.errors import AwardInDoubtError, RequestIdReusedError

IN_DOUBT = (AwardState.PENDING.value, AwardState.UNKNOWN.value)
_GIVEN = (*IN_DOUBT, AwardState.APPLIED.value)
_AUDITED = ("merchant_id", "number", "attempt", "state", "rejection_reason", "provider_reference")


class Opening(msgspec.Struct, frozen=True, kw_only=True):
    """An answer to `open`. `is_ours`: the caller, and nobody else, is to send this attempt."""

    award: Award
    attempt: int
    is_ours: bool


class Ledger:
    """`lease_s`: how long an attempt may stay PENDING. `repeat_window_s`: see `open`."""

    def __init__(self, database: Database, *, lease_s: float, repeat_window_s: float) -> None:
        self._database = database
        self._lease_ms = round(lease_s * 1000)
        self._repeat_window_ms = round(repeat_window_s * 1000)

    async def find(self, merchant_id: str, request_id: str) -> Award | None:
        found = await self._list(_by_request(merchant_id, request_id))
        return found[0] if found else None

    async def find_number(self, merchant_id: str, number: int) -> Award | None:
        found = await self._list(_by_number(merchant_id, number))
        return found[0] if found else None

    async def list_before(self, merchant_id: str, number: int | None, count: int) -> list[Award]:
        """At most `count` awards with a smaller number (None: of any), newest first."""
        wanted = [awards.c.merchant_id == merchant_id]
        if number is not None:
            wanted.append(awards.c.number < number)
        return await self._list(and_(*wanted), count)

    async def open(self, request: AwardRequest) -> Opening:
        """Put an award on record as PENDING, unless it is there already.

        It is there when it has the same `request_id`, or when the same points went to the same member on the same
        ticket within the repeat window and were not refused. A REJECTED, retryable one is opened for another attempt.

        Raises RequestIdReusedError, and AwardInDoubtError while another award of the member is PENDING or UNKNOWN.
        """
        async with self._database.write() as connection:
            last_number = await _lock_merchant(connection, request.merchant_id)
            own = await _first(connection, select(awards).where(_by_request(request.merchant_id, request.request_id)))
            if own is not None and not is_same_content(request, read_award(own).request):
                raise RequestIdReusedError(read_award(own).award_id)
            there = own if own is not None and not own.retryable else await self._find_repeat(connection, request)
            if there is not None:
                return _make_opening(there, is_ours=False)
            await _refuse_doubt(connection, request)
            if own is None:
                return await self._insert(connection, request, last_number + 1)
            return await self._reopen(connection, request, own)

    async def settle(self, opening: Opening, settlement: Settlement) -> Award:
        """Write what became of an attempt. One whose lease ran out meanwhile is UNKNOWN, and goes on from there."""
        key = _by_number(opening.award.request.merchant_id, opening.award.number)
        async with self._database.write() as connection:
            row = (await connection.execute(select(awards).where(key).with_for_update())).one()
            if row.attempt != opening.attempt or row.state not in IN_DOUBT or row.state == settlement.state.value:
                return read_award(row)
            if row.state == AwardState.UNKNOWN.value and settlement.state is AwardState.REJECTED:
                settlement = Settlement(state=AwardState.NOT_APPLIED)
            return read_award(await _change(connection, key, spell_settlement(settlement)))

    async def expire_leases(self) -> list[Award]:
        """Turn every PENDING award past its lease into UNKNOWN. Returns those that this call has turned."""
        overdue = and_(awards.c.state == AwardState.PENDING.value, awards.c.lease_expire_time_ms < now_ms())
        async with self._database.read() as connection:
            if await _first(connection, select(literal(1)).where(overdue).limit(1)) is None:
                return []
        async with self._database.write() as connection:
            # Skipped: rows that another process is turning at this moment.
            found = await connection.execute(select(awards).where(overdue).with_for_update(skip_locked=True))
            keys = [_by_number(row.merchant_id, row.number) for row in found]
            unknown = {"state": AwardState.UNKNOWN.value}
            return [read_award(await _change(connection, key, unknown)) for key in keys]

    async def _list(self, wanted: ColumnElement[bool], count: int = 1) -> list[Award]:
        query = select(awards).where(wanted).order_by(awards.c.number.desc()).limit(count)
        async with self._database.read() as connection:
            return [read_award(row) for row in await connection.execute(query)]

    async def _find_repeat(self, connection: AsyncConnection, request: AwardRequest) -> Row[Any] | None:
        if not request.ticket_id:
            return None
        query = select(awards).where(
            awards.c.merchant_id == request.merchant_id,
            awards.c.ticket_id == request.ticket_id,
            awards.c.member_id == request.member_id,
            awards.c.points == request.points,
            awards.c.state.in_(_GIVEN),
            awards.c.attempt_time_ms >= now_ms() - self._repeat_window_ms,
        )
        return await _first(connection, query.order_by(awards.c.number.desc()).limit(1))

    async def _insert(self, connection: AsyncConnection, request: AwardRequest, number: int) -> Opening:
        own_numbers = award_numbers.c.merchant_id == request.merchant_id
        await connection.execute(update(award_numbers).where(own_numbers).values(last_number=number))
        values = msgspec.structs.asdict(request) | self._attempt_columns(1)
        values |= {"number": number, "create_time_ms": now_ms(), "update_time_ms": now_ms()}
        row = (await connection.execute(insert(awards).values(values).returning(awards))).one()
        await _record(connection, row)
        return _make_opening(row, is_ours=True)

    async def _reopen(self, connection: AsyncConnection, request: AwardRequest, own: Row[Any]) -> Opening:
        values = msgspec.structs.asdict(request) | self._attempt_columns(own.attempt + 1)
        row = await _change(connection, _by_number(request.merchant_id, own.number), values)
        return _make_opening(row, is_ours=True)

    def _attempt_columns(self, attempt: int) -> dict[str, Any]:
        return spell_settlement(Settlement(state=AwardState.PENDING)) | {
            "attempt": attempt,
            "attempt_time_ms": now_ms(),
            "lease_expire_time_ms": now_ms() + self._lease_ms,
        }


def _by_request(merchant_id: str, request_id: str) -> ColumnElement[bool]:
    return and_(awards.c.merchant_id == merchant_id, awards.c.request_id == request_id)


def _by_number(merchant_id: str, number: int) -> ColumnElement[bool]:
    return and_(awards.c.merchant_id == merchant_id, awards.c.number == number)


async def _first(connection: AsyncConnection, query: Select[Any]) -> Row[Any] | None:
    row: Row[Any] | None = (await connection.execute(query)).first()
    return row


async def _lock_merchant(connection: AsyncConnection, merchant_id: str) -> int:
    """Make all who open awards of this merchant wait for one another. Returns the last number given."""
    row = make_insert(connection, award_numbers).values(merchant_id=merchant_id, last_number=0)
    untouched = {"last_number": award_numbers.c.last_number}
    locked = row.on_conflict_do_update(index_elements=["merchant_id"], set_=untouched)
    return int((await connection.execute(locked.returning(award_numbers.c.last_number))).scalar_one())


async def _refuse_doubt(connection: AsyncConnection, request: AwardRequest) -> None:
    query = select(awards).where(
        awards.c.merchant_id == request.merchant_id,
        awards.c.member_id == request.member_id,
        awards.c.state.in_(IN_DOUBT),
    )
    row = await _first(connection, query)
    if row is not None:
        raise AwardInDoubtError(read_award(row).award_id)


async def _change(connection: AsyncConnection, key: ColumnElement[bool], values: Mapping[str, Any]) -> Row[Any]:
    """Change one row of the ledger and put the change on record, in the caller's transaction."""
    query = update(awards).where(key).values({**values, "update_time_ms": now_ms()}).returning(awards)
    row: Row[Any] = (await connection.execute(query)).one()
    await _record(connection, row)
    return row


async def _record(connection: AsyncConnection, row: Row[Any]) -> None:
    change = {name: getattr(row, name) for name in _AUDITED}
    await connection.execute(insert(award_changes).values(change | {"change_time_ms": row.update_time_ms}))


def _make_opening(row: Row[Any], *, is_ours: bool) -> Opening:
    return Opening(award=read_award(row), attempt=row.attempt, is_ours=is_ours)

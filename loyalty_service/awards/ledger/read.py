"""Reads the ledger: lists awards and changes, and sums awards. Changes nothing."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, bindparam, case, func, literal, literal_column, or_, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from loyalty_service.awards.ledger.rows import AwardRows, is_one_of, load_award, load_time
from loyalty_service.awards.ledger.tables import award_changes, awards
from loyalty_service.domain.award import COUNTED, UNSETTLED, Award, AwardChange, AwardState, make_agent_key
from loyalty_service.domain.award_filter import AwardFilter, AwardGrouping, AwardSum
from runtime.addresses import fold_ascii_case
from runtime.database import Database

RECENT_COUNT = 5

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_KEYS = {
    AwardGrouping.AGENT: awards.c.agent_key,
    AwardGrouping.REASON: awards.c.reason,
    AwardGrouping.DAY: awards.c.day,
}
_SUMMED = tuple(name for name in AwardSum.__struct_fields__ if name != "key")


class fold_ascii(FunctionElement[str]):  # noqa: N801 - named like an SQL function
    """As `fold_ascii_case`."""

    inherit_cache = True


@compiles(fold_ascii, "sqlite")
def _fold_sqlite(element: fold_ascii, compiler: SQLCompiler, **options: Any) -> str:  # noqa: ANN401 - the compiler's options
    return f"lower({compiler.process(element.clauses, **options)})"


@compiles(fold_ascii, "postgresql")
def _fold_postgresql(element: fold_ascii, compiler: SQLCompiler, **options: Any) -> str:  # noqa: ANN401 - the compiler's options
    """The database's own collation would also fold other letters."""
    return f'lower({compiler.process(element.clauses, **options)} COLLATE "C")'


class History:
    """Implements the port RecentAwards. `reversal_window_s`: as in Ledger. All methods raise DatabaseError."""

    def __init__(self, database: Database, *, reversal_window_s: float) -> None:
        self._database = database
        self._select = AwardRows(reversal_window_s).select.order_by(awards.c.number.desc())
        self._select_recent = self._select.where(
            awards.c.merchant_id == bindparam("own_merchant_id"),
            awards.c.member_id == bindparam("own_member_id"),
            is_one_of(awards, [AwardState.APPLIED, AwardState.UNKNOWN]),
        ).limit(RECENT_COUNT)

    async def has_awards(self, merchant_id: str) -> bool:
        query = select(awards.c.number).where(awards.c.merchant_id == merchant_id).limit(1)
        return await self._database.read(lambda connection: connection.execute(query).first()) is not None

    async def list_page(
        self, merchant_id: str, wanted: AwardFilter, before_number: int | None, count: int
    ) -> list[Award]:
        """At most `count` awards with a number below `before_number` (None: any), newest first."""
        query = self._select.where(*_match(merchant_id, wanted)).limit(count)
        if before_number is not None:
            query = query.where(awards.c.number < before_number)
        rows = await self._database.read(lambda connection: connection.execute(query).all())
        return [load_award(row) for row in rows]

    async def list_recent(self, merchant_id: str, member_id: str) -> tuple[Award, ...]:
        """See the port."""
        key = {"own_merchant_id": merchant_id, "own_member_id": member_id}
        rows = await self._database.read(lambda connection: connection.execute(self._select_recent, key).all())
        return tuple(load_award(row) for row in rows)

    async def list_changes(self, merchant_id: str, number: int) -> list[AwardChange]:
        """All changes of an award's state, oldest first."""
        own = (award_changes.c.merchant_id == merchant_id, award_changes.c.number == number)
        query = select(award_changes).where(*own).order_by(award_changes.c.change_id)
        rows = await self._database.read(lambda connection: connection.execute(query).all())
        return [
            AwardChange(
                change_time=load_time(row.change_time_ms),
                from_state=row.from_state and AwardState(row.from_state),
                to_state=AwardState(row.state),
                actor=row.actor,
                why=row.why,
                attempt=row.attempt,
            )
            for row in rows
        ]

    async def sum_awards(self, merchant_id: str, wanted: AwardFilter, grouping: AwardGrouping) -> list[AwardSum]:
        """Sum awards by key, days newest first. Awards that were refused or not booked do not count.

        `wanted` filters awards and deductions; a reversal counts with its award.
        """
        query = _select_sums(merchant_id, wanted, grouping)
        rows = await self._database.read(lambda connection: connection.execute(query).all())
        # Converted to whole numbers: PostgreSQL sums them as decimals.
        sums = [AwardSum(key=row.key, **{name: int(getattr(row, name)) for name in _SUMMED}) for row in rows]
        # Sorted here: the engines have different sort orders.
        return sorted(sums, key=lambda one: one.key, reverse=grouping is AwardGrouping.DAY)


def _select_sums(merchant_id: str, wanted: AwardFilter, grouping: AwardGrouping) -> Select[Any]:
    key = _KEYS[grouping]
    is_credit, is_debit = awards.c.is_debit.is_(False), awards.c.is_debit.is_(True)
    is_applied = is_one_of(awards, [AwardState.APPLIED])
    taken_back = _select_reversed_points([AwardState.APPLIED])
    unsettled = _sum(awards.c.points, is_one_of(awards, UNSETTLED)) + func.sum(_select_reversed_points(UNSETTLED))
    columns = (
        key.label("key"),
        _sum(literal(1), is_applied, is_credit).label("award_count"),
        _sum(awards.c.points, is_applied, is_credit).label("points"),
        _sum(taken_back, is_credit).label("reversed_points"),
        unsettled.label("in_doubt_points"),
        (_sum(awards.c.points, is_applied, is_debit) - _sum(taken_back, is_debit)).label("removed_points"),
    )
    given = (*_match(merchant_id, wanted), awards.c.reverses.is_(None), is_one_of(awards, COUNTED))
    return select(*columns).where(*given).group_by(key)


def _sum(amount: ColumnElement[Any], *wanted: ColumnElement[bool]) -> ColumnElement[Any]:
    return func.sum(case((and_(*wanted), amount), else_=0))


def _select_reversed_points(states: Iterable[AwardState]) -> ColumnElement[Any]:
    """The row's points that were taken back; counted twice if that happened twice."""
    reversal = awards.alias("reversal")
    query = select(func.coalesce(func.sum(reversal.c.points), 0)).where(
        reversal.c.merchant_id == awards.c.merchant_id,
        reversal.c.reverses == awards.c.number,
        is_one_of(reversal, COUNTED),  # as the index spells it
        is_one_of(reversal, states),
    )
    return query.correlate(awards).scalar_subquery()


def _match(merchant_id: str, wanted: AwardFilter) -> Iterator[ColumnElement[bool]]:
    yield awards.c.merchant_id == merchant_id
    if wanted.from_time is not None:
        yield awards.c.attempt_time_ms >= _round_up_ms(wanted.from_time)
    if wanted.before_time is not None:
        yield awards.c.attempt_time_ms < _round_up_ms(wanted.before_time)
    if wanted.claimed_agent:
        key = make_agent_key(wanted.claimed_agent)
        yield or_(awards.c.agent_key == key, awards.c.agent_name_key == key)
    if wanted.member_id:
        yield awards.c.member_id == wanted.member_id
    if wanted.member_support_id:
        yield fold_ascii(awards.c.member_support_id) == fold_ascii_case(wanted.member_support_id)
    if wanted.ticket_id:
        yield awards.c.ticket_id == wanted.ticket_id
    if wanted.states:
        yield is_one_of(awards, sorted(wanted.states, key=lambda state: state.value))
    if wanted.needs_person:
        yield literal_column("awards.needs_person")  # as the partial index spells it


def _round_up_ms(time: datetime) -> int:
    """Round up to whole milliseconds: then "at or after" and "before" are right for whole milliseconds."""
    return -((_EPOCH - time) // timedelta(milliseconds=1))

"""What is on record already and decides on a new award: one read, in the opening transaction."""

from typing import Any

import msgspec
from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    Connection,
    Row,
    Select,
    bindparam,
    false,
    func,
    literal,
    select,
    true,
    union_all,
)
from sqlalchemy import literal_column as sql

from loyalty_service.awards.ledger.idempotency import Records, read_records, select_records
from loyalty_service.awards.ledger.rows import GIVEN, IN_DOUBT, find_reversal, is_one_of, list_columns
from loyalty_service.awards.ledger.tables import awards
from loyalty_service.domain.award import AwardRequest, AwardState
from loyalty_service.domain.limits import Limits, Used

_OF_MERCHANT = awards.c.merchant_id == bindparam("merchant_id")
_OF_MEMBER = awards.c.member_id == bindparam("member_id")
_ON_TICKET = awards.c.ticket_id == bindparam("ticket_id")
_ON_DAY = awards.c.day == bindparam("day")
# Awards where one is asked for, deductions where one is.
_OF_KIND = awards.c.reverses.is_(None) & (
    func.coalesce(awards.c.is_debit, false()) == bindparam("is_debit", type_=Boolean())
)
# Which of them a limit counts.
_COUNTED = {
    "per_ticket": _ON_TICKET,
    # Spelled so that the index by member is taken: a member has few awards, a day may have many.
    "per_member_day": _OF_MEMBER & (awards.c.day.concat("") == bindparam("day")),
    "per_merchant_day": _ON_DAY,
    "per_agent_day": _ON_DAY & (awards.c.agent_key == bindparam("agent_key")),
}


class Precedents(msgspec.Struct, frozen=True, kw_only=True):
    """Rows as `select_awards` has them. `repeat`: the same points, the same way, for the same member on the same
    ticket, a short while ago. `doubt`: the member's award that is PENDING or UNKNOWN.
    """  # noqa: D205  one sentence a field

    records: Records
    repeat: Row[Any] | None
    doubt: Row[Any] | None
    used: Used


class PrecedentReader:
    """`repeat_window_ms`: how long an award stands for its like. The queries are made once for each set of limits."""

    def __init__(self, reversal_window_ms: int, repeat_window_ms: int) -> None:
        self._columns = list_columns(reversal_window_ms)
        self._repeat_window_ms = repeat_window_ms
        self._queries: dict[tuple[str, ...], Select[Any]] = {}

    def read(
        self, connection: Connection, request: AwardRequest, limits: Limits, *, day: str, time_ms: int
    ) -> Precedents:
        """`day`, `time_ms`: the merchant's day and the database's time, now."""
        names = tuple(name for name in _COUNTED if _is_checked(name, limits, request))
        query = self._queries.get(names)
        if query is None:
            query = self._queries[names] = self._make_query(names)
        values = {
            "merchant_id": request.merchant_id,
            "request_id": request.request_id,
            "member_id": request.member_id,
            "points": request.points,
            "is_debit": request.is_debit,
            "ticket_id": request.ticket_id,
            "agent_key": request.agent_key,
            "day": day,
            "since_ms": time_ms - self._repeat_window_ms,
        }
        rows = connection.execute(query, values).all()
        newest = {row.kind: row for row in sorted(rows, key=lambda row: row.number or 0)}
        return Precedents(
            records=read_records(rows),
            repeat=newest.get("repeat"),
            doubt=newest.get("doubt"),
            used=Used(**{name: int(getattr(rows[0], f"used_{name}")) for name in names}),
        )

    def _make_query(self, names: tuple[str, ...]) -> Select[Any]:
        found = union_all(
            *select_records(self._columns),
            self._select("doubt", _OF_MEMBER, is_one_of(awards, *IN_DOUBT)),
            self._select(
                "repeat",
                _ON_TICKET,
                _OF_MEMBER,
                awards.c.ticket_id != "",
                awards.c.attempt_time_ms >= bindparam("since_ms", type_=BigInteger()),
                awards.c.points == bindparam("points"),
                _OF_KIND,
                is_one_of(awards, *GIVEN),
                find_reversal().is_(None),
            ),
        ).subquery("found")
        # A row at least: sums are told where nothing is found, too.
        sums = [_sum_points(_COUNTED[name]).label(f"used_{name}") for name in names]
        used = select(literal(1).label("one"), *sums).subquery("used")
        return select(used, found).select_from(used.outerjoin(found, true()))

    def _select(self, kind: str, *wanted: ColumnElement[bool]) -> Select[Any]:
        return select(sql(f"'{kind}'").label("kind"), *self._columns).where(_OF_MERCHANT, *wanted)


def _is_checked(name: str, limits: Limits, request: AwardRequest) -> bool:
    """Awards without a ticket are on none. Those without an agent are one agent's: nobody gets round a limit so."""
    return getattr(limits, name) is not None and (name != "per_ticket" or request.ticket_id != "")


def _sum_points(wanted: ColumnElement[bool]) -> ColumnElement[int]:
    """Points that went this way and were not taken back."""
    query = select(func.coalesce(func.sum(awards.c.points), 0)).where(
        _OF_MERCHANT,
        wanted,
        _OF_KIND,
        is_one_of(awards, *GIVEN),
        find_reversal(AwardState.APPLIED).is_(None),
    )
    return query.scalar_subquery()

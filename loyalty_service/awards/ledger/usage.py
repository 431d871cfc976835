"""The used points of each limit: given or taken away, and not taken back."""

import functools
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, bindparam, func, select
from sqlalchemy.sql.selectable import ScalarSelect

from loyalty_service.awards.ledger.rows import TAKEN_BACK_BY, is_one_of
from loyalty_service.awards.ledger.tables import awards
from loyalty_service.domain.award import COUNTED, AwardRequest
from loyalty_service.domain.limits import COUNTED_BY, Limits


def sum_used(connection: Connection, request: AwardRequest, limits: Limits, day: str) -> dict[str, int]:
    """Sum the used points by limit name, for the limits that are set. `day`: the merchant's present day."""
    # Awards without a ticket count for no ticket. All awards without an agent count as one agent's, so that leaving
    # out the agent avoids no limit.
    names = tuple(
        name
        for name, columns in COUNTED_BY.items()
        if getattr(limits, name) and (request.ticket_id or "ticket_id" not in columns)
    )
    if not names:
        return {}
    values = {f"own_{name}": getattr(request, name) for name in ("merchant_id", "ticket_id", "member_id", "agent_key")}
    row = connection.execute(_select_sums(names, is_debit=request.is_debit), values | {"own_day": day}).one()
    return {name: int(used) for name, used in zip(names, row, strict=True)}


@functools.cache  # built once for each set of limits
def _select_sums(names: tuple[str, ...], *, is_debit: bool) -> Select[Any]:
    sums: list[ColumnElement[Any]] = [_sum_points(COUNTED_BY[name], is_debit=is_debit).label(name) for name in names]
    query: Select[Any] = select(*sums)
    return query


def _sum_points(columns: tuple[str, ...], *, is_debit: bool) -> ScalarSelect[int]:
    query = select(func.coalesce(func.sum(awards.c.points), 0)).where(
        *(_is_own(name, columns) for name in ("merchant_id", *columns)),
        awards.c.reverses.is_(None),
        awards.c.is_debit.is_(is_debit),
        is_one_of(awards, COUNTED),
        TAKEN_BACK_BY.is_(None),
    )
    return query.scalar_subquery()


def _is_own(name: str, columns: tuple[str, ...]) -> ColumnElement[bool]:
    column: ColumnElement[str] = awards.c[name]
    # Written so that SQLite uses the index by member: a member has few awards, a day may have many.
    return (column.concat("") if name == "day" and "member_id" in columns else column) == bindparam(f"own_{name}")

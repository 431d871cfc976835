"""The used points of each limit: given or taken away, and not taken back."""

from sqlalchemy import ColumnElement, Connection, func, select
from sqlalchemy.sql.selectable import ScalarSelect

from loyalty_service.awards.ledger.rows import TAKEN_BACK_BY, is_one_of
from loyalty_service.awards.ledger.tables import awards
from loyalty_service.domain.award import COUNTED, AwardRequest
from loyalty_service.domain.limits import COUNTED_BY, Limits


def sum_used(connection: Connection, request: AwardRequest, limits: Limits, day: str) -> dict[str, int]:
    """Sum the used points by limit name, for the limits that are set. `day`: the merchant's present day."""
    values = {name: getattr(request, name) for name in ("ticket_id", "member_id", "agent_key")} | {"day": day}
    sums = []
    for name, columns in COUNTED_BY.items():
        # Awards without a ticket count for no ticket. All awards without an agent count as one agent's, so that leaving
        # out the agent avoids no limit.
        if getattr(limits, name) and (request.ticket_id or "ticket_id" not in columns):
            sums.append(_sum_points(request, {column: values[column] for column in columns}).label(name))
    if not sums:
        return {}
    row = connection.execute(select(*sums)).one()
    return {column.name: int(used) for column, used in zip(sums, row, strict=True)}


def _sum_points(request: AwardRequest, values: dict[str, str]) -> ScalarSelect[int]:
    query = select(func.coalesce(func.sum(awards.c.points), 0)).where(
        awards.c.merchant_id == request.merchant_id,
        *(_is_equal(name, value, values) for name, value in values.items()),
        awards.c.reverses.is_(None),
        awards.c.is_debit.is_(request.is_debit),
        is_one_of(awards, COUNTED),
        TAKEN_BACK_BY.is_(None),
    )
    return query.scalar_subquery()


def _is_equal(name: str, value: str, values: dict[str, str]) -> ColumnElement[bool]:
    column: ColumnElement[str] = awards.c[name]
    # Written so that SQLite uses the index by member: a member has few awards, a day may have many.
    return (column.concat("") if name == "day" and "member_id" in values else column) == value

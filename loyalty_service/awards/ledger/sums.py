"""Sums of awards by agent, reason, day, week, member or `identified_by`."""

from collections.abc import Iterable
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, case, func, literal, select

from loyalty_service.awards.ledger.filter import match_filter
from loyalty_service.awards.ledger.rows import is_one_of
from loyalty_service.awards.ledger.tables import awards
from loyalty_service.domain.award import COUNTED, UNSETTLED, AwardState
from loyalty_service.domain.award_filter import AwardFilter, AwardGrouping, AwardSum

_KEYS = {
    AwardGrouping.AGENT: awards.c.agent_key,
    AwardGrouping.REASON: awards.c.reason,
    AwardGrouping.DAY: awards.c.day,
    AwardGrouping.WEEK: awards.c.day,  # the engines spell an ISO week differently: `add_up_weeks`
    AwardGrouping.MEMBER: awards.c.member_id,
    AwardGrouping.IDENTIFIED_BY: awards.c.identified_by,
}
_SUMMED = ("award_count", "points", "reversed_points", "in_doubt_points", "removed_points")
NEWEST_FIRST = (AwardGrouping.DAY, AwardGrouping.WEEK)


def select_sums(merchant_id: str, wanted: AwardFilter, grouping: AwardGrouping) -> Select[Any]:
    """A row for `load_sum` for each group. Awards that were refused or not booked do not count."""
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
    given = (*match_filter(merchant_id, wanted), awards.c.reverses.is_(None), is_one_of(awards, COUNTED))
    return select(*columns).where(*given).group_by(key)


def select_member_sums(merchant_id: str, wanted: AwardFilter) -> Select[Any]:
    """The same by member, those with the most points first. One support ID of each: a member may have had several."""
    query = select_sums(merchant_id, wanted, AwardGrouping.MEMBER)
    support_id = func.max(awards.c.member_support_id).label("member_support_id")
    points = query.selected_columns["points"]
    return query.add_columns(support_id).order_by(points.desc(), awards.c.member_id)


def load_sum(row: Row[Any]) -> AwardSum:
    # Converted to whole numbers: PostgreSQL sums them as decimals.
    return AwardSum(
        key=row.key,
        **{name: int(getattr(row, name)) for name in _SUMMED},
        member_support_id=getattr(row, "member_support_id", ""),
    )


def add_up_weeks(days: Iterable[AwardSum]) -> list[AwardSum]:
    """The sums of ISO weeks from those of their days."""
    weeks: dict[str, AwardSum] = {}
    for day in days:
        week = _name_week(day.key)
        so_far = weeks.get(week)
        figures = {name: getattr(day, name) + (getattr(so_far, name) if so_far else 0) for name in _SUMMED}
        weeks[week] = AwardSum(key=week, **figures)
    return list(weeks.values())


def _name_week(day: str) -> str:
    """The week of a day, "2026-W53" for "2027-01-01": the year is the week's."""
    year, week, _ = date.fromisoformat(day).isocalendar()
    return f"{year}-W{week:02}"


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

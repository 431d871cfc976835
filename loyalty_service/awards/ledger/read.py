"""Reads the ledger: lists awards and changes, and sums awards. Changes nothing."""

from sqlalchemy import bindparam, select

from loyalty_service.awards.ledger.filter import match_filter
from loyalty_service.awards.ledger.rows import AwardRows, is_one_of, load_award, load_time
from loyalty_service.awards.ledger.sums import NEWEST_FIRST, add_up_weeks, load_sum, select_member_sums, select_sums
from loyalty_service.awards.ledger.tables import award_changes, awards
from loyalty_service.domain.award import Award, AwardChange, AwardState
from loyalty_service.domain.award_filter import AwardFilter, AwardGrouping, AwardSum
from runtime.database import Database

RECENT_COUNT = 5


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
        query = self._select.where(*match_filter(merchant_id, wanted)).limit(count)
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
        """Sum awards by key, days and weeks newest first. Awards that were refused or not booked do not count.

        `wanted` filters awards and deductions; a reversal counts with its award.
        """
        query = select_sums(merchant_id, wanted, grouping)
        rows = await self._database.read(lambda connection: connection.execute(query).all())
        sums = [load_sum(row) for row in rows]
        if grouping is AwardGrouping.WEEK:
            sums = add_up_weeks(sums)
        # Sorted here: the engines have different sort orders.
        return sorted(sums, key=lambda one: one.key, reverse=grouping in NEWEST_FIRST)

    async def sum_members(self, merchant_id: str, wanted: AwardFilter, skipped: int, count: int) -> list[AwardSum]:
        """The same by member, at most `count` after the first `skipped`: those with the most points first."""
        query = select_member_sums(merchant_id, wanted).offset(skipped).limit(count)
        rows = await self._database.read(lambda connection: connection.execute(query).all())
        return [load_sum(row) for row in rows]

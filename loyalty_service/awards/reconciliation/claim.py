"""Claims unknown awards that are due for a check, so that one worker of the fleet checks each.

A claim moves the award's next check and the merchant's next claim into the future, so a worker that dies only delays
them. All times are the database's.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, and_, case, exists, func, not_, or_, select, update

from loyalty_service.awards.ledger.rows import AwardRows, is_one_of, load_award, load_time
from loyalty_service.awards.ledger.tables import awards, reconciliation_claims
from loyalty_service.awards.reconciliation.match import Neighbours
from loyalty_service.domain.award import Award, AwardState
from runtime.database import Database
from runtime.sql import make_insert, now_ms

# The pauses after the first check, after the second, and after each later one. The first comes as soon as an award is
# UNKNOWN.
CHECK_AFTER_S = (15.0, 60.0, 300.0)
# The fleet's interval of claims for one merchant: its 50 requests in 10 s at the provider are for agents.
CLAIM_EVERY_S = 0.8

_LOOKED_FOR = (AwardState.UNKNOWN, AwardState.NOT_APPLIED)


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """An award that this worker must check, claimed at `claim_time`.

    `last_send_time`: its last attempt was sent before this, if at all. `check_count` includes this check;
    `absent_count`: complete lists in a row, read late enough, that did not have it.
    """

    award: Award
    last_send_time: datetime
    claim_time: datetime
    check_count: int
    absent_count: int

    @property
    def merchant_id(self) -> str:
        return self.award.request.merchant_id


class UnknownCounts(msgspec.Struct, frozen=True, kw_only=True):
    """The number of UNKNOWN awards, of those that wait for a person, and the seconds since the oldest was sent."""

    unknown: int
    waiting_for_person: int
    oldest_s: float


class Claims:
    """`reversal_window_s` as in Ledger."""

    def __init__(self, database: Database, *, reversal_window_s: float) -> None:
        self._database = database
        self._select = AwardRows(reversal_window_s).select

    async def count(self) -> UnknownCounts:
        is_unknown = and_(awards.c.next_check_time_ms.is_not(None), is_one_of(awards, [AwardState.UNKNOWN]))
        waiting = func.sum(case((awards.c.needs_person, 1), else_=0))
        oldest_ms = now_ms() - func.min(awards.c.attempt_time_ms)
        query = select(func.count().label("unknown"), waiting.label("waiting"), oldest_ms.label("oldest_ms"))
        query = query.where(is_unknown)
        row = await self._database.read(lambda connection: connection.execute(query).one())
        return UnknownCounts(
            unknown=row.unknown, waiting_for_person=row.waiting or 0, oldest_s=max(0, row.oldest_ms or 0) / 1000
        )

    async def claim(self, count: int, *, without: Collection[str]) -> list[Claim]:
        """Claim at most `count` due awards, one of each merchant that had no claim for CLAIM_EVERY_S.

        `without`: merchants to skip.
        """
        # Written so that SQLite uses the index by time: by merchant it would read all awards of the merchant.
        own_id = awards.c.merchant_id.concat("")
        due_merchants = select(own_id).where(_is_due(), not_(_is_left_alone())).group_by(own_id)
        due_merchants = due_merchants.order_by(func.min(awards.c.next_check_time_ms)).limit(count + len(without))
        found = await self._database.read(lambda connection: connection.scalars(due_merchants).all())
        # In a fixed order, so that two workers cannot deadlock.
        chosen = sorted([merchant_id for merchant_id in found if merchant_id not in without][:count])
        if not chosen:
            return []
        claimed = await self._database.write(
            lambda connection: [self._claim_one(connection, merchant_id) for merchant_id in chosen]
        )
        return [claim for claim in claimed if claim is not None]

    async def read_neighbours(self, claim: Claim) -> Neighbours:
        request, number = claim.award.request, claim.award.number
        query = self._select.where(
            awards.c.merchant_id == request.merchant_id,
            awards.c.member_id == request.member_id,
            awards.c.number != number,
            ~is_one_of(awards, [AwardState.REJECTED]),
        )
        rows = await self._database.read(lambda connection: connection.execute(query).all())
        ids = {one for row in rows for one in (row.provider_reference, row.movement_id) if one}
        rivals = [load_award(row) for row in rows if not row.provider_reference and not row.movement_id]
        references = frozenset(load_award(row).reference for row in rows)
        return Neighbours(movement_ids=frozenset(ids), references=references, rivals=tuple(rivals))

    async def rest(self, merchant_id: str, rest_s: float) -> None:
        """Check none of the merchant's awards for this time."""
        next_ms = now_ms() + round(rest_s * 1000)
        query = (
            update(reconciliation_claims)
            .where(reconciliation_claims.c.merchant_id == merchant_id)
            .values(next_claim_time_ms=next_ms)
        )
        await self._database.write(lambda connection: connection.execute(query))

    async def plan(
        self, claim: Claim, state: AwardState, *, after_s: float | None, absent_count: int | None = None
    ) -> None:
        """Set the next check, counted from now; None: never. Does nothing if the state or the claim has changed."""
        request, number = claim.award.request, claim.award.number
        values: dict[str, Any] = {"next_check_time_ms": None if after_s is None else now_ms() + round(after_s * 1000)}
        if absent_count is not None:
            values["absent_count"] = absent_count
        own = (awards.c.merchant_id == request.merchant_id, awards.c.number == number)
        is_claimed = (is_one_of(awards, [state]), awards.c.check_count == claim.check_count)
        query = update(awards).where(*own, *is_claimed).values(values)
        await self._database.write(lambda connection: connection.execute(query))

    def _claim_one(self, connection: Connection, merchant_id: str) -> Claim | None:
        """None if another worker was faster."""
        if not _claim_merchant(connection, merchant_id):
            return None
        own_id = awards.c.merchant_id.concat("")  # as above
        due = select(awards.c.number, awards.c.check_count).where(own_id == merchant_id, _is_due())
        due = due.order_by(awards.c.next_check_time_ms).limit(1).with_for_update(skip_locked=True)
        found = connection.execute(due).one_or_none()
        if found is None:
            return None
        key = and_(awards.c.merchant_id == merchant_id, awards.c.number == found.number)
        after_ms = round(CHECK_AFTER_S[min(found.check_count, len(CHECK_AFTER_S) - 1)] * 1000)
        moved = {"check_count": found.check_count + 1, "next_check_time_ms": now_ms() + after_ms}
        connection.execute(update(awards).where(key).values(moved))
        row = connection.execute(self._select.add_columns(now_ms().label("claim_time_ms")).where(key)).one()
        return Claim(
            award=load_award(row),
            last_send_time=load_time(row.lease_expire_time_ms),
            claim_time=load_time(row.claim_time_ms),
            check_count=row.check_count,
            absent_count=row.absent_count,
        )


def _is_due() -> ColumnElement[bool]:
    return and_(awards.c.next_check_time_ms <= now_ms(), or_(*(is_one_of(awards, [state]) for state in _LOOKED_FOR)))


def _is_left_alone() -> ColumnElement[bool]:
    own = reconciliation_claims.c.merchant_id == awards.c.merchant_id
    return exists().where(own, reconciliation_claims.c.next_claim_time_ms > now_ms())


def _claim_merchant(connection: Connection, merchant_id: str) -> bool:
    next_ms = now_ms() + round(CLAIM_EVERY_S * 1000)
    row = make_insert(connection, reconciliation_claims).values(merchant_id=merchant_id, next_claim_time_ms=next_ms)
    claim = row.on_conflict_do_update(
        index_elements=["merchant_id"],
        set_={"next_claim_time_ms": next_ms},
        where=reconciliation_claims.c.next_claim_time_ms <= now_ms(),
    )
    return connection.execute(claim.returning(reconciliation_claims.c.merchant_id)).first() is not None

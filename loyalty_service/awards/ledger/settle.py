"""Settles an award: writes its outcome to its row and the audit log, in the caller's transaction."""

from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import BigInteger, Connection, and_, bindparam, select, update

from loyalty_service.awards.ledger.audit import SERVICE, log_change
from loyalty_service.awards.ledger.rows import IS_NAMED, AwardRows, is_award, is_one_of, load_time, name_award
from loyalty_service.awards.ledger.tables import awards
from loyalty_service.domain.award import ALLOWED_CHANGES, Award, AwardState, Receipt
from loyalty_service.domain.errors import AwardStateError
from runtime.sql import now_ms

# The time from UNKNOWN to the first check of the provider's movements.
FIRST_CHECK_MS = 5_000
# A bound, so that the transaction ends in time even if a dead fleet left many awards. The next pass takes the rest.
_EXPIRED_AT_ONCE = 500

# The award has the state and the attempt that it had when it was read.
_IS_AS_READ = and_(IS_NAMED, awards.c.state == bindparam("own_state"), awards.c.attempt == bindparam("own_attempt"))
_SETTLE = update(awards).where(_IS_AS_READ).values(update_time_ms=now_ms()).returning(awards.c.update_time_ms)
_SETTLE_AND_PLAN = _SETTLE.values(next_check_time_ms=now_ms() + bindparam("first_check_ms", type_=BigInteger))

OVERDUE = and_(is_one_of(awards, [AwardState.PENDING]), awards.c.lease_expire_time_ms < now_ms())


class MovementUsedError(Exception):
    """The provider confirmed another award of the member with this movement."""


class Settlement(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome of an attempt; the fields are as in Award. `why`: in words, for the audit log.

    `receipt`: set if it is APPLIED. `movement_id`: the provider's movement that shows it; it settles one award only.
    """

    state: AwardState
    receipt: Receipt | None = None
    rejection_reason: str | None = None
    retryable: bool = False
    needs_person: bool = False
    movement_id: str | None = None
    why: str = ""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """An award before and after; both are equal if nothing was changed."""

    before: Award
    after: Award


class Settler:
    """Ledger describes the methods."""

    def __init__(self, rows: AwardRows) -> None:
        self._rows = rows

    def settle(self, connection: Connection, award: Award, settlement: Settlement) -> Change:
        after = self._write(connection, award, settlement, SERVICE)
        if after is not None:
            return Change(before=award, after=after)
        before = self._rows.lock(connection, award.request.merchant_id, award.number)
        if before.attempt != award.attempt:
            return Change(before=before, after=before)
        if before.state is AwardState.UNKNOWN and settlement.state is AwardState.REJECTED:
            settlement = Settlement(state=AwardState.NOT_APPLIED, why=settlement.why)
        if before.state is AwardState.UNKNOWN and settlement.needs_person:
            # Its lease ran out first. Still record the provider's answer: otherwise a complete list could show it as
            # not booked.
            told = {"rejection_reason": settlement.rejection_reason, "needs_person": True}
            is_own = is_award(before.request.merchant_id, before.number)
            connection.execute(update(awards).where(is_own).values(told))
            return Change(before=before, after=self._rows.lock(connection, before.request.merchant_id, before.number))
        return self._change(connection, before, settlement, SERVICE)

    def settle_by_person(
        self, connection: Connection, merchant_id: str, number: int, settlement: Settlement, actor: str
    ) -> Change:
        before = self._rows.lock(connection, merchant_id, number)
        if before.state is AwardState.PENDING:
            raise AwardStateError(before.award_id, before.state.value)
        change = self._change(connection, before, settlement, actor)
        if change.after.state is not settlement.state:
            raise AwardStateError(before.award_id, before.state.value)
        return change

    def settle_by_movements(
        self, connection: Connection, merchant_id: str, number: int, settlement: Settlement
    ) -> Change:
        before = self._rows.lock(connection, merchant_id, number)
        if settlement.movement_id is not None and _is_used(connection, before, settlement.movement_id):
            raise MovementUsedError
        if before.state is AwardState.PENDING:
            return Change(before=before, after=before)
        return self._change(connection, before, settlement, SERVICE)

    def expire(self, connection: Connection) -> list[Change]:
        # Skips rows that another process is changing now.
        overdue = select(awards.c.merchant_id, awards.c.number).where(OVERDUE).limit(_EXPIRED_AT_ONCE)
        query = overdue.with_for_update(skip_locked=True)
        settlement = Settlement(state=AwardState.UNKNOWN, why="TRIFFT's answer was not recorded in time")
        locked = [self._rows.lock(connection, *key) for key in connection.execute(query).all()]
        return [self._change(connection, award, settlement, SERVICE) for award in locked]

    def _change(self, connection: Connection, before: Award, settlement: Settlement, actor: str) -> Change:
        """Change a locked award, if its state allows that."""
        return Change(before=before, after=self._write(connection, before, settlement, actor) or before)

    def _write(self, connection: Connection, before: Award, settlement: Settlement, actor: str) -> Award | None:
        """Returns the changed award; None, without a change, if its row is not as `before` or may not change so."""
        if settlement.state not in ALLOWED_CHANGES[before.state]:
            return None
        own = name_award(before.request.merchant_id, before.number)
        own |= {"own_state": before.state.value, "own_attempt": before.attempt}
        values = spell_settlement(settlement)
        if settlement.state is AwardState.NOT_APPLIED:  # the caller plans the next check
            query = _SETTLE
        else:
            query = _SETTLE_AND_PLAN
            values["first_check_ms"] = FIRST_CHECK_MS if settlement.state is AwardState.UNKNOWN else None
        row = connection.execute(query, own | values).one_or_none()
        if row is None:
            return None
        after = self._apply(before, settlement, load_time(row.update_time_ms))
        log_change(connection, after, before.state, actor=actor, why=settlement.why)
        return after

    def _apply(self, before: Award, settlement: Settlement, update_time: datetime) -> Award:
        """The settled award, as `load_award` would read it."""
        is_reversible = settlement.state is AwardState.APPLIED and before.request.reverses is None
        window = self._rows.reversal_window
        return msgspec.structs.replace(
            before,
            state=settlement.state,
            receipt=settlement.receipt,
            rejection_reason=settlement.rejection_reason,
            retryable=settlement.retryable,
            needs_person=settlement.needs_person,
            update_time=update_time,
            reverse_expire_time=update_time + window if is_reversible and window else None,
        )


def mark_needs_person(connection: Connection, merchant_id: str, number: int) -> None:
    unknown = (is_award(merchant_id, number), is_one_of(awards, [AwardState.UNKNOWN]))
    connection.execute(update(awards).where(*unknown).values(needs_person=True))


def _is_used(connection: Connection, award: Award, movement_id: str) -> bool:
    """Whether the provider confirmed another award with this movement, which the unique index does not cover."""
    query = select(awards.c.number).where(
        awards.c.merchant_id == award.request.merchant_id,
        awards.c.member_id == award.request.member_id,
        awards.c.number != award.number,
        awards.c.provider_reference == movement_id,
    )
    return connection.execute(query).first() is not None


def spell_settlement(settlement: Settlement) -> dict[str, Any]:
    """All columns that a settlement sets, except the times."""
    receipt = settlement.receipt
    balance = receipt.balance if receipt else None
    return {
        "state": settlement.state.value,
        "rejection_reason": settlement.rejection_reason,
        "retryable": settlement.retryable,
        "provider_reference": receipt.provider_reference if receipt else None,
        "balance": f"{balance.balance:f}" if balance else None,
        "delayed": receipt.delayed if receipt else False,
        "needs_person": settlement.needs_person,
        "movement_id": settlement.movement_id,
    }

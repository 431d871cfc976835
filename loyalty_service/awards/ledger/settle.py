"""Settling an award: what became of it is written to its row and to the audit log, in the caller's transaction."""

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

# How long after an award became UNKNOWN the provider's movements are looked at first.
FIRST_CHECK_MS = 5_000
# So that one transaction ends in time however many awards a dead fleet has left: the rest is of the next look.
_EXPIRED_AT_ONCE = 500

# As it was when it was read: whoever settles an award changes no other state, and no other attempt.
_IS_AS_READ = and_(IS_NAMED, awards.c.state == bindparam("own_state"), awards.c.attempt == bindparam("own_attempt"))
_SETTLE = update(awards).where(_IS_AS_READ).values(update_time_ms=now_ms()).returning(awards.c.update_time_ms)
_SETTLE_AND_PLAN = _SETTLE.values(next_check_time_ms=now_ms() + bindparam("first_check_ms", type_=BigInteger))

OVERDUE = and_(is_one_of(awards, [AwardState.PENDING]), awards.c.lease_expire_time_ms < now_ms())


class MovementUsedError(Exception):
    """The provider has confirmed another award of the member with this movement."""


class Settlement(msgspec.Struct, frozen=True, kw_only=True):
    """What became of an attempt; the fields are as in Award. `why`: in words, for the audit log.

    `receipt`: there where it is APPLIED. `movement_id`: of the provider's movement that tells; one settles one award.
    """

    state: AwardState
    receipt: Receipt | None = None
    rejection_reason: str | None = None
    retryable: bool = False
    needs_person: bool = False
    movement_id: str | None = None
    why: str = ""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """An award before and after; both are the same where nothing was changed."""

    before: Award
    after: Award


class Settler:
    """What each method does is described in Ledger."""

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
            # Its lease ran out first. What the provider said must still be known, or lists would rule the award out.
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
        # Skipped: rows that another process is changing at this moment.
        overdue = select(awards.c.merchant_id, awards.c.number).where(OVERDUE).limit(_EXPIRED_AT_ONCE)
        query = overdue.with_for_update(skip_locked=True)
        settlement = Settlement(state=AwardState.UNKNOWN, why="nobody wrote down in time what TRIFFT answered")
        locked = [self._rows.lock(connection, *key) for key in connection.execute(query).all()]
        return [self._change(connection, award, settlement, SERVICE) for award in locked]

    def _change(self, connection: Connection, before: Award, settlement: Settlement, actor: str) -> Change:
        """Change an award that is locked, where its state allows that."""
        return Change(before=before, after=self._write(connection, before, settlement, actor) or before)

    def _write(self, connection: Connection, before: Award, settlement: Settlement, actor: str) -> Award | None:
        """The award after it. None, and nothing, where its state does not allow it, or its row is not as `before`."""
        if settlement.state not in ALLOWED_CHANGES[before.state]:
            return None
        own = name_award(before.request.merchant_id, before.number)
        own |= {"own_state": before.state.value, "own_attempt": before.attempt}
        values = spell_settlement(settlement)
        if settlement.state is AwardState.NOT_APPLIED:  # who found that out plans when it is looked for again
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
        """As `load_award` would read it."""
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
    """The unique index covers awards that a movement has settled, not those that the provider has confirmed."""
    query = select(awards.c.number).where(
        awards.c.merchant_id == award.request.merchant_id,
        awards.c.member_id == award.request.member_id,
        awards.c.number != award.number,
        awards.c.provider_reference == movement_id,
    )
    return connection.execute(query).first() is not None


def spell_settlement(settlement: Settlement) -> dict[str, Any]:
    """All columns that a settlement decides, without the times."""
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

"""What became of awards, written down in the caller's transaction."""

from typing import Any

from sqlalchemy import Row, and_, bindparam, select, update

from loyalty_service.awards.ledger.audit import SERVICE, Changes, Page
from loyalty_service.awards.ledger.open import Opening
from loyalty_service.awards.ledger.rows import Settlement, is_one_of, read_award, select_awards
from loyalty_service.awards.ledger.tables import awards
from loyalty_service.domain.award import Award, AwardState, Receipt
from loyalty_service.domain.errors import AwardNotFoundError, AwardStateError
from runtime.sql import now_ms

# What a person, or the provider's movements, may find out about an award.
_FOUND_OUT = {
    AwardState.UNKNOWN: (AwardState.APPLIED, AwardState.NOT_APPLIED),
    AwardState.NOT_APPLIED: (AwardState.APPLIED,),
}
OVERDUE = and_(is_one_of(awards, AwardState.PENDING), awards.c.lease_expire_time_ms < now_ms())
_EXPIRED = Settlement(state=AwardState.UNKNOWN, why="nobody wrote down in time what TRIFFT answered")


class MovementUsedError(Exception):
    """The provider has confirmed another award of the member with this movement."""


class Settlements:
    """What each does is described in Ledger."""

    def __init__(self, changes: Changes, *, reversal_window_ms: int) -> None:
        self._changes = changes
        own = and_(awards.c.merchant_id == bindparam("own_merchant_id"), awards.c.number == bindparam("own_number"))
        self._lock = select_awards(reversal_window_ms).where(own).with_for_update(of=awards)
        # Skipped: rows that another process is turning at this moment.
        overdue = select(awards.c.merchant_id, awards.c.number, awards.c.attempt).where(OVERDUE)
        self._lock_overdue = overdue.with_for_update(skip_locked=True)
        # The unique index covers those that a movement has settled, not those that the provider has confirmed with one.
        self._find_user = select(awards.c.number).where(
            awards.c.merchant_id == bindparam("own_merchant_id"),
            awards.c.member_id == bindparam("own_member_id"),
            awards.c.number != bindparam("own_number"),
            awards.c.provider_reference == bindparam("movement_id"),
        )
        self._needs_person = update(awards).where(own, is_one_of(awards, AwardState.UNKNOWN)).values(needs_person=True)

    def settle(self, page: Page, opening: Opening, settlement: Settlement) -> Award:
        key = (opening.award.request.merchant_id, opening.award.number, opening.attempt)
        row = self._changes.settle(page, key, AwardState.PENDING, settlement)
        if row is not None:
            return read_award(row)
        current = self._read(page, key[0], key[1])
        if settlement.state is AwardState.REJECTED:
            settlement = Settlement(state=AwardState.NOT_APPLIED, why=settlement.why)
        found = self._find_out(page, current, settlement, SERVICE) if current.attempt == opening.attempt else None
        return read_award(current if found is None else found)

    def settle_by_person(  # noqa: PLR0913  each a value of its own
        self, page: Page, merchant_id: str, number: int, state: AwardState, *, actor: str, because: str
    ) -> Award:
        """Raises AwardNotFoundError, AwardStateError."""
        current = self._read(page, merchant_id, number)
        if current.state == state.value:
            return read_award(current)
        receipt = Receipt(provider_reference="", balance=None, delayed=False)
        settlement = _make_finding(state, receipt, because)
        row = self._find_out(page, current, settlement, actor)
        if row is None:
            raise AwardStateError(read_award(current).award_id, current.state)
        return read_award(row)

    def settle_doubt(  # noqa: PLR0913  each a value of its own
        self,
        page: Page,
        merchant_id: str,
        number: int,
        state: AwardState,
        *,
        receipt: Receipt | None,
        movement_id: str | None,
        why: str,
    ) -> Award:
        """Raises AwardNotFoundError, and IntegrityError or MovementUsedError where the movement is another award's."""
        current = self._read(page, merchant_id, number)
        key = {"own_merchant_id": merchant_id, "own_number": number, "own_member_id": current.member_id}
        if movement_id and page.connection.execute(self._find_user, key | {"movement_id": movement_id}).first():
            raise MovementUsedError
        row = self._find_out(page, current, _make_finding(state, receipt, why), SERVICE, movement_id)
        return read_award(current if row is None else row)

    def mark_needs_person(self, page: Page, merchant_id: str, number: int) -> None:
        page.connection.execute(self._needs_person, {"own_merchant_id": merchant_id, "own_number": number})

    def expire(self, page: Page) -> list[Award]:
        keys = [tuple(row) for row in page.connection.execute(self._lock_overdue)]
        turned = [self._changes.settle(page, key, AwardState.PENDING, _EXPIRED) for key in keys]
        return [read_award(row) for row in turned if row is not None]

    def _read(self, page: Page, merchant_id: str, number: int) -> Row[Any]:
        """Lock it, too. Raises AwardNotFoundError."""
        row = page.connection.execute(self._lock, {"own_merchant_id": merchant_id, "own_number": number}).one_or_none()
        if row is None:
            raise AwardNotFoundError
        return row

    def _find_out(
        self,
        page: Page,
        current: Row[Any],
        settlement: Settlement,
        actor: str,
        movement_id: str | None = None,
    ) -> Row[Any] | None:
        """None where the row's state does not let it be found out."""
        from_state = AwardState(current.state)
        if settlement.state not in _FOUND_OUT.get(from_state, ()):
            return None
        key = (current.merchant_id, current.number, current.attempt)
        return self._changes.settle(page, key, from_state, settlement, actor, movement_id=movement_id)


def _make_finding(state: AwardState, receipt: Receipt | None, why: str) -> Settlement:
    return Settlement(state=state, receipt=receipt if state is AwardState.APPLIED else None, why=why)

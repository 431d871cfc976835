"""Changes of an award's state, each with its record, in the caller's transaction."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import BigInteger, Connection, Row, bindparam, insert, update

from loyalty_service.awards.ledger.rows import Settlement, list_written_columns, spell_settlement
from loyalty_service.awards.ledger.tables import award_changes, awards
from loyalty_service.domain.award import AwardState
from runtime.sql import now_ms

# Who does what nobody clicked for.
SERVICE = "loyalty_service"
# How long after an award became UNKNOWN the provider's movements are looked at first.
FIRST_CHECK_MS = 5_000

_RECORD = insert(award_changes)
_AUDITED = ("merchant_id", "number", "attempt", "state", "rejection_reason", "provider_reference")


class Page:
    """One transaction: its changes, whose records are written together when it is finished.

    `changed`: (from, row) of each change, to be told once the transaction is committed. `has_more`: something else was
    written that is to stay.
    """

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.changed: list[tuple[str | None, Row[Any]]] = []
        self.has_more = False
        self._records: list[dict[str, Any]] = []

    def record(self, row: Row[Any], *, from_state: str | None, actor: str, why: str) -> None:
        self.changed.append((from_state, row))
        record = {name: getattr(row, name) for name in _AUDITED}
        record |= {"from_state": from_state, "actor": actor, "why": why, "change_time_ms": row.update_time_ms}
        self._records.append(record)

    def finish(self) -> None:
        if self._records:
            self.connection.execute(_RECORD, self._records if len(self._records) > 1 else self._records[0])


class Changes:
    """The statements are made once: what they are compiled to is kept with them."""

    def __init__(self, reversal_window_ms: int) -> None:
        written = list_written_columns(reversal_window_ms)
        self._insert = insert(awards).returning(*written)
        self._update = (
            update(awards)
            .where(
                awards.c.merchant_id == bindparam("own_merchant_id"),
                awards.c.number == bindparam("own_number"),
                awards.c.attempt == bindparam("own_attempt"),
                awards.c.state == bindparam("from_state"),
            )
            .values(update_time_ms=now_ms())
            .returning(*written)
        )
        check_time_ms = now_ms() + bindparam("check_in_ms", type_=BigInteger())
        self._update_check = self._update.values(next_check_time_ms=check_time_ms)

    def add(self, page: Page, values: Mapping[str, Any], *, actor: str, why: str) -> Row[Any]:
        """Put a new award on record."""
        row = page.connection.execute(self._insert, values).one()
        page.record(row, from_state=None, actor=actor, why=why)
        return row

    def change(self, page: Page, row: Row[Any], values: Mapping[str, Any], *, actor: str, why: str) -> Row[Any]:
        """Change a row that the caller has locked. `values` has its new state."""
        own = _spell_key(row.merchant_id, row.number, row.attempt, row.state)
        changed = page.connection.execute(self._update, {**own, **values}).one()
        page.record(changed, from_state=row.state, actor=actor, why=why)
        return changed

    def settle(  # noqa: PLR0913  each a value of its own
        self,
        page: Page,
        key: tuple[str, int, int],
        from_state: AwardState,
        settlement: Settlement,
        actor: str = SERVICE,
        *,
        movement_id: str | None = None,
    ) -> Row[Any] | None:
        """Settle the attempt that `key` (merchant, number, attempt) names; None where it is not in `from_state`."""
        values = spell_settlement(settlement) | _spell_key(*key, from_state.value)
        values |= {"movement_id": movement_id}
        query = self._update
        if settlement.state is not AwardState.NOT_APPLIED:
            query = self._update_check
            values["check_in_ms"] = FIRST_CHECK_MS if settlement.state is AwardState.UNKNOWN else None
        row = page.connection.execute(query, values).one_or_none()
        if row is not None:
            page.record(row, from_state=from_state.value, actor=actor, why=settlement.why)
        return row


def _spell_key(merchant_id: str, number: int, attempt: int, state: str) -> dict[str, Any]:
    return {"own_merchant_id": merchant_id, "own_number": number, "own_attempt": attempt, "from_state": state}

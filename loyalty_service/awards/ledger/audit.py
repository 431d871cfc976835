"""The audit log: every change of an award's state, written in the transaction that makes the change."""

from sqlalchemy import Connection, Text, insert, literal, select

from loyalty_service.awards.ledger.rows import is_award
from loyalty_service.awards.ledger.tables import award_changes, awards
from loyalty_service.domain.award import ALLOWED_CHANGES, Award, AwardState

# The actor of changes that no person made.
SERVICE = "loyalty_service"

_COPIED = ("merchant_id", "number", "attempt", "state", "rejection_reason", "provider_reference")


def log_change(connection: Connection, award: Award, from_state: AwardState | None, *, actor: str, why: str) -> None:
    """Log the change to the award's present row. Raises ValueError if its state cannot follow `from_state`."""
    if award.state not in ALLOWED_CHANGES[from_state]:
        raise ValueError(f"award {award.award_id} cannot go from {from_state} to {award.state}")
    told = {"from_state": from_state and from_state.value, "actor": actor, "why": why}
    change = select(
        *(awards.c[name] for name in _COPIED),
        awards.c.update_time_ms,
        *(literal(value, Text) for value in told.values()),
    ).where(is_award(award.request.merchant_id, award.number))
    connection.execute(insert(award_changes).from_select([*_COPIED, "change_time_ms", *told], change))

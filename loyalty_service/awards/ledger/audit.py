"""The audit log: every change of an award's state, written in the transaction that makes the change."""

from sqlalchemy import Connection, insert

from loyalty_service.awards.ledger.rows import spell_time
from loyalty_service.awards.ledger.tables import award_changes
from loyalty_service.domain.award import ALLOWED_CHANGES, Award, AwardState

# The actor of changes that no person made.
SERVICE = "loyalty_service"

_LOG = insert(award_changes)


def log_change(connection: Connection, award: Award, from_state: AwardState | None, *, actor: str, why: str) -> None:
    """Log the change to the award's present state. Raises ValueError if that cannot follow `from_state`."""
    if award.state not in ALLOWED_CHANGES[from_state]:
        raise ValueError(f"award {award.award_id} cannot go from {from_state} to {award.state}")
    change = {
        "merchant_id": award.request.merchant_id,
        "number": award.number,
        "attempt": award.attempt,
        "state": award.state.value,
        "rejection_reason": award.rejection_reason,
        "provider_reference": award.receipt and award.receipt.provider_reference,
        "change_time_ms": spell_time(award.update_time),
        "from_state": from_state and from_state.value,
        "actor": actor,
        "why": why,
    }
    connection.execute(_LOG, change)

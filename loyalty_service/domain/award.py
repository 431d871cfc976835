"""Points given by support: what was asked for, and what became of it."""

import enum
from datetime import datetime

import msgspec

from loyalty_service.domain.member import Wallet


class AwardState(enum.Enum):
    """PENDING → APPLIED | REJECTED | UNKNOWN; UNKNOWN → APPLIED | NOT_APPLIED."""

    PENDING = "pending"
    APPLIED = "applied"
    REJECTED = "rejected"
    UNKNOWN = "unknown"
    NOT_APPLIED = "not_applied"


class AwardRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One award as a caller asks for it, already checked. `points` are whole, 1 or more; texts may be empty."""

    merchant_id: str
    request_id: str
    member_id: str
    points: int
    note: str
    ticket_id: str
    claimed_agent_email: str
    claimed_agent_name: str


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """The provider's word that points were added. `delayed`: it books them later. `balance`: None if not told."""

    provider_reference: str
    balance: Wallet | None
    delayed: bool


class Award(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the ledger. `number` runs per merchant from 1; `receipt` is there once APPLIED.

    `rejection_reason` is a name of ErrorReason, set when REJECTED; `retryable`: the same request may try again.
    """

    number: int
    request: AwardRequest
    state: AwardState
    receipt: Receipt | None
    rejection_reason: str | None
    retryable: bool
    create_time: datetime
    update_time: datetime

    @property
    def award_id(self) -> str:
        return f"A-{self.number}"

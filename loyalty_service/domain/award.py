"""Points given or taken away by support: what was asked for, and what became of it."""

import enum
from datetime import datetime
from typing import TypeAlias

import msgspec

from loyalty_service.domain.member import Wallet
from runtime.addresses import make_email_key

# Member, points, `is_debit` and ticket; for a reversal, the number of the award that it takes back.
Content: TypeAlias = tuple[str, int, bool, str] | int


class AwardState(enum.Enum):
    """See ALLOWED_CHANGES."""

    PENDING = "pending"
    APPLIED = "applied"
    REJECTED = "rejected"
    UNKNOWN = "unknown"
    NOT_APPLIED = "not_applied"


# The states that may follow each state. The key None: the award does not exist before its first state.
ALLOWED_CHANGES: dict[AwardState | None, tuple[AwardState, ...]] = {
    None: (AwardState.PENDING,),
    AwardState.PENDING: (AwardState.APPLIED, AwardState.REJECTED, AwardState.UNKNOWN),
    AwardState.UNKNOWN: (AwardState.APPLIED, AwardState.NOT_APPLIED),
    # Only if the award is retryable.
    AwardState.REJECTED: (AwardState.PENDING,),
    # Only if the points turn up after all.
    AwardState.NOT_APPLIED: (AwardState.APPLIED,),
    AwardState.APPLIED: (),
}
# While an award has one of these states, the member's next award is refused.
UNSETTLED = (AwardState.PENDING, AwardState.UNKNOWN)
# The points were booked, or may have been: limits and sums count these.
COUNTED = (AwardState.PENDING, AwardState.UNKNOWN, AwardState.APPLIED)


class IdentifiedBy(enum.Enum):
    """How the caller knows that the member is its customer. It decides nothing.

    OTHER_EMAIL: another address than the ticket's. LINK: an agent said so. UNSPECIFIED: the caller does not say.
    """

    UNSPECIFIED = ""
    EMAIL = "email"
    OTHER_EMAIL = "other_email"
    PHONE = "phone"
    LINK = "link"


class AwardRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One award as a caller asks for it, already checked. `points` are whole, 1 or more; texts may be empty.

    `is_debit`: the points are taken from the wallet, by a deduction or by the reversal of an award; otherwise they are
    put on it. `reverses`: number of the award or deduction that this one takes back. `tier_before`,
    `member_support_id`: the tier's name and the support ID in the member's held snapshot; empty: none, or not known.
    `is_ticket_verified`: the helpdesk says that the ticket is the member's. `merchant_generation`: see Merchant.
    `caller`: the name of the caller with whose key it was asked for; empty: LOYALTY_API_KEY.
    """

    merchant_id: str
    request_id: str
    member_id: str
    points: int
    note: str
    ticket_id: str
    claimed_agent_email: str
    claimed_agent_name: str
    reason: str = ""
    is_ticket_verified: bool = False
    tier_before: str = ""
    member_support_id: str = ""
    merchant_generation: str = ""
    caller: str = ""
    reverses: int | None = None
    is_debit: bool = False
    identified_by: IdentifiedBy = IdentifiedBy.UNSPECIFIED

    @property
    def signed_points(self) -> int:
        """The change of the balance: negative for a debit."""
        return -self.points if self.is_debit else self.points

    @property
    def content(self) -> Content:
        """The values that must be the same when a `request_id` is used again. The note may differ."""
        if self.reverses is not None:
            return self.reverses
        return (self.member_id, self.points, self.is_debit, self.ticket_id)

    @property
    def actor(self) -> str:
        """The agent as claimed, in one text; may be empty."""
        return self.claimed_agent_email or self.claimed_agent_name

    @property
    def agent_key(self) -> str:
        """The key that tells agents apart: the claimed e-mail, or the name if there is no e-mail."""
        return make_agent_key(self.actor)

    @property
    def agent_name_key(self) -> str:
        """The key of the claimed name: a search for an agent tries both keys."""
        return make_agent_key(self.claimed_agent_name)


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """The confirmation that points were added or taken. A person who confirms it knows no `provider_reference`.

    `delayed`: the provider books them later. `balance`: None if the provider does not say.
    """

    provider_reference: str
    balance: Wallet | None
    delayed: bool


class Award(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the ledger. `number` runs per merchant from 1; `receipt` is there once APPLIED. `attempt`: from 1.

    `attempt_time`: when its last attempt was opened; lists, sums and limits use this time. `rejection_reason`: a name
    of ErrorReason, set when REJECTED; PROVIDER_CONTRACT when UNKNOWN, if the provider's answer named other points.
    `retryable`: the same request may try again.
    `reversed_by`: number of the reversal that is PENDING, UNKNOWN or APPLIED. `reverse_expire_time`: until when a
    reversal may be opened; None: it may not. `needs_person`: UNKNOWN, and the provider's records cannot settle it.
    """

    number: int
    request: AwardRequest
    state: AwardState
    attempt: int
    receipt: Receipt | None
    rejection_reason: str | None
    retryable: bool
    create_time: datetime
    attempt_time: datetime
    update_time: datetime
    needs_person: bool = False
    reversed_by: int | None = None
    reverse_expire_time: datetime | None = None

    @property
    def award_id(self) -> str:
        return make_award_id(self.number)

    @property
    def reference(self) -> str:
        """The text that the provider keeps with the movement: a number for people, and an id that makes it unique."""
        return f"{self.award_id}:{self.request.request_id}"


class AwardChange(msgspec.Struct, frozen=True, kw_only=True):
    """One change of an award's state, as the audit log has it. `from_state`: None when it was opened."""

    change_time: datetime
    from_state: AwardState | None
    to_state: AwardState
    actor: str
    why: str
    attempt: int


def make_agent_key(text: str) -> str:
    """Equal for two spellings of an agent's e-mail, and for two names that differ in ASCII case only."""
    return make_email_key(text)


def make_award_id(number: int) -> str:
    """The number as people read it."""
    return f"A-{number}"

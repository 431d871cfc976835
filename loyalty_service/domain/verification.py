"""Whether a shop's points were proven against a real member, and what such a proof comes to. Pure.

A wrong point scale cannot be seen from inside: the provider books what it is asked for, and everything says success.
So a shop gives no points until a person has compared one balance with the provider's admin, and some points were given
and taken back.
"""

import enum
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

import msgspec

from loyalty_service.domain.award import Award, AwardState
from loyalty_service.domain.errors import BadValueError
from loyalty_service.domain.member import Member, Wallet

# Who verified a shop whose provider is on this machine: it needs no proof.
LOOPBACK = "the loopback"
# Where the provider rounds balances, one point at a wrong scale would not show.
MAX_GIVE = 100
# A balance may be rounded in one of the provider's answers, and not in the other.
_ROUNDING = Decimal(1)


class VerifiedMember(msgspec.Struct, frozen=True, kw_only=True):
    """The member who proved the shop's points: a new token must read the same one."""

    member_id: str
    support_id: str


class Verification(msgspec.Struct, frozen=True, kw_only=True):
    """The last proof of a shop. `is_current`: it was made for the profile and the origin that the shop has now.

    `member` is None where the member was forgotten, and where the provider is on this machine: that needs no proof.
    """

    verify_time: datetime
    verified_by: str
    member: VerifiedMember | None
    is_current: bool


class ProfileLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the wire profile ("member.points"), its expression, and what it found, as text for people."""

    profile_line: str
    expression: str
    text: str
    is_unreadable: bool = False


class Inspection(msgspec.Struct, frozen=True, kw_only=True):
    """One member as the provider has them now, line by line of the profile.

    `unread_fields`: names in the provider's answers that no line reads. `scales`: what one point is on the wire, by the
    profile's line. `fetch_time`: when the read began.
    """

    member: Member
    lines: tuple[ProfileLine, ...]
    unread_fields: tuple[str, ...]
    scales: Mapping[str, int]
    fetch_time: datetime


class VerificationOutcome(enum.Enum):
    """The result of a proof. The contract explains each one."""

    VERIFIED = "verified"
    READ_DIFFERS = "read_differs"
    NOT_GIVEN = "not_given"
    GIVEN_UNKNOWN = "given_unknown"
    GIVEN_LATER = "given_later"
    CREDIT_DIFFERS = "credit_differs"
    ANSWER_DIFFERS = "answer_differs"
    NOT_TAKEN_BACK = "not_taken_back"
    DEBIT_DIFFERS = "debit_differs"
    NOT_READ = "not_read"
    MERCHANT_CHANGED = "merchant_changed"


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """One run of a proof: balances before, after giving, and after taking back; None: not read.

    `award`, `reversal`: None where they were not asked for. `reversal_refusal`: a name of ErrorReason, where taking
    back was refused before it was on record.
    """

    outcome: VerificationOutcome
    before: Decimal | None = None
    given: Decimal | None = None
    after: Decimal | None = None
    award: Award | None = None
    reversal: Award | None = None
    reversal_refusal: str | None = None


def check_give(give: int) -> None:
    """Raises BadValueError."""
    if not 1 <= give <= MAX_GIVE:
        raise BadValueError("give", f"must be whole points from 1 to {MAX_GIVE}")


def read_exact_balance(member: Member) -> Decimal | None:
    """None where there is none that can be read."""
    return member.wallet.balance if isinstance(member.wallet, Wallet) else None


def judge_award(award: Award) -> VerificationOutcome | None:
    """Why an award proves nothing; None: it is APPLIED, so the balances tell."""
    if award.state is AwardState.APPLIED:
        return None
    is_refused = award.state in {AwardState.REJECTED, AwardState.NOT_APPLIED}
    return VerificationOutcome.NOT_GIVEN if is_refused else VerificationOutcome.GIVEN_UNKNOWN


def judge_balances(
    award: Award, reversal: Award | None, *, before: Decimal, given: Decimal | None, after: Decimal | None
) -> VerificationOutcome:
    """Of an award that is APPLIED, and of its reversal. What went wrong first decides."""
    receipt, points = award.receipt, award.request.points
    if given is None:
        return VerificationOutcome.NOT_READ
    if given - before != points:
        is_later = given == before and receipt is not None and receipt.delayed
        return VerificationOutcome.GIVEN_LATER if is_later else VerificationOutcome.CREDIT_DIFFERS
    answered = receipt.balance if receipt is not None and not receipt.delayed else None
    if answered is not None and abs(answered.balance - given) >= _ROUNDING:
        return VerificationOutcome.ANSWER_DIFFERS
    if reversal is None or reversal.state is not AwardState.APPLIED:
        return VerificationOutcome.NOT_TAKEN_BACK
    if after is None:
        return VerificationOutcome.NOT_READ
    return VerificationOutcome.VERIFIED if after == before else VerificationOutcome.DEBIT_DIFFERS

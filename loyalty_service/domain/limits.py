"""How many points support may give, and take away: a shop's limits, and what of them is used. Pure.

They count awards that are PENDING, UNKNOWN or APPLIED and were not taken back; deductions likewise, apart from awards,
so that neither makes room for the other. Days are the shop's, in its zone.
"""

import msgspec

from loyalty_service.domain.errors import LimitExceededError

DEFAULT_PER_AWARD = 500
DEFAULT_PER_TICKET = 500
MAX_LIMIT = 1_000_000_000
# Most points in one award where the shop sets no limit, and in any deduction: a slip of the finger is not a fortune.
MAX_POINTS = 1_000_000


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Points, 1 to MAX_LIMIT each; None: no limit. The fields are the limits' names.

    `per_deduction`: 0 to MAX_POINTS; 0: none may be taken away.
    """

    per_award: int | None = DEFAULT_PER_AWARD
    per_deduction: int = 0
    per_ticket: int | None = DEFAULT_PER_TICKET
    per_member_day: int | None = None
    per_merchant_day: int | None = None
    per_agent_day: int | None = None


class Used(msgspec.Struct, frozen=True, kw_only=True):
    """Points given already, or taken away; what no limit asks for may stay 0."""

    per_ticket: int = 0
    per_member_day: int = 0
    per_merchant_day: int = 0
    per_agent_day: int = 0


def check_award(points: int, limits: Limits, *, is_debit: bool) -> None:
    """Raises LimitExceededError where one award, or deduction, must not have so many points, whatever went before."""
    if is_debit:
        name, maximum = "per_deduction", limits.per_deduction
    else:
        name, maximum = "per_award", MAX_POINTS if limits.per_award is None else limits.per_award
    if points > maximum:
        raise LimitExceededError(name, maximum=maximum, used=0)


def check_used(points: int, limits: Limits, used: Used) -> None:
    """Raises LimitExceededError for the narrowest limit that so many points more would exceed."""
    exceeded = [
        (maximum - spent, name, maximum, spent)
        for name, spent in msgspec.structs.asdict(used).items()
        if (maximum := getattr(limits, name)) is not None and spent + points > maximum
    ]
    if exceeded:
        _, name, maximum, spent = min(exceeded)
        raise LimitExceededError(name, maximum=maximum, used=spent)

"""How many points support may give, and take away: a shop's limits, and what of them is used. Pure.

Here a limit is a field of `Limits` and, if it counts several awards, a line of COUNTED_BY. It is also a field of the
proto, a column of the table and an option of the operator's: CONTRIBUTING.md lists those files.

They count awards that are PENDING, UNKNOWN or APPLIED and were not taken back. Deductions are counted in the same way,
apart from awards, so that neither makes room for the other. Days are the shop's, in its zone.
"""

from collections.abc import Mapping

import msgspec

from loyalty_service.domain.errors import LimitExceededError

MAX_LIMIT = 1_000_000_000
# Most points in one award where the shop sets no limit, and in any deduction: a slip of the finger is not a fortune.
MAX_POINTS = 1_000_000


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Points, each at most MAX_LIMIT, with what holds unless a shop sets it; 0: no limit.

    `per_deduction`: at most MAX_POINTS; 0: none may be taken away.
    """

    per_award: int = 500
    per_deduction: int = 0
    per_ticket: int = 500
    per_member_day: int = 0
    per_merchant_day: int = 0
    per_agent_day: int = 0


# By what a limit counts awards: columns of the ledger. The others are about each award alone.
COUNTED_BY = {
    "per_ticket": ("ticket_id",),
    "per_member_day": ("member_id", "day"),
    "per_merchant_day": ("day",),
    "per_agent_day": ("agent_key", "day"),
}
# The limits' names, by the fields of a merchant.
LIMIT_FIELDS = {f"max_points_{name}": name for name in Limits.__struct_fields__}
NO_LIMITS = Limits(**dict.fromkeys(Limits.__struct_fields__, 0))


def check_award(points: int, limits: Limits, *, is_debit: bool) -> None:
    """Raises LimitExceededError where one award, or deduction, must not have so many points, whatever went before."""
    if is_debit:
        name, maximum = "per_deduction", limits.per_deduction
    else:
        name, maximum = "per_award", limits.per_award or MAX_POINTS
    if points > maximum:
        raise LimitExceededError(name, maximum=maximum, used=0)


def check_used(points: int, limits: Limits, used: Mapping[str, int]) -> None:
    """Raises LimitExceededError for the narrowest limit that so many points more would exceed.

    `used`: by the limit's name, of limits that are set.
    """
    left = {name: getattr(limits, name) - spent for name, spent in used.items()}
    exceeded = [(left[name], name) for name in used if points > left[name]]
    if exceeded:
        _, name = min(exceeded)
        raise LimitExceededError(name, maximum=getattr(limits, name), used=used[name])

"""A shop's limits: how many points support may give and take away, and how many are used. Pure.

Each limit is a field of `Limits`. One that counts several awards also has a line in COUNTED_BY. It is also a proto
field, a table column and a command-line option: docs/changing.md lists those files.

Limits count awards that are PENDING, UNKNOWN or APPLIED and were not taken back. Deductions have their own count, so
that neither makes room for the other. Days begin and end in the shop's time zone.
"""

from collections.abc import Mapping

import msgspec

from loyalty_service.domain.errors import LimitExceededError

MAX_LIMIT = 1_000_000_000
# Most points in one award where the shop sets no limit, and in any deduction: it bounds the harm of a typing error.
MAX_POINTS = 1_000_000


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Points, each at most MAX_LIMIT; the defaults hold unless a shop sets its own. 0: no limit.

    `per_deduction`: at most MAX_POINTS; 0: support may take no points away.
    """

    per_award: int = 500
    per_deduction: int = 0
    per_ticket: int = 500
    per_member_day: int = 0
    per_merchant_day: int = 0
    per_agent_day: int = 0


# The ledger's columns by which a limit groups awards. Limits that are not here look at one award alone.
COUNTED_BY = {
    "per_ticket": ("ticket_id",),
    "per_member_day": ("member_id", "day"),
    "per_merchant_day": ("day",),
    "per_agent_day": ("agent_key", "day"),
}
# The name of each limit, by its field of Merchant.
LIMIT_FIELDS = {f"max_points_{name}": name for name in Limits.__struct_fields__}
NO_LIMITS = Limits(**dict.fromkeys(Limits.__struct_fields__, 0))


def check_award(points: int, limits: Limits, *, is_debit: bool) -> None:
    """Raises LimitExceededError where a single award or deduction has too many points, whatever was given before."""
    if is_debit:
        name, maximum = "per_deduction", limits.per_deduction
    else:
        name, maximum = "per_award", limits.per_award or MAX_POINTS
    if points > maximum:
        raise LimitExceededError(name, maximum=maximum, used=0)


def check_used(points: int, limits: Limits, used: Mapping[str, int]) -> None:
    """Raises LimitExceededError for the narrowest limit that these points would exceed.

    `used`: points by limit name, for the limits that are set.
    """
    left = {name: getattr(limits, name) - spent for name, spent in used.items()}
    exceeded = [(left[name], name) for name in used if points > left[name]]
    if exceeded:
        _, name = min(exceeded)
        raise LimitExceededError(name, maximum=getattr(limits, name), used=used[name])

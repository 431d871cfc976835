"""The limits of a shop, with their names in the contract and for agents and operators."""

from collections.abc import Mapping

import msgspec

from protos.loyalty.v1 import loyalty_pb2 as pb

# The most characters that an agent can type.
MAX_NOTE_CHARS = 500
MAX_REASON_CHARS = 100
MAX_SUPPORT_ID_CHARS = 100
# The most points of one award if the shop sets no limit (the loyalty service's bound).
_MAX_POINTS = 1_000_000


class Limit(msgspec.Struct, frozen=True, kw_only=True):
    """One limit. `name`: its name in the contract's errors.

    `default`: the contract's; None: no limit.

    `used_of`: the middle of the agent's sentence "380 <of 500 points for this ticket> are used". It is empty for the
    limit of a single press; `debit` then says whether that press removes points.

    `option` and `scope` are for operators: the option that sets it, and "500 per <scope>".
    """

    name: str
    option: str
    scope: str
    default: int | None = None
    used_of: str = ""
    debit: bool = False

    @property
    def field(self) -> str:
        """The field of the contract's Merchant."""
        return f"max_points_{self.name}"


PER_AWARD = Limit(name="per_award", option="--max-per-award", scope="award", default=500)
# 0: support may remove no points.
PER_DEDUCTION = Limit(
    name="per_deduction", option="--max-deduction-per-award", scope="deduction", default=0, debit=True
)
LIMITS = (
    PER_AWARD,
    Limit(
        name="per_ticket", option="--max-per-ticket", scope="ticket", used_of="of {points} for this ticket", default=500
    ),
    Limit(
        name="per_member_day",
        option="--max-per-member-day",
        scope="member and day",
        used_of="of {points} for this member today",
    ),
    Limit(
        name="per_merchant_day",
        option="--max-per-shop-day",
        scope="shop and day",
        used_of="of {points} in this shop today",
    ),
    Limit(
        name="per_agent_day", option="--max-per-agent-day", scope="agent and day", used_of="of your {points} for today"
    ),
    PER_DEDUCTION,
)


class Limits:
    """One shop's limits. A limit that it has not set has the contract's default."""

    def __init__(self, most: Mapping[str, int | None] | None = None) -> None:
        self._most = {limit.name: limit.default for limit in LIMITS} | dict(most or {})

    @property
    def allows_deductions(self) -> bool:
        return bool(self._most[PER_DEDUCTION.name])

    def find_most(self, *, debit: bool) -> int:
        """The most points of one award or deduction, if nothing else was given or removed. 0: it is not allowed."""
        that_apply = (self._most[limit.name] for limit in LIMITS if limit.used_of or limit.debit == debit)
        return min((_MAX_POINTS, *(most for most in that_apply if most is not None)))


def parse_limits(merchant: pb.Merchant) -> Limits:
    """Parse the limits of a message: 0 means no limit; for deductions, none allowed."""
    given = {field.name: value for field, value in merchant.ListFields()}
    return Limits({limit.name: given[limit.field] or None for limit in LIMITS if limit.field in given})

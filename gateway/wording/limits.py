"""The limits of a shop, each named once: as the contract, agents and operators know it."""

from collections.abc import Mapping

import msgspec

from protos.loyalty.v1 import loyalty_pb2 as pb

# Of what an agent types.
MAX_NOTE_CHARS = 500
MAX_REASON_CHARS = 100
# What the loyalty service takes in one award where the shop sets no limit.
_MAX_POINTS = 1_000_000


class Limit(msgspec.Struct, frozen=True, kw_only=True):
    """Most points of one kind. `name`: as the contract's errors name it.

    `default`: the contract's, None for no limit.

    `used_of`: the middle of the agent's sentence "380 <of 500 points for this ticket> are used". It is empty for the
    limit of a single press; `debit` then says of which: one that removes points, or one that adds some.

    `option` and `scope` are for operators: what sets it, and "500 per <scope>".
    """

    name: str
    option: str
    scope: str
    default: int | None = None
    used_of: str = ""
    debit: bool = False

    @property
    def field(self) -> str:
        """In the contract's Merchant."""
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
    """What one shop has set. What it has not said has the contract's default."""

    def __init__(self, most: Mapping[str, int | None] | None = None) -> None:
        self._most = {limit.name: limit.default for limit in LIMITS} | dict(most or {})

    @property
    def allows_deductions(self) -> bool:
        return bool(self._most[PER_DEDUCTION.name])

    def find_most(self, *, debit: bool) -> int:
        """What one award, or one deduction, may have at most, with nothing given or removed yet. 0: it may not be."""
        that_apply = (self._most[limit.name] for limit in LIMITS if limit.used_of or limit.debit == debit)
        return min((_MAX_POINTS, *(most for most in that_apply if most is not None)))


def parse_limits(merchant: pb.Merchant) -> Limits:
    """On the wire 0 is no limit, and no deduction."""
    given = {field.name: value for field, value in merchant.ListFields()}
    return Limits({limit.name: given[limit.field] or None for limit in LIMITS if limit.field in given})

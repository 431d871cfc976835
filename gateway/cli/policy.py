"""What a shop lets its agents give and remove, as an operator types and reads it: limits, and the reasons for it."""

from dataclasses import dataclass
from typing import Annotated

from cyclopts import Parameter

from gateway.cli.errors import UsageError
from protos.loyalty.v1 import loyalty_pb2 as pb
from runtime.text import join

_MAX_LIMIT = 1_000_000_000
_MAX_DEDUCTION = 1_000_000
# The field of Merchant, the option that sets it, and the words for it in a list.
_LIMITS = (
    ("max_points_per_award", "--max-per-award", "award"),
    ("max_points_per_ticket", "--max-per-ticket", "ticket"),
    ("max_points_per_member_day", "--max-per-member-day", "member and day"),
    ("max_points_per_merchant_day", "--max-per-shop-day", "shop and day"),
    ("max_points_per_agent_day", "--max-per-agent-day", "agent and day"),
)
REASONS_FIELD = "award_reasons"
DEDUCTION_FIELD = "max_points_per_deduction"
_DEDUCTION_OPTION = "--max-deduction-per-award"
# Which option fills a field of the request.
POLICY_OPTIONS = {
    **{f"merchant.{field}": option for field, option, _ in _LIMITS},
    f"merchant.{REASONS_FIELD}": "--reason",
    f"merchant.{DEDUCTION_FIELD}": _DEDUCTION_OPTION,
}


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Policy:
    """The options of `merchant add` and `merchant update`; None: not given."""

    max_per_award: Annotated[
        str | None, Parameter(help="Most points in one award: N, none, or default (500).", allow_leading_hyphen=True)
    ] = None
    max_per_ticket: Annotated[
        str | None, Parameter(help="On one ticket: N, none, or default (500).", allow_leading_hyphen=True)
    ] = None
    max_per_member_day: Annotated[
        str | None, Parameter(help="To one member on one day: N, none, or default (none).", allow_leading_hyphen=True)
    ] = None
    max_per_shop_day: Annotated[
        str | None, Parameter(help="By all agents on one day: N, none, or default (none).", allow_leading_hyphen=True)
    ] = None
    max_per_agent_day: Annotated[
        str | None, Parameter(help="By one agent on one day: N, none, or default (none).", allow_leading_hyphen=True)
    ] = None
    max_deduction_per_award: Annotated[
        str | None,
        Parameter(
            help="Most points that support may remove at once: N, or none (at first).", allow_leading_hyphen=True
        ),
    ] = None
    reason: Annotated[
        tuple[str, ...], Parameter(negative="", help="Why points may be given; once for each. They replace the old.")
    ] = ()
    no_reasons: Annotated[bool, Parameter(negative="", help="Agents are asked for no reason.")] = False

    def write(self, merchant: pb.Merchant) -> list[str]:
        """Fill in what is given; returns the names of those fields. A default is a named field without a value.

        Raises UsageError.
        """
        fields = []
        for field, option, _ in _LIMITS:
            text = getattr(self, option.removeprefix("--").replace("-", "_"))
            if text is None:
                continue
            fields.append(field)
            limit = _parse_limit(text, option)
            if limit is not None:
                setattr(merchant, field, limit)
        if self.max_deduction_per_award is not None:
            fields.append(DEDUCTION_FIELD)
            merchant.max_points_per_deduction = _parse_deduction(self.max_deduction_per_award)
        if self.reason and self.no_reasons:
            raise UsageError("--reason and --no-reasons exclude each other: give one of them")
        if self.reason or self.no_reasons:
            if any("," in reason for reason in self.reason):
                raise UsageError(
                    "--reason must not hold a comma, the button would show two: give --reason once for each"
                )
            fields.append(REASONS_FIELD)
            merchant.award_reasons.extend(self.reason)
        return fields


def render_policy(merchant: pb.Merchant) -> dict[str, object]:
    """For scripts. A limit of None: there is none. A deduction of 0: support may remove no points."""
    limits = {field: getattr(merchant, field) or None for field, _, _ in _LIMITS}
    reasons = list(merchant.award_reasons)
    return {**limits, DEDUCTION_FIELD: merchant.max_points_per_deduction, REASONS_FIELD: reasons}


def describe_limits(merchant: pb.Merchant) -> str:
    """For people, those that are set: "500 per award, 2000 per member and day"."""
    limits = [(getattr(merchant, field), words) for field, _, words in _LIMITS]
    limits.append((merchant.max_points_per_deduction, "deduction"))
    return ", ".join(f"{limit} per {words}" for limit, words in limits if limit) or "none"


def describe_reasons(merchant: pb.Merchant) -> str:
    """For people: "Late delivery, Goodwill"."""
    return join(merchant.award_reasons, ", ") or "none"


def _parse_limit(text: str, option: str) -> int | None:
    """0: no limit; None: the default."""
    word = text.strip().lower()
    if word in {"none", "default"}:
        return 0 if word == "none" else None
    if not _is_within(word, _MAX_LIMIT):
        raise UsageError(f"{option} must be whole points from 1 to {_MAX_LIMIT}, none, or default: not {text[:40]!r}")
    return int(word)


def _parse_deduction(text: str) -> int:
    """0: none may be removed."""
    word = text.strip().lower()
    if word == "none":
        return 0
    if not _is_within(word, _MAX_DEDUCTION):
        words = f"must be whole points from 1 to {_MAX_DEDUCTION}, or none"
        raise UsageError(f"{_DEDUCTION_OPTION} {words}: not {text[:40]!r}")
    return int(word)


def _is_within(word: str, most: int) -> bool:
    """Whether it is a whole number from 1."""
    is_number = word.isascii() and word.isdigit() and len(word) <= len(str(most))
    return is_number and 1 <= int(word) <= most

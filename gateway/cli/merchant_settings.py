"""What a shop lets its agents give and remove, and how long its snapshots count, as an operator types and reads it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal, NamedTuple

from cyclopts import Parameter

from gateway.cli.errors import UsageError
from protos.loyalty.v1 import loyalty_pb2 as pb
from runtime.text import join


class _Number(NamedTuple):
    """A whole number from 1 to `most`, or one of `words`, with what is sent for it. None: the default, no value."""

    option: str
    unit: Literal["points", "seconds"]
    most: int
    words: Mapping[str, int | None]

    def parse(self, text: str) -> int | None:
        """Raises UsageError."""
        word = text.strip().lower()
        if word in self.words:
            return self.words[word]
        is_number = word.isascii() and word.isdigit() and len(word) <= len(str(self.most))
        if not (is_number and 1 <= int(word) <= self.most):
            *before, last = self.words
            allowed = ", ".join([f"from 1 to {self.most}", *before, f"or {last}"])
            raise UsageError(f"{self.option} must be whole {self.unit} {allowed}: not {text[:40]!r}")
        return int(word)


_MAX_LIMIT = 1_000_000_000
_LIMIT_WORDS = {"none": 0, "default": None}
_SERVICE_S = {"default": 0}  # the service's own
DEDUCTION_FIELD = "max_points_per_deduction"
REASONS_FIELD = "award_reasons"
# The field of Merchant, and for a list: how much "per" what.
_PER = {
    "max_points_per_award": "award",
    "max_points_per_ticket": "ticket",
    "max_points_per_member_day": "member and day",
    "max_points_per_merchant_day": "shop and day",
    "max_points_per_agent_day": "agent and day",
    DEDUCTION_FIELD: "deduction",
}
_NUMBERS = {
    "max_points_per_award": _Number("--max-per-award", "points", _MAX_LIMIT, _LIMIT_WORDS),
    "max_points_per_ticket": _Number("--max-per-ticket", "points", _MAX_LIMIT, _LIMIT_WORDS),
    "max_points_per_member_day": _Number("--max-per-member-day", "points", _MAX_LIMIT, _LIMIT_WORDS),
    "max_points_per_merchant_day": _Number("--max-per-shop-day", "points", _MAX_LIMIT, _LIMIT_WORDS),
    "max_points_per_agent_day": _Number("--max-per-agent-day", "points", _MAX_LIMIT, _LIMIT_WORDS),
    DEDUCTION_FIELD: _Number("--max-deduction-per-award", "points", 1_000_000, {"none": 0}),
    "hold_time_s": _Number("--hold-time-s", "seconds", 86_400, _SERVICE_S),
    "stale_if_error_s": _Number("--stale-if-error-s", "seconds", 604_800, _SERVICE_S),
}
# Which option fills a field of the request.
SETTINGS_OPTIONS = {f"merchant.{field}": number.option for field, number in _NUMBERS.items()} | {
    f"merchant.{REASONS_FIELD}": "--reason"
}


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class MerchantSettings:
    """The options of `merchant add` and `merchant update`; None: not given. Numbers are named like their fields."""

    max_points_per_award: Annotated[
        str | None,
        Parameter(
            name="--max-per-award",
            help="Most points in one award: N, none, or default (500).",
            allow_leading_hyphen=True,
        ),
    ] = None
    max_points_per_ticket: Annotated[
        str | None,
        Parameter(name="--max-per-ticket", help="On one ticket: N, none, or default (500).", allow_leading_hyphen=True),
    ] = None
    max_points_per_member_day: Annotated[
        str | None,
        Parameter(
            name="--max-per-member-day",
            help="To one member on one day: N, none, or default (none).",
            allow_leading_hyphen=True,
        ),
    ] = None
    max_points_per_merchant_day: Annotated[
        str | None,
        Parameter(
            name="--max-per-shop-day",
            help="By all agents on one day: N, none, or default (none).",
            allow_leading_hyphen=True,
        ),
    ] = None
    max_points_per_agent_day: Annotated[
        str | None,
        Parameter(
            name="--max-per-agent-day",
            help="By one agent on one day: N, none, or default (none).",
            allow_leading_hyphen=True,
        ),
    ] = None
    max_points_per_deduction: Annotated[
        str | None,
        Parameter(
            name="--max-deduction-per-award",
            help="Most points that support may remove at once: N, or none (at first).",
            allow_leading_hyphen=True,
        ),
    ] = None
    reason: Annotated[
        tuple[str, ...], Parameter(negative="", help="Why points may be given; once for each. They replace the old.")
    ] = ()
    no_reasons: Annotated[bool, Parameter(negative="", help="Agents are asked for no reason.")] = False
    hold_time_s: Annotated[
        str | None,
        Parameter(help="Seconds that an answer may be old for readers who do not say: N, or default (the service's)."),
    ] = None
    stale_if_error_s: Annotated[
        str | None, Parameter(help="The same while TRIFFT fails: N, or default (the service's).")
    ] = None

    def write(self, merchant: pb.Merchant) -> list[str]:
        """Fill in what is given; returns the names of those fields. Raises UsageError."""
        given = {field: text for field in _NUMBERS if (text := getattr(self, field)) is not None}
        for field, text in given.items():
            value = _NUMBERS[field].parse(text)
            if value is not None:
                setattr(merchant, field, value)
        if self.reason and self.no_reasons:
            raise UsageError("--reason and --no-reasons exclude each other: give one of them")
        if any("," in reason for reason in self.reason):
            raise UsageError("--reason must not hold a comma, the button would show two: give --reason once for each")
        merchant.award_reasons.extend(self.reason)
        return [*given, REASONS_FIELD] if self.reason or self.no_reasons else list(given)


def render_settings(merchant: pb.Merchant) -> dict[str, object]:
    """For scripts. A limit of None: there is none. A time of None: the service's. 0: no points may be removed."""
    values: dict[str, object] = {field: getattr(merchant, field) or None for field in _PER}
    values[DEDUCTION_FIELD] = merchant.max_points_per_deduction
    values[REASONS_FIELD] = list(merchant.award_reasons)
    return values | {field: getattr(merchant, field) or None for field in ("hold_time_s", "stale_if_error_s")}


def describe_limits(merchant: pb.Merchant) -> str:
    """For people, those that are set: "500 per award, 2000 per member and day"."""
    limits = ((getattr(merchant, field), per) for field, per in _PER.items())
    return ", ".join(f"{limit} per {per}" for limit, per in limits if limit) or "none"


def describe_reasons(merchant: pb.Merchant) -> str:
    """For people: "Late delivery, Goodwill"."""
    return join(merchant.award_reasons, ", ") or "none"


def describe_freshness(merchant: pb.Merchant) -> str:
    """For people: "60 s, 3600 s while TRIFFT fails"."""
    parts = [f"{merchant.hold_time_s} s"] if merchant.hold_time_s else []
    parts += [f"{merchant.stale_if_error_s} s while TRIFFT fails"] if merchant.stale_if_error_s else []
    return ", ".join(parts) or "default"

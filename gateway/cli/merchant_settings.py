"""A shop's settings as an operator types and reads them: texts, limits, reasons, and how long snapshots are held."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

from cyclopts import Parameter

from gateway.cli.arguments import read_text
from gateway.cli.errors import UsageError
from gateway.wording.limits import LIMITS, PER_DEDUCTION, Limit
from protos.loyalty.v1 import loyalty_pb2 as pb
from runtime.phones import find_country
from runtime.text import join


class _Number(NamedTuple):
    """A whole number from 1 to `most`, or a word from `words`, with the value to send; None: the default.

    `per`: what the limit is counted by, as a list shows it.
    """

    option: str
    unit: Literal["points", "seconds"]
    most: int
    words: Mapping[str, int | None]
    per: str = ""

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


def _make_limit(limit: Limit) -> _Number:
    if limit is PER_DEDUCTION:
        return _Number(limit.option, "points", 1_000_000, {"none": 0}, limit.scope)
    return _Number(limit.option, "points", 1_000_000_000, {"none": 0, "default": None}, limit.scope)


DEDUCTION_FIELD = PER_DEDUCTION.field
REASONS_FIELD = "award_reasons"
# The settings that are numbers, by field of Merchant.
_TEXTS = {
    "admin_member_url": "--admin-member-url",
    "time_zone": "--time-zone",
    "country": "--country",
    "locale": "--locale",
    "profile": "--profile",
}
_NUMBERS = {
    **{limit.field: _make_limit(limit) for limit in LIMITS},
    "hold_time_s": _Number("--hold-time-s", "seconds", 86_400, {"default": 0}),
    "stale_if_error_s": _Number("--stale-if-error-s", "seconds", 604_800, {"default": 0}),
}
# The option that fills each field of the request.
SETTINGS_OPTIONS = {
    **{f"merchant.{field}": option for field, option in _TEXTS.items()},
    **{f"merchant.{field}": number.option for field, number in _NUMBERS.items()},
    f"merchant.{REASONS_FIELD}": "--reason",
    "profile": "--profile",
}
_Points = Annotated[str | None, Parameter(allow_leading_hyphen=True)]


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class MerchantSettings:
    """The options of `merchant add` and `merchant update`, named like fields of Merchant; None: not given."""

    admin_member_url: Annotated[
        str | None, Parameter(help="https address of a member in TRIFFT Admin, with one {member_id}.")
    ] = None
    time_zone: Annotated[
        str | None, Parameter(help="Zone of the times that agents read, for example Europe/Bratislava. UTC unless set.")
    ] = None
    country: Annotated[
        str | None,
        Parameter(
            help="Where phone numbers without a country's code are dialled, for example SK. \"\": the time zone's."
        ),
    ] = None
    locale: Annotated[
        str | None, Parameter(help="Locale of the numbers that agents read, for example sk. en unless set.")
    ] = None
    profile: Annotated[Path | None, Parameter(help="TOML file with the lines of the wire profile that differ.")] = None
    max_points_per_award: Annotated[
        _Points, Parameter(name="--max-per-award", help="Most points in one award: N, none, or default (500).")
    ] = None
    max_points_per_ticket: Annotated[
        _Points, Parameter(name="--max-per-ticket", help="On one ticket: N, none, or default (500).")
    ] = None
    max_points_per_member_day: Annotated[
        _Points, Parameter(name="--max-per-member-day", help="To one member on one day: N, none, or default (none).")
    ] = None
    max_points_per_merchant_day: Annotated[
        _Points, Parameter(name="--max-per-shop-day", help="By all agents on one day: N, none, or default (none).")
    ] = None
    max_points_per_agent_day: Annotated[
        _Points, Parameter(name="--max-per-agent-day", help="By one agent on one day: N, none, or default (none).")
    ] = None
    max_points_per_deduction: Annotated[
        _Points,
        Parameter(
            name="--max-deduction-per-award", help="Most points that support may remove at once: N, or none (at first)."
        ),
    ] = None
    reason: Annotated[
        tuple[str, ...],
        Parameter(negative="", help="A reason for giving points; one option for each. They replace the old ones."),
    ] = ()
    no_reasons: Annotated[bool, Parameter(negative="", help="Agents are asked for no reason.")] = False
    hold_time_s: Annotated[
        str | None,
        Parameter(help="How old, in s, an answer may be for a reader who names no age: N, or default (the service's)."),
    ] = None
    stale_if_error_s: Annotated[
        str | None, Parameter(help="The same while TRIFFT fails: N, or default (the service's).")
    ] = None

    def write(self, merchant: pb.Merchant) -> list[str]:
        """Write the given options into the request; return the names of their fields. Raises UsageError."""
        given = {field: text for field in (*_TEXTS, *_NUMBERS) if (text := getattr(self, field)) is not None}
        for field, text in given.items():
            value = _NUMBERS[field].parse(text) if field in _NUMBERS else text
            if isinstance(value, Path):
                value = read_text(value, "--profile")
            if value is not None:
                setattr(merchant, field, value)
        if self.reason and self.no_reasons:
            raise UsageError("--reason and --no-reasons exclude each other: give one of them")
        if any("," in reason for reason in self.reason):
            raise UsageError("--reason must not contain a comma: give --reason once for each")
        merchant.award_reasons.extend(self.reason)
        return [*given, REASONS_FIELD] if self.reason or self.no_reasons else list(given)


def render_settings(merchant: pb.Merchant) -> dict[str, object]:
    """The settings for scripts. A limit of None: no limit. A time of None: the service's.

    0: no points may be removed.
    """
    points, seconds = (
        {field: getattr(merchant, field) or None for field, number in _NUMBERS.items() if number.unit == unit}
        for unit in ("points", "seconds")
    )
    points[DEDUCTION_FIELD] = merchant.max_points_per_deduction
    return {**points, REASONS_FIELD: list(merchant.award_reasons), **seconds}


def render_country(merchant: pb.Merchant) -> dict[str, object]:
    """The country for scripts, and where it comes from: the setting, or the time zone; None: there is none."""
    by_zone = find_country(merchant.time_zone)
    source = "setting" if merchant.country else "time_zone" if by_zone else None
    return {"country": merchant.country or by_zone or None, "country_from": source}


def describe_country(merchant: pb.Merchant) -> str:
    """The country for people: "SK", "SK (time zone)"."""
    if merchant.country:
        return merchant.country
    by_zone = find_country(merchant.time_zone)
    return f"{by_zone} (time zone)" if by_zone else "none"


def describe_limits(merchant: pb.Merchant) -> str:
    """The limits that are set, for people: "500 per award, 2000 per member and day"."""
    limits = ((getattr(merchant, field), number.per) for field, number in _NUMBERS.items() if number.per)
    return ", ".join(f"{limit} per {per}" for limit, per in limits if limit) or "none"


def describe_reasons(merchant: pb.Merchant) -> str:
    """The reasons for people: "Late delivery, Goodwill"."""
    return join(merchant.award_reasons, ", ") or "none"


def describe_freshness(merchant: pb.Merchant) -> str:
    """The hold times for people: "60 s, 3600 s while TRIFFT fails"."""
    parts = [f"{merchant.hold_time_s} s"] if merchant.hold_time_s else []
    parts += [f"{merchant.stale_if_error_s} s while TRIFFT fails"] if merchant.stale_if_error_s else []
    return ", ".join(parts) or "default"

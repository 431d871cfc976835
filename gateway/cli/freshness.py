"""How long a shop's snapshots count, as an operator types and reads it."""

from dataclasses import dataclass
from typing import Annotated

from cyclopts import Parameter

from gateway.cli.errors import UsageError
from protos.loyalty.v1 import loyalty_pb2 as pb

# The field of Merchant, the option that sets it, the most that it takes.
_TIMES = (("hold_time_s", "--hold-time-s", 86_400), ("stale_if_error_s", "--stale-if-error-s", 604_800))
# Which option fills a field of the request.
FRESHNESS_OPTIONS = {f"merchant.{field}": option for field, option, _ in _TIMES}


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Freshness:
    """The options of `merchant add` and `merchant update`; None: not given."""

    hold_time_s: Annotated[
        str | None,
        Parameter(help="Seconds that an answer may be old for readers who do not say: N, or default (the service's)."),
    ] = None
    stale_if_error_s: Annotated[
        str | None, Parameter(help="The same while TRIFFT fails: N, or default (the service's).")
    ] = None

    def write(self, merchant: pb.Merchant) -> list[str]:
        """Fill in what is given; returns the names of those fields. Raises UsageError."""
        fields = []
        for field, option, most in _TIMES:
            text = getattr(self, field)
            if text is not None:
                setattr(merchant, field, _parse_seconds(text, option, most))
                fields.append(field)
        return fields


def render_freshness(merchant: pb.Merchant) -> dict[str, object]:
    """For scripts. None: the service's."""
    return {field: getattr(merchant, field) or None for field, _, _ in _TIMES}


def describe_freshness(merchant: pb.Merchant) -> str:
    """For people: "60 s, 3600 s while TRIFFT fails"."""
    parts = [f"{merchant.hold_time_s} s"] if merchant.hold_time_s else []
    parts += [f"{merchant.stale_if_error_s} s while TRIFFT fails"] if merchant.stale_if_error_s else []
    return ", ".join(parts) or "default"


def _parse_seconds(text: str, option: str, most: int) -> int:
    """0: the service's."""
    word = text.strip().lower()
    if word == "default":
        return 0
    if not (word.isascii() and word.isdigit() and len(word) <= len(str(most)) and 1 <= int(word) <= most):
        raise UsageError(f"{option} must be whole seconds from 1 to {most}, or default: not {text[:40]!r}")
    return int(word)

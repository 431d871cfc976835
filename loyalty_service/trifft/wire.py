"""Values as the provider sends them → ours. Every function raises WireError for what it cannot read."""

import re
import unicodedata
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

MAX_TEXT_CHARS = 200
MAX_ID_CHARS = 128
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_INT64 = 2**63
_MAX_FRACTION_DIGITS = 20
_DECIMAL = re.compile(r"-?[0-9]{1,30}(\.[0-9]{1,30})?")
# Embeddings, overrides and isolates: in a name they reorder what stands around it.
_BIDI_CONTROLS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_DECODER = msgspec.json.Decoder(float_hook=Decimal)


class WireError(Exception):
    """A value is not what the wire profile says. The sentence completes the name of a field, and holds no content."""


def parse_json(body: bytes) -> Any:  # noqa: ANN401 - whatever the provider sent
    """JSON with fractions as Decimal, never rounded."""
    try:
        return _DECODER.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, InvalidOperation, RecursionError) as error:
        raise WireError("is not JSON") from error


def parse_text(value: object) -> str:
    """For people to read: one line, without control characters, cut to 200 characters. Null is empty."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise WireError("is not a text")
    spaced = "".join(" " if unicodedata.category(char) == "Cc" else char for char in value[: 4 * MAX_TEXT_CHARS])
    return " ".join("".join(char for char in spaced if char not in _BIDI_CONTROLS).split())[:MAX_TEXT_CHARS].rstrip()


def parse_name(value: object) -> str:
    """A text, or a list of texts and nulls."""
    if isinstance(value, list):
        return parse_text(" ".join(parse_text(part) for part in value))
    return parse_text(value)


def parse_id(value: object) -> str:
    """1 to 128 printable characters, kept exactly: cutting one would name something else."""
    if not isinstance(value, str) or not 0 < len(value) <= MAX_ID_CHARS or not value.isprintable():
        raise WireError(f"is not a text of 1 to {MAX_ID_CHARS} printable characters")
    return value


def parse_echo(value: object) -> str:
    """What we have sent, as it comes back: kept exactly, since it is compared. Null is empty."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise WireError("is not a text")
    return value


def parse_points(value: object, scale: int) -> Decimal:
    """A number or decimal text, divided by `scale`; int64 in its whole part."""
    number = _parse_number(value)
    # Compared before anything is expanded: 1e999999999 is a short text and a very long number.
    if not -_INT64 <= number < _INT64 or number.as_tuple().exponent < -_MAX_FRACTION_DIGITS:  # type: ignore[operator]
        raise WireError("is no balance of points")
    return Decimal(format(number if scale == 1 else number / scale, "f"))


def parse_time(value: object) -> datetime | None:
    """UNIX seconds or ISO-8601, which is UTC where it names no zone. Null is None."""
    if value is None:
        return None
    try:
        if isinstance(value, str) and "T" in value.upper():
            time = datetime.fromisoformat(value.upper())
            return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
        return _EPOCH + timedelta(seconds=float(_parse_number(value)))
    except (ValueError, OverflowError) as error:
        raise WireError("is neither UNIX seconds nor ISO-8601") from error


def _parse_number(value: object) -> Decimal:
    if isinstance(value, str) and _DECIMAL.fullmatch(value.strip()):
        return Decimal(value.strip())
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return Decimal(value)
    raise WireError("is no number")

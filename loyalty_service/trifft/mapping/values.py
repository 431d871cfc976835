"""The provider's values → ours.

A value of another type is read if it can mean only one thing: a number as a text, a whole number as an id, a decimal
text as a number. Every function raises WireError for other values.
"""

import re
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from decimal import Decimal

from loyalty_service.trifft.wire import MAX_DIGITS, WireError
from runtime.text import cut, make_line

MAX_TEXT_CHARS = 200
MAX_ID_CHARS = 128
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_S = 86_400
# No programme existed before. A 0, a -1 or 0000-00-00 means: no date.
_FIRST = datetime(2000, 1, 1, tzinfo=UTC)
# The year 9999 means never.
_NEVER_YEAR = 9999
_NEVER_S = int(datetime(_NEVER_YEAR, 1, 1, tzinfo=UTC).timestamp())
# The bound of UNIX seconds, with a day's margin for time zones. A larger number is milliseconds (of 1978 or later).
_LAST_S = _NEVER_S + 366 * _DAY_S
_MS = 1000
_INT64 = 2**63
_TOO_LARGE = 10**MAX_DIGITS
_MAX_FRACTION_DIGITS = 20
_DECIMAL = re.compile(r"-?[0-9]{1,30}(\.[0-9]{1,30})?")
_ISO = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}([T ].{1,40})?", re.IGNORECASE)


def parse_text(value: object) -> str:
    """A text for people: one line of at most 200 characters, without hidden characters. Null is empty."""
    return cut(make_line(parse_echo(value)), MAX_TEXT_CHARS)


def parse_id(value: object) -> str:
    """1 to 128 printable characters, unchanged: a shortened id would name something else.

    A whole number becomes its digits. A number with a fraction is no id: 7.0 and 7 could be one id or two.
    """
    text = parse_echo(value) if isinstance(value, str | int) else ""
    if not 0 < len(text) <= MAX_ID_CHARS or not text.isprintable():
        raise WireError(f"no text of 1 to {MAX_ID_CHARS} printable characters")
    return text


def parse_echo(value: object) -> str:
    """A text that is compared, so it stays unchanged. Null is empty; a number becomes its digits."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    try:
        return _spell(_parse_number(value))
    except WireError as error:
        raise WireError("no text") from error


def parse_points(value: object, scale: int) -> Decimal:
    """A number or decimal text, divided by `scale`; its whole part fits int64."""
    number = _parse_number(value)
    if not -_INT64 <= number < _INT64:
        raise WireError("no balance of points")
    points = Decimal(_spell(number if scale == 1 else number / scale))
    return points or abs(points)  # -0 becomes 0


def parse_flag(value: object) -> bool:
    """True or false, also as a text or as 1 and 0. Null is false."""
    word = value.strip().lower() if isinstance(value, str) else value
    if word is None or word in (False, "false", "0"):
        return False
    if word in (True, "true", "1"):
        return True
    raise WireError("neither true nor false")


def parse_time(value: object, zone: tzinfo) -> datetime | None:
    """UNIX seconds or milliseconds, or ISO-8601 (in `zone` if it names none). A date means its last second.

    None for null, an empty text, and the year 9999, which means never.
    """
    text = value.strip() if isinstance(value, str) else None
    if value is None or text == "":
        return None
    try:
        read = _parse_iso(text, zone) if text and _ISO.fullmatch(text) else _parse_unix(value)
        if read is None or read.year >= _NEVER_YEAR:
            return None
        read = read.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise WireError("neither UNIX time nor ISO-8601") from error
    if read < _FIRST:
        raise WireError("a time before the year 2000")
    return read


def _parse_iso(text: str, zone: tzinfo) -> datetime:
    """Raises ValueError."""
    if len(text) == len("2026-12-31"):
        return datetime.combine(date.fromisoformat(text), time(23, 59, 59, fold=1), zone)
    read = datetime.fromisoformat(text.upper())
    return read if read.tzinfo else read.replace(tzinfo=zone)


def _parse_unix(value: object) -> datetime | None:
    """None: never. Raises WireError, OverflowError."""
    number = _parse_number(value)
    seconds = number if number <= _LAST_S else number / _MS
    if _NEVER_S <= seconds <= _LAST_S:
        return None
    return _EPOCH + timedelta(seconds=float(seconds))


def _parse_number(value: object) -> Decimal:
    """At most 40 digits before the point and 20 after it: 1e999999999 is a short text, but a very long number."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < _TOO_LARGE:
        return Decimal(value)
    if isinstance(value, str) and _DECIMAL.fullmatch(value.strip()):
        number = Decimal(value.strip())
    elif isinstance(value, float):  # a function of JMESPath may return a float
        number = Decimal(repr(value))
    elif isinstance(value, Decimal):
        number = value
    else:
        raise WireError("no number")
    exponent = number.as_tuple().exponent
    if not isinstance(exponent, int) or exponent < -_MAX_FRACTION_DIGITS or number.adjusted() >= MAX_DIGITS:
        raise WireError("no number of a usual size")
    return number


def _spell(number: Decimal) -> str:
    return format(number, "f")

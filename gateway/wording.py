"""Times, numbers and texts as agents read them."""

from datetime import UTC, datetime, timedelta, tzinfo
from decimal import ROUND_HALF_UP, Context, Decimal, InvalidOperation
from functools import lru_cache

from babel import Locale, numbers
from google.protobuf.timestamp_pb2 import Timestamp

from gateway.merchants import DEFAULT_SHOP, Shop
from protos.loyalty.v1 import loyalty_pb2 as pb
from runtime.text import isolate, make_line, shorten

NONE = "–"
NO_TIER = "No tier"
SWITCHED_OFF = "Switched off"
UNREADABLE = "Cannot be read"
SEVERAL_WALLETS = "Several wallets"
NO_POINTS_HERE = "Points cannot be added here."
# A change of the ticket's tags draws its panel anew.
TAG_ADVICE = "Add or remove a tag, then try again."
_MAX_ECHO_CHARS = 80
# Not strftime: what it says depends on the process's locale, and these sentences are English.
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_REMEMBERED_NUMBERS = 4096
# A day from the ends of what a datetime holds, so that each is one in every zone.
_FIRST_S = int(datetime(1, 1, 2, tzinfo=UTC).timestamp())
_LAST_S = int(datetime(9999, 12, 30, 23, 59, 59, tzinfo=UTC).timestamp())
# Of a balance: an int64 before the point, and what a provider calculates behind it.
_MAX_WHOLE_DIGITS, _MAX_FRACTION_DIGITS = 19, 40
_EXACT = Context(prec=_MAX_WHOLE_DIGITS + _MAX_FRACTION_DIGITS)
_CENTS = Decimal("0.01")


def parse_time(time: Timestamp) -> datetime:
    """What no calendar has is as near to it as can be."""
    whole = datetime.fromtimestamp(min(max(time.seconds, _FIRST_S), _LAST_S), UTC)
    return whole.replace(microsecond=min(max(time.nanos // 1000, 0), 999_999))


def parse_balance(wallet: pb.Wallet) -> Decimal:
    """Exact, or whole where the exact text is none."""
    try:
        exact = Decimal(wallet.points_balance_exact)
    except InvalidOperation:
        return Decimal(wallet.points_balance)
    exponent = exact.as_tuple().exponent
    is_usual = isinstance(exponent, int) and exponent >= -_MAX_FRACTION_DIGITS and exact.adjusted() < _MAX_WHOLE_DIGITS
    return exact if is_usual else Decimal(wallet.points_balance)


def round_points(number: int | Decimal) -> Decimal:
    """As points are said everywhere: at most two decimals, a half away from zero, no zeros at the end."""
    return _EXACT.normalize(Decimal(number).quantize(_CENTS, ROUND_HALF_UP, _EXACT)) + 0  # no -0


def find_last_day(end: datetime, zone: tzinfo) -> datetime:
    """The last moment before an end, in the zone: what ends with the first moment of a day ends on the day before."""
    return (end - timedelta(microseconds=1)).astimezone(zone)


def name_reason(reason: pb.ErrorReason.ValueType) -> str:
    """Empty for one that a newer loyalty service names."""
    return pb.ErrorReason.Name(reason) if reason in pb.ErrorReason.values() else ""


def say_status(word: str) -> str:
    """Of a member whose status the shop's profile does not know: "TRIFFT says this member is 'suspended'."."""
    shown = format_echo(word)
    return f"TRIFFT says this member is '{shown}'." if shown else "TRIFFT does not say whether this member is active."


def say_several_wallets() -> str:
    return "This member has several wallets."


def format_time(time: datetime, shop: Shop) -> str:
    """An instant with its zone, in the shop's: "Mon 23 Nov 2026, 13:55 CET"."""
    local = time.astimezone(shop.zone)
    name = local.tzname() or ""
    zone = f"UTC{name}" if name[:1] in {"+", "-"} else name
    return f"{_DAYS[local.weekday()]} {_format_date(local)}, {local.hour:02}:{local.minute:02} {zone}"


def format_day(time: datetime, shop: Shop) -> str:
    return _format_date(time.astimezone(shop.zone))


def format_last_day(end: datetime, shop: Shop) -> str:
    """Of what ends at `end`: "31 Dec 2026", also for the midnight after it."""
    return _format_date(find_last_day(end, shop.zone))


def format_day_of_year(time: datetime, shop: Shop) -> str:
    """For what is never older than a year: "20 Oct"."""
    return _format_day_of_year(time.astimezone(shop.zone))


def format_clock(time: datetime, shop: Shop) -> str:
    """The time of day, "13:55"; with its zone where the shop's own is not known."""
    zone = " UTC" if shop is DEFAULT_SHOP else ""
    return f"{time.astimezone(shop.zone):%H:%M}{zone}"


def format_number(number: int | Decimal, shop: Shop) -> str:
    """In the shop's locale: "1,240", "99.75"."""
    return _format_decimal(round_points(number), shop.locale)


def format_points(points: int | Decimal, shop: Shop) -> str:
    rounded = round_points(points)
    return f"{_format_decimal(rounded, shop.locale)} {'point' if rounded == 1 else 'points'}"


def format_echo(text: str) -> str:
    """Somebody else's text inside our sentence: one line, isolated, at most 80 characters."""
    return isolate(shorten(make_line(text), _MAX_ECHO_CHARS))


def _format_date(local: datetime) -> str:
    return f"{_format_day_of_year(local)} {local.year}"


def _format_day_of_year(local: datetime) -> str:
    return f"{local.day} {_MONTHS[local.month - 1]}"


@lru_cache(_REMEMBERED_NUMBERS)
def _format_decimal(number: Decimal, locale: Locale) -> str:
    """Balances repeat, and Babel takes 20 µs for each."""
    return str(numbers.format_decimal(number, locale=locale, decimal_quantization=False))

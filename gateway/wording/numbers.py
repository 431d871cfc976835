"""Points and balances as agents read them."""

from decimal import ROUND_HALF_UP, Context, Decimal, InvalidOperation
from functools import lru_cache

from babel import Locale, numbers

from gateway.wording.shop import Shop
from protos.loyalty.v1 import loyalty_pb2 as pb

# Balances repeat: what is made of each is remembered.
_REMEMBERED_NUMBERS = 4096
# The digits of a balance: an int64 before the point, and a provider's calculation after it.
_MAX_WHOLE_DIGITS, _MAX_FRACTION_DIGITS = 19, 40
_EXACT = Context(prec=_MAX_WHOLE_DIGITS + _MAX_FRACTION_DIGITS)
_CENTS = Decimal("0.01")


def parse_balance(wallet: pb.Wallet) -> Decimal:
    """Parse the exact balance; the whole points if the exact text is not a number."""
    exact = parse_exact(wallet.points_balance_exact)
    return Decimal(wallet.points_balance) if exact is None else exact


@lru_cache(_REMEMBERED_NUMBERS)
def parse_exact(text: str) -> Decimal | None:
    """Parse an exact number of points. None for a text that is no number of a usual size."""
    try:
        exact = Decimal(text)
    except InvalidOperation:
        return None
    exponent = exact.as_tuple().exponent
    is_usual = isinstance(exponent, int) and exponent >= -_MAX_FRACTION_DIGITS and exact.adjusted() < _MAX_WHOLE_DIGITS
    return exact if is_usual else None


@lru_cache(_REMEMBERED_NUMBERS)
def round_points(number: int | Decimal) -> Decimal:
    """Round as all texts show points: at most two decimals, half away from zero, no trailing zeros."""
    return _EXACT.normalize(Decimal(number).quantize(_CENTS, ROUND_HALF_UP, _EXACT)) + 0  # -0 becomes 0


def format_number(number: int | Decimal, shop: Shop) -> str:
    """Format in the shop's locale: "1,240", "99.75"."""
    return _format_decimal(round_points(number), shop.locale)


def format_points(points: int | Decimal, shop: Shop) -> str:
    rounded = round_points(points)
    return f"{_format_decimal(rounded, shop.locale)} {'point' if rounded == 1 else 'points'}"


@lru_cache(_REMEMBERED_NUMBERS)
def _format_decimal(number: Decimal, locale: Locale) -> str:
    """Babel takes 20 µs for each number."""
    return str(numbers.format_decimal(number, locale=locale, decimal_quantization=False))

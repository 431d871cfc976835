"""Times, numbers and texts as agents read them."""

import unicodedata
from datetime import datetime
from decimal import Decimal

from babel import numbers

from gateway.merchants import Shop

NONE = "–"
NOT_USED = "Not used"
_MAX_ECHO_CHARS = 80


def format_time(time: datetime, shop: Shop) -> str:
    """An instant with its zone, in the shop's: "Mon 23 Nov 2026, 13:55 CET"."""
    local = time.astimezone(shop.zone)
    name = local.tzname() or ""
    zone = f"UTC{name}" if name[:1] in {"+", "-"} else name
    return f"{local:%a} {local.day} {local:%b %Y, %H:%M} {zone}"


def format_day(time: datetime, shop: Shop) -> str:
    local = time.astimezone(shop.zone)
    return f"{local.day} {local:%b %Y}"


def format_clock(time: datetime, shop: Shop) -> str:
    return f"{time.astimezone(shop.zone):%H:%M}"


def format_number(number: int | Decimal, shop: Shop) -> str:
    """In the shop's locale, with all of its decimals: "1,240", "99.75"."""
    return str(numbers.format_decimal(number, locale=shop.locale, decimal_quantization=False))


def format_points(points: int, shop: Shop) -> str:
    return f"{format_number(points, shop)} {'point' if points == 1 else 'points'}"


def format_echo(text: str) -> str:
    """A customer's own text inside our sentence: no control or bidi characters, at most 80."""
    shown = "".join(char for char in text if unicodedata.category(char)[0] != "C")
    return shown if len(shown) <= _MAX_ECHO_CHARS else shown[: _MAX_ECHO_CHARS - 1] + "…"

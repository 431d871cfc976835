"""The provider's body → JSON, and the error for a value that does not fit the profile."""

import json
import math
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

MAX_DIGITS = 40


class WireError(Exception):
    """A value does not fit the wire profile.

    The text names what was found instead ("no number"), never the content. `line`: the line of the profile that found
    it ("member.points"); empty where the parser does not know it.
    """

    def __init__(self, text: str, line: str = "") -> None:
        super().__init__(text)
        self.line = line


def _parse_fraction(text: str) -> Decimal | float:
    """A Decimal, exact. A number with an absurd exponent becomes unreadable, which costs only its field."""
    try:
        return Decimal(text)
    except InvalidOperation:
        return math.nan


def _parse_whole(text: str) -> int | float:
    return int(text) if len(text) <= MAX_DIGITS else math.nan


def _lose_constant(_: str) -> float:
    return math.nan


_DECODER = msgspec.json.Decoder(float_hook=_parse_fraction)


def parse_json(body: bytes) -> Any:  # noqa: ANN401 - whatever the provider sent
    """JSON with fractions as Decimal, never rounded."""
    try:
        return _DECODER.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _parse_odd_json(body)
    except RecursionError as error:
        raise WireError("no JSON") from error


def _parse_odd_json(body: bytes) -> Any:  # noqa: ANN401 - whatever the provider sent
    """Parse what msgspec refuses: half a surrogate pair, bytes that are not UTF-8, a bare line end in a text.

    NaN and numbers of a thousand digits become unreadable.
    """
    try:
        return json.loads(
            body.decode("utf-8-sig", "surrogateescape"),
            strict=False,
            parse_float=_parse_fraction,
            parse_int=_parse_whole,
            parse_constant=_lose_constant,
        )
    except (ValueError, RecursionError) as error:
        raise WireError("no JSON") from error

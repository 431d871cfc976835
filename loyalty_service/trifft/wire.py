"""A body as the provider sends it → JSON, and what is said of one that is not what the profile says."""

import json
import math
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

MAX_DIGITS = 40


class WireError(Exception):
    """A value is not what the wire profile says.

    The text says what was found instead, "no number", and holds no content. `line`: the line of the profile that found
    it, "member.points"; empty where it is not known here.
    """

    def __init__(self, text: str, line: str = "") -> None:
        super().__init__(text)
        self.line = line


def _parse_fraction(text: str) -> Decimal | float:
    """Exact; a number with an exponent that no number here has is none, and costs its field only."""
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


def _parse_odd_json(body: bytes) -> Any:  # noqa: ANN401 - likewise
    """What msgspec refuses and a field may hold: half of a surrogate pair, bytes that are no UTF-8, a bare line end.

    NaN and a number of a thousand digits are no numbers here.
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

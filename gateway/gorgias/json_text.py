"""Parses JSON from Gorgias: one unusual record must not cost the whole list."""

import json
from typing import Any

import msgspec


class JsonError(ValueError):
    """The text is not JSON."""


def decode_json(raw: bytes) -> Any:  # noqa: ANN401 - any JSON
    """Parse JSON, and also what a Python program may write beyond the standard: NaN, lone surrogates, not UTF-8.

    Raises JsonError.
    """
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    try:
        return _clean(json.loads(raw.decode("utf-8", "replace")))
    except (ValueError, RecursionError):
        raise JsonError from None


def _clean(value: Any) -> Any:  # noqa: ANN401 - any JSON
    """Replace lone surrogates: a text with one cannot be written anywhere.

    The replacement occurs in no address; a "?" could make it another person's address.
    """
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass").decode("utf-8", "replace")
    if isinstance(value, list):
        return [_clean(item) for item in value]
    if isinstance(value, dict):
        return {_clean(name): _clean(item) for name, item in value.items()}
    return value

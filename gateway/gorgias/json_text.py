"""JSON as Gorgias sends it: what one record makes unusual does not cost the whole list."""

import json
from typing import Any

import msgspec


class JsonError(ValueError):
    """It is no JSON."""


def decode_json(raw: bytes) -> Any:  # noqa: ANN401 - any JSON
    """Takes what a Python program may write beyond the standard, too: NaN, half of a pair, other than UTF-8.

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
    """Without halves of surrogate pairs: no text that holds one can be written anywhere.

    What stands for them is in no address: a "?" would make another's of it.
    """
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass").decode("utf-8", "replace")
    if isinstance(value, list):
        return [_clean(item) for item in value]
    if isinstance(value, dict):
        return {_clean(name): _clean(item) for name, item in value.items()}
    return value

"""Which fields of an answer no expression reads. Their names are said, never their values.

A field is read if another value in its place changes what any of the expressions finds.
"""

from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

from loyalty_service.trifft.expression import Expression
from loyalty_service.trifft.wire import WireError
from runtime.text import make_line, shorten

# Each name costs a search by each expression.
MAX_NAMES = 100
_MAX_NAME_CHARS = 100
_MAX_DEPTH = 8
# Of a list the first ones tell how its elements are spelled.
_MOST_ELEMENTS = 5
_ELEMENTS = "[]"
_OTHER_VALUE = "a value that TRIFFT never sends"
_FAILED = object()

Place: TypeAlias = tuple[str, ...]


def list_unread(data: object, expressions: Sequence[Expression], *, in_elements: bool = False) -> list[str]:
    """Dotted names, "params.nickname", "segments[].color", at most 100. `in_elements`: each element is read alone."""
    data = _shorten(data, _MAX_DEPTH)
    rows = data if in_elements and isinstance(data, list) else [data]
    found = [_search_all(row, expressions) for row in rows]
    unread = []
    for place in _list_places(rows):
        replaced = [_replace(row, place) for row in rows]
        if [_search_all(row, expressions) for row in replaced] == found:
            unread.append(shorten(make_line(_spell(place)), _MAX_NAME_CHARS))
    return unread


def _search_all(row: object, expressions: Sequence[Expression]) -> list[object]:
    return [_search(expression, row) for expression in expressions]


def _search(expression: Expression, row: object) -> object:
    try:
        return expression.search(row)
    except WireError:
        return _FAILED


def _list_places(rows: Sequence[object]) -> list[Place]:
    """Where values are in any of the rows; a list's elements share their places."""
    places: dict[Place, None] = {}
    for row in rows:
        for place in _iter_places(row, ()):
            places.setdefault(place)
            if len(places) == MAX_NAMES:
                return list(places)
    return list(places)


def _iter_places(value: object, place: Place) -> Iterator[Place]:
    if isinstance(value, dict) and value:
        for name, inner in value.items():
            yield from _iter_places(inner, (*place, name))
    elif isinstance(value, list) and value:
        for inner in value:
            yield from _iter_places(inner, (*place, _ELEMENTS))
    elif place:
        yield place


def _replace(value: Any, place: Place) -> object:  # noqa: ANN401 - JSON
    """The value with another one in this place, where it has it."""
    if not place:
        return _OTHER_VALUE
    name, *rest = place
    if name == _ELEMENTS and isinstance(value, list):
        return [_replace(inner, tuple(rest)) for inner in value]
    if isinstance(value, dict) and name in value:
        return {**value, name: _replace(value[name], tuple(rest))}
    return value


def _shorten(value: object, depth: int) -> object:
    """What is deeper is a value as a whole."""
    if depth == 0:
        return str(type(value))
    if isinstance(value, dict):
        return {str(name): _shorten(inner, depth - 1) for name, inner in value.items()}
    if isinstance(value, list):
        return [_shorten(inner, depth - 1) for inner in value[:_MOST_ELEMENTS]]
    return value


def _spell(place: Place) -> str:
    return ".".join(place).replace(f".{_ELEMENTS}", _ELEMENTS)

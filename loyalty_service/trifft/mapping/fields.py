"""Rows of the provider's, read field by field: one that cannot be read costs itself only."""

from collections import Counter
from collections.abc import Callable
from typing import Any, TypeVar

from loyalty_service.trifft.expression import Expression
from loyalty_service.trifft.wire import WireError

T = TypeVar("T")


class FieldReader:
    """Reads by the profile's lines. `unreadable`: those by which a field could not be read, and how often."""

    def __init__(self) -> None:
        self.unreadable: Counter[str] = Counter()

    def read(self, line: str, expression: Expression, row: object, parse: Callable[[object], T], absent: T) -> T:
        """What `line` finds in the row; `absent` where `parse` raises WireError, or the expression does."""
        return self.parse(line, row, lambda found: parse(expression.search(found)), absent)

    def parse(self, line: str, value: object, parse: Callable[[object], T], absent: T) -> T:
        """Of a value that `line` has found."""
        try:
            return parse(value)
        except WireError:
            self.note(line)
            return absent

    def note(self, line: str) -> None:
        self.unreadable[line] += 1

    def read_list(self, line: str, expression: Expression, row: object) -> list[Any]:
        """Its elements; none where there is no list."""
        return self.read(line, expression, row, parse_list, [])


def read_required(line: str, expression: Expression, row: object, parse: Callable[[object], T]) -> T:
    """What nothing can be said without. Raises WireError, which names the line."""
    try:
        return parse(expression.search(row))
    except WireError as error:
        raise WireError(str(error), line) from error


def parse_list(value: object) -> list[Any]:
    """Null is an empty one."""
    return [] if value is None else parse_rows(value)


def parse_rows(value: object) -> list[Any]:
    if not isinstance(value, list):
        raise WireError("no list")
    return value


def parse_object(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise WireError("no object")
    return value

"""Reads the provider's rows field by field: a field that cannot be read is absent, and the others are kept."""

from collections import Counter
from collections.abc import Callable
from typing import Any, TypeVar

from loyalty_service.trifft.expression import Expression
from loyalty_service.trifft.wire import WireError

T = TypeVar("T")


class FieldReader:
    """Reads by the profile's lines. `unreadable`: how often each line's field could not be read.

    `found`: of the lines that were read in this answer, whether they found something.
    """

    def __init__(self) -> None:
        self.found: dict[str, bool] = {}
        self.unreadable: Counter[str] = Counter()

    def read(self, line: str, expression: Expression, row: object, parse: Callable[[object], T], absent: T) -> T:
        """Return what `line` finds in the row, or `absent` if `parse` or the expression raises WireError."""
        try:
            return parse(expression.search(row))
        except WireError:
            self.note(line)
            return absent

    def parse(self, line: str, value: object, parse: Callable[[object], T], absent: T) -> T:
        """Parse a value that `line` has found, as `read` does."""
        try:
            return parse(value)
        except WireError:
            self.note(line)
            return absent

    def note(self, line: str) -> None:
        self.unreadable[line] += 1

    def read_list(self, line: str, expression: Expression, row: object) -> list[Any]:
        """Return the list's elements; no elements if there is no list."""
        return self.read(line, expression, row, parse_list, [])


def read_required(line: str, expression: Expression, row: object, parse: Callable[[object], T]) -> T:
    """Read a field that the whole row depends on. Raises WireError, which names the line."""
    try:
        return parse(expression.search(row))
    except WireError as error:
        raise WireError(str(error), line) from error


def parse_list(value: object) -> list[Any]:
    """Null is an empty list."""
    return [] if value is None else parse_rows(value)


def parse_rows(value: object) -> list[Any]:
    if not isinstance(value, list):
        raise WireError("no list")
    return value


def parse_object(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise WireError("no object")
    return value

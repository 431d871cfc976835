"""JMESPath, compiled once. Its `join` skips nulls."""

import functools
from collections.abc import Callable
from typing import Any, TypeAlias

import jmespath
from jmespath import exceptions, functions

from loyalty_service.trifft.wire import WireError

MAX_EXPRESSION_CHARS = 500

_Reader: TypeAlias = Callable[[Any], Any]


class _NullSafeFunctions(functions.Functions):
    """The `join` of JMESPath fails on a null. A missing first name must not cost the full name."""

    @functions.signature({"types": ["string"]}, {"types": ["array", "null"]})
    def _func_join(self, separator: str, parts: list[object] | None) -> str:
        return separator.join(part for part in parts or () if isinstance(part, str) and part)


_OPTIONS = jmespath.Options(custom_functions=_NullSafeFunctions())


class Expression:
    """One line of a wire profile. Raises ValueError with a sentence for text that is not JMESPath."""

    def __init__(self, text: str) -> None:
        if len(text) > MAX_EXPRESSION_CHARS:
            raise ValueError(f"is longer than {MAX_EXPRESSION_CHARS} characters")
        try:
            self._compiled = jmespath.compile(text)
            self._try_functions()
        except (exceptions.JMESPathError, RecursionError) as error:
            raise ValueError("is not JMESPath") from error
        self._text = text
        self._read = _make_reader(self._compiled.parsed)

    def __str__(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return f"Expression({self._text!r})"

    def _try_functions(self) -> None:
        """Evaluate once: only then JMESPath reports unknown functions and wrong argument counts."""
        try:
            self._compiled.search({}, options=_OPTIONS)
        except exceptions.JMESPathTypeError:
            return
        except (exceptions.JMESPathError, RecursionError):
            raise
        except Exception:  # noqa: BLE001 - as in `search`
            return

    def search(self, data: object) -> Any:  # noqa: ANN401 - whatever the provider sent
        """Return what the expression finds, or None. Raises WireError if a function gets a value of a wrong type."""
        if self._read is not None:
            return self._read(data)
        try:
            return self._compiled.search(data, options=_OPTIONS)
        except Exception as error:  # JMESPath raises its own errors and Python's
            raise WireError("a value that it cannot work with") from error


def _make_reader(node: Any) -> _Reader | None:  # noqa: ANN401 - JMESPath's own
    """Make the function of a path, and of lists and objects of paths; None for what only JMESPath reads, slowly."""
    match node:
        case {"type": "current"}:
            return lambda data: data
        case {"type": "field", "value": str(name)}:
            return lambda data: data.get(name) if isinstance(data, dict) else None
        case {"type": "subexpression", "children": children} if steps := _make_readers(children):
            return lambda data: functools.reduce(lambda found, step: step(found), steps, data)
        case {"type": "multi_select_list", "children": children} if parts := _make_readers(children):
            return lambda data: None if data is None else [part(data) for part in parts]
        case {"type": "multi_select_dict", "children": pairs} if parts := _make_readers(
            [pair["children"][0] for pair in pairs]
        ):
            names = [pair["value"] for pair in pairs]
            return lambda data: (
                None if data is None else {name: part(data) for name, part in zip(names, parts, strict=True)}
            )
    return None


def _make_readers(nodes: list[Any]) -> list[_Reader]:
    """Empty if one of them has none."""
    readers = [reader for node in nodes if (reader := _make_reader(node))]
    return readers if len(readers) == len(nodes) else []

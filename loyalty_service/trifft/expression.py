"""JMESPath, compiled once. Its `join` skips nulls."""

import functools
import itertools
from collections.abc import Callable
from typing import Any, TypeAlias

import jmespath
from jmespath import exceptions, functions
from jmespath.visitor import TreeInterpreter

from loyalty_service.trifft.wire import WireError

MAX_EXPRESSION_CHARS = 500

_Reader: TypeAlias = Callable[[Any], Any]


class _NullSafeFunctions(functions.Functions):
    """The `join` of JMESPath fails on a null. A missing first name must not cost the full name."""

    @functions.signature({"types": ["string"]}, {"types": ["array", "null"]})
    def _func_join(self, separator: str, parts: list[object] | None) -> str:
        return separator.join(part for part in parts or () if isinstance(part, str) and part)


_OPTIONS = jmespath.Options(custom_functions=_NullSafeFunctions())
_INTERPRETER = TreeInterpreter(_OPTIONS)


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
        try:
            return self._read(data)
        except Exception as error:  # JMESPath raises its own errors and Python's
            raise WireError("a value that it cannot work with") from error


def _make_reader(node: Any) -> _Reader:  # noqa: ANN401, PLR0911 - JMESPath's own; one for each kind of node
    """Make the function of a path, and of lists, objects and choices of paths. The rest is read by JMESPath, slowly."""
    match node:
        case {"type": "current"}:
            return lambda data: data
        case {"type": "field", "value": str(name)}:
            return lambda data: data.get(name) if isinstance(data, dict) else None
        case {"type": "subexpression", "children": children}:
            return functools.reduce(_chain, map(_make_reader, children))
        case {"type": "multi_select_list", "children": children}:
            parts = [_make_reader(child) for child in children]
            return lambda data: None if data is None else [part(data) for part in parts]
        case {"type": "multi_select_dict", "children": pairs}:
            named = [(pair["value"], _make_reader(pair["children"][0])) for pair in pairs]
            return lambda data: None if data is None else {name: part(data) for name, part in named}
        case {"type": "and_expression" | "or_expression" as kind, "children": [first, second]}:
            return _make_choice(_make_reader(first), _make_reader(second), wanted=kind == "and_expression")
        case {"type": "projection", "children": [{"type": "flatten", "children": [inner]}, outer]}:
            return _make_projection(_make_reader(inner), _make_reader(outer))
    return functools.partial(_INTERPRETER.visit, node)


def _chain(first: _Reader, second: _Reader) -> _Reader:
    return lambda data: second(first(data))


def _make_choice(first: _Reader, second: _Reader, *, wanted: bool) -> _Reader:
    """`wanted`: True for &&, which takes the second if the first finds something; False for ||."""

    def choose(data: Any) -> Any:  # noqa: ANN401 - whatever the provider sent
        found = first(data)
        is_something = not (found is None or found is False or found in ("", [], {}))
        return second(data) if is_something is wanted else found

    return choose


def _make_projection(inner: _Reader, outer: _Reader) -> _Reader:
    """What `outer` finds in each element of a list, or of a list of lists."""

    def project(data: Any) -> Any:  # noqa: ANN401 - whatever the provider sent
        listed = inner(data)
        if not isinstance(listed, list):
            return None
        parts = (part if isinstance(part, list) else [part] for part in listed)
        return [found for one in itertools.chain.from_iterable(parts) if (found := outer(one)) is not None]

    return project

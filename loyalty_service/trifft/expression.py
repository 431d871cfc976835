"""JMESPath, compiled once. Its `join` skips nulls."""

from typing import Any

import jmespath
from jmespath import exceptions, functions

from loyalty_service.trifft.wire import WireError

MAX_EXPRESSION_CHARS = 500


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
        self._names = _find_names(self._compiled.parsed)

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
        if self._names is not None:
            for name in self._names:
                data = data.get(name) if isinstance(data, dict) else None
            return data
        try:
            return self._compiled.search(data, options=_OPTIONS)
        except Exception as error:  # JMESPath raises its own errors and Python's
            raise WireError("a value that it cannot work with") from error


def _find_names(node: Any) -> tuple[str, ...] | None:  # noqa: ANN401 - JMESPath's own
    """Return the names of a plain path such as `a.b.c`, none for `@`; None for what only JMESPath reads, slowly."""
    match node:
        case {"type": "current"}:
            return ()
        case {"type": "field", "value": str(name)}:
            return (name,)
        case {"type": "subexpression", "children": children}:
            names = [_find_names(child) for child in children]
            return None if None in names else tuple(name for each in names for name in each or ())
    return None

"""Template variables as Gorgias substitutes them: everything a string, rendered the Python way."""

import re

# An unsubstituted variable arrives as it was written (contract: absent variable, seen).
_LITERAL = re.compile(r"\{\{.*\}\}", re.DOTALL)


def parse_variable(text: str | None) -> str | None:
    """The value, trimmed; None where Gorgias had none: nothing at all, `None`, or the literal `{{…}}`."""
    value = (text or "").strip()
    if value in {"", "None"} or _LITERAL.fullmatch(value):
        return None
    return value

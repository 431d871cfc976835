"""Template variables as Gorgias substitutes them: everything a string, rendered the Python way."""

import re

# A variable without a value arrives as it was written (contract: absent variable, seen).
_LITERAL = re.compile(r"\{\{.*\}\}", re.DOTALL)


def parse_variable(text: str | None) -> str | None:
    """The trimmed value; None if Gorgias had no value: an empty text, `None`, or the literal `{{…}}`."""
    value = (text or "").strip()
    if value in {"", "None"} or _LITERAL.fullmatch(value):
        return None
    return value

"""Reads the fields of Gorgias' records one by one: a field that cannot be read counts as absent.

A record may come from another program, or from a person long ago. An odd field in it must not hide our own records.
"""

import re
from collections.abc import Iterable, Mapping
from urllib.parse import unquote

_MASK = re.compile("[*\u2022\u25cf]+")
_ID_DIGITS = 18
_ENCODED_BRACES = re.compile("%7[BbDd]")
# Names of triggers that Gorgias returns under another name.
_TRIGGER_ALIASES = {"ticket-assignee-updated": "ticket-assignment-updated"}
_UNSET_WORDS = frozenset({"", "false", "0", "no", "off", "null", "none"})


def read_id(value: object) -> int | None:
    """A whole number above 0, also as text."""
    if isinstance(value, str):
        digits = value.strip()
        value = int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= _ID_DIGITS else None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


def read_text(value: object) -> str:
    """A text, or a number as text; otherwise empty."""
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else ""


def read_fields(value: object) -> Mapping[str, object]:
    """An object; otherwise an empty one."""
    return value if isinstance(value, dict) else {}


def read_pairs(value: object) -> dict[str, object]:
    """An object, or a list of names or of `{"key": …, "value": …}` (a name that stands alone is on)."""
    if isinstance(value, dict):
        return {read_text(name): item for name, item in value.items()}
    return dict(_list_pairs(value)) if isinstance(value, list) else {}


def read_headers(value: object) -> dict[str, str] | None:
    """Headers by lower-case name; a null value counts as masked. None: Gorgias shows no headers."""
    if not isinstance(value, (dict, list)):
        return None
    return {
        name.strip().lower(): "*" if text is None else read_text(text).strip()
        for name, text in read_pairs(value).items()
    }


def read_triggers(value: object) -> frozenset[str]:
    """The triggers that are set, hyphenated as we write them."""
    names = (name.strip().lower().replace("_", "-") for name, is_set in read_pairs(value).items() if _is_set(is_set))
    return frozenset(_TRIGGER_ALIASES.get(name, name) for name in names)


def read_content_type(value: object) -> str:
    """A content type without its parameters."""
    return read_text(value).partition(";")[0].strip().lower()


def normalize_braces(text: str) -> str:
    """Decode braces that Gorgias returns percent-encoded."""
    return _ENCODED_BRACES.sub(lambda found: unquote(found[0]), text)


def contains_headers(found: Mapping[str, str] | None, meant: Mapping[str, str] | None, *, trusts_masks: bool) -> bool:
    """Whether `found` has all headers of `meant`. Masked or hidden ones count only if masks are trusted."""
    if found is None or meant is None:
        return trusts_masks
    return all(
        name in found and _fits(found[name], value) and (trusts_masks or _MASK.search(found[name]) is None)
        for name, value in meant.items()
    )


def _fits(found: str, meant: str) -> bool:
    """Whether `found` equals `meant`, or may equal it: the text around a mask must be the same."""
    parts = _MASK.split(found)
    return found == meant if len(parts) == 1 else meant.startswith(parts[0]) and meant.endswith(parts[-1])


def _list_pairs(items: Iterable[object]) -> Iterable[tuple[str, object]]:
    for item in items:
        if isinstance(item, str):
            yield read_text(item), True
        elif isinstance(item, dict):
            yield read_text(item.get("key", item.get("name"))), item.get("value")


def _is_set(value: object) -> bool:
    return value.strip().lower() not in _UNSET_WORDS if isinstance(value, str) else bool(value)

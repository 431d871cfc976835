"""The differences between what Gorgias has and what we want it to have.

Gorgias may spell a value differently when we read it back (contract: triggers, braces, content types, masked headers,
dropped empty values, numbers as text). That is no difference: otherwise each run of `install` would write it again.
"""

from collections.abc import Mapping

from gateway.gorgias.fields import contains_headers, normalize_braces, read_content_type, read_headers
from gateway.gorgias.widget_url import is_old_widget_url
from gateway.gorgias.wire import Integration, Widget, parse_integration, render_integration
from runtime.text import cut, make_line

# A card without this field is shown, so "absent" and "false" differ here.
_TRUE_IF_ABSENT = frozenset({"displayCard"})
_TIME_CHARS = 32


def find_integration_differences(found: Integration, *, public_url: str, credential: str) -> tuple[str, ...]:
    """List differences in words for operators. What Gorgias, or a person there, has added is no difference."""
    meant = parse_integration(
        {"id": found.integration_id, **render_integration(public_url=public_url, credential=credential)}
    )
    # If a header is masked, compare the credential in the URL.
    has_headers = contains_headers(found.headers, meant.headers, trusts_masks=found.credential == credential)
    differs = {
        f"it is switched off{_say_since(found)}": found.is_deactivated,
        "its name": found.name != meant.name,
        _name_url(found): found.url != meant.url,
        "its method": found.method != meant.method,
        "its content types": found.content_types != meant.content_types,
        "its headers": not has_headers,
        "its triggers": not meant.triggers <= found.triggers,
    }
    return tuple(words for words, is_different in differs.items() if is_different)


def _name_url(found: Integration) -> str:
    """An old URL costs one call of Gorgias' API for each widget call."""
    return "its URL is from an older version" if is_old_widget_url(found.url) else "its URL"


def _say_since(found: Integration) -> str:
    time = cut(make_line(found.deactivate_time), _TIME_CHARS)
    return f" since {time}" if time else ""


def find_widget_differences(
    found: Widget, *, template: Mapping[str, object], is_credential_ours: bool
) -> tuple[str, ...]:
    """List differences. `is_credential_ours`: the integration has the credential on record, so a masked one is ours."""
    differs = {
        "it is switched off": found.is_deactivated,
        "its template": not _contains(found.template, template, trusts_masks=is_credential_ours),
    }
    return tuple(words for words, is_different in differs.items() if is_different)


def _contains(found: object, meant: object, *, trusts_masks: bool) -> bool:
    """Whether `found` contains all of `meant`: an object may have more fields, a list must have the same length.

    A missing object counts as an empty one.
    """
    if isinstance(meant, Mapping):
        fields = {} if found is None else found
        return isinstance(fields, Mapping) and all(
            _has_field(fields, key, value, trusts_masks=trusts_masks) for key, value in meant.items()
        )
    if isinstance(meant, (list, tuple)):
        return (
            isinstance(found, (list, tuple))
            and len(found) == len(meant)
            and all(_contains(*pair, trusts_masks=trusts_masks) for pair in zip(found, meant, strict=True))
        )
    return _spell(found) == _spell(meant)


def _has_field(found: Mapping[str, object], key: str, meant: object, *, trusts_masks: bool) -> bool:
    value = found.get(key)
    if value is None and key in _TRUE_IF_ABSENT:
        return meant is True
    if not value and not meant:
        return True
    if key == "headers":
        return contains_headers(read_headers(value), read_headers(meant), trusts_masks=trusts_masks)
    if key == "contentType":
        return read_content_type(value) == read_content_type(meant)
    return _contains(value, meant, trusts_masks=trusts_masks)


def _spell(value: object) -> object:
    """Spell a value for comparing: numbers and booleans as text, braces unencoded."""
    if isinstance(value, bool):
        return str(value).lower()
    return normalize_braces(value) if isinstance(value, str) else str(value)

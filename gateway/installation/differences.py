"""How what Gorgias has differs from what was meant; nothing where it does not."""

from collections.abc import Mapping

from gateway.gorgias.widget_url import is_old_widget_url
from gateway.gorgias.wire import Integration, Widget, parse_integration, render_integration


def find_integration_differences(found: Integration, *, public_url: str, credential: str) -> tuple[str, ...]:
    """In words for an operator. What Gorgias, or a person there, added is no difference."""
    meant = parse_integration(
        {"id": found.integration_id, **render_integration(public_url=public_url, credential=credential)}
    )
    differs = {
        "it is switched off": found.is_deactivated,
        "its name": found.name != meant.name,
        _name_url(found): found.url != meant.url,
        "its method": found.method.upper() != meant.method,
        "its content types": found.content_types != meant.content_types,
        "its headers": not meant.headers.items() <= found.headers.items(),
        "its triggers": not meant.triggers <= found.triggers,
    }
    return tuple(words for words, is_different in differs.items() if is_different)


def _name_url(found: Integration) -> str:
    """Until it is brought over, each of its calls costs one of Gorgias."""
    return "its URL is from an older version" if is_old_widget_url(found.url) else "its URL"


def find_widget_differences(found: Widget, *, template: Mapping[str, object]) -> tuple[str, ...]:
    differs = {
        "it is switched off": found.is_deactivated,
        "its template": not _contains(found.template, template),
    }
    return tuple(words for words, is_different in differs.items() if is_different)


def _contains(found: object, meant: object) -> bool:
    """Whether all that is meant is found: an object may have gained fields, a list must have the same length."""
    if isinstance(meant, Mapping):
        return isinstance(found, Mapping) and all(
            key in found and _contains(found[key], value) for key, value in meant.items()
        )
    if isinstance(meant, (list, tuple)):
        return (
            isinstance(found, (list, tuple))
            and len(found) == len(meant)
            and all(_contains(*pair) for pair in zip(found, meant, strict=True))
        )
    return found == meant

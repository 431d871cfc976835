"""Spells stored integrations and widgets for reading: Gorgias may spell them differently than they were written."""

import enum
from collections.abc import Callable
from typing import Any

from sandbox.gorgias.mask import mask_headers

Record = dict[str, Any]


class ReadBack(enum.Enum):
    """One spelling, or all of them at once."""

    AS_WRITTEN = "as_written"
    UNDERSCORES = "underscores"
    TRIGGER_LIST = "trigger_list"
    ENCODED_BRACES = "encoded_braces"
    CHARSET = "charset"
    MASKED_HEADERS = "masked_headers"
    HEADER_LIST = "header_list"
    WITHOUT_HEADERS = "without_headers"
    WITHOUT_EMPTY = "without_empty"
    NUMBERS_AS_TEXT = "numbers_as_text"
    MORE_FIELDS = "more_fields"
    ALL = "all"


def spell(record: Record, how: ReadBack) -> Record:
    """Return `record`, an integration or a widget as JSON, in this spelling."""
    if how is ReadBack.ALL:
        for each in (ReadBack.UNDERSCORES, ReadBack.CHARSET, ReadBack.MASKED_HEADERS, ReadBack.HEADER_LIST):
            record = spell(record, each)
        for each in (ReadBack.WITHOUT_EMPTY, ReadBack.ENCODED_BRACES, ReadBack.MORE_FIELDS, ReadBack.NUMBERS_AS_TEXT):
            record = spell(record, each)
        return record
    if how is ReadBack.AS_WRITTEN:
        return record
    if how in _OF_VALUES:
        walked: Record = _walk(record, _OF_VALUES[how])
        return walked
    http = record.get("http")
    return record if http is None else record | {"http": _OF_HTTP[how](http)}


def _walk(value: Any, change: Callable[[str, Any], Any], name: str = "") -> Any:  # noqa: ANN401 - any JSON
    """Change every value by its field's name, from the inside out."""
    if isinstance(value, dict):
        changed = {key: _walk(item, change, key) for key, item in value.items()}
        return change(name, {key: item for key, item in changed.items() if item is not ...})
    if isinstance(value, list):
        walked = (_walk(item, change) for item in value)
        return change(name, [item for item in walked if item is not ...])
    return change(name, value)


def _underscore(http: Record) -> Record:
    names = {"ticket-assignment-updated": "ticket_assignee_updated"}
    triggers = http["triggers"].items()
    return http | {"triggers": {names.get(name, name.replace("-", "_")): is_on for name, is_on in triggers}}


def _list_triggers(http: Record) -> Record:
    return http | {"triggers": [name for name, is_on in http["triggers"].items() if is_on]}


def _list_headers(http: Record) -> Record:
    return http | {"headers": [{"key": name, "value": value} for name, value in http["headers"].items()]}


def _drop_headers(http: Record) -> Record:
    return http | {"headers": None}


def _mask(name: str, value: Any) -> Any:  # noqa: ANN401 - any JSON
    if name == "headers" and isinstance(value, dict):
        return {key.upper(): text for key, text in mask_headers(value).items()}
    if name == "headers" and isinstance(value, list):
        return [header | {"value": "Bearer ***"} if header["key"] == "Authorization" else header for header in value]
    return value


def _encode_braces(name: str, value: Any) -> Any:  # noqa: ANN401 - any JSON
    return value.replace("{", "%7B").replace("}", "%7D") if name in {"url", "link"} else value


def _add_charset(name: str, value: Any) -> Any:  # noqa: ANN401 - any JSON
    return f"{value}; charset=utf-8" if name.lower().endswith(("content_type", "contenttype")) else value


def _drop_empty(_name: str, value: Any) -> Any:  # noqa: ANN401 - any JSON
    return ... if value in ("", [], {}) else value


def _spell_number(_name: str, value: Any) -> Any:  # noqa: ANN401 - any JSON
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _add_fields(_name: str, value: Any) -> Any:  # noqa: ANN401 - any JSON
    """Add fields of other programs before ours."""
    return {"uuid": "5f0c", "extra": None} | value if isinstance(value, dict) else value


_OF_HTTP: dict[ReadBack, Callable[[Record], Record]] = {
    ReadBack.UNDERSCORES: _underscore,
    ReadBack.TRIGGER_LIST: _list_triggers,
    ReadBack.HEADER_LIST: _list_headers,
    ReadBack.WITHOUT_HEADERS: _drop_headers,
}
_OF_VALUES: dict[ReadBack, Callable[[str, Any], Any]] = {
    ReadBack.ENCODED_BRACES: _encode_braces,
    ReadBack.CHARSET: _add_charset,
    ReadBack.MASKED_HEADERS: _mask,
    ReadBack.WITHOUT_EMPTY: _drop_empty,
    ReadBack.NUMBERS_AS_TEXT: _spell_number,
    ReadBack.MORE_FIELDS: _add_fields,
}

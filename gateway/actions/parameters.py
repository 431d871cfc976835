"""Parses a button press: JSON, form or query parameters. Every value is a string, possibly padded or quoted.

Hidden parameters are template variables. An agent's values are plain text, even "None" and "{{a}}".
"""

import re
from collections.abc import Mapping
from urllib.parse import parse_qsl

import msgspec
from aiohttp import hdrs, web

from gateway.errors import RequestError
from gateway.gorgias.variables import parse_variable
from gateway.http.body import read_body
from gateway.wording.limits import MAX_NOTE_CHARS, MAX_REASON_CHARS, MAX_SUPPORT_ID_CHARS
from runtime.text import make_line

_POINTS = re.compile(r"[1-9][0-9]{0,17}")
_MAX_FIELDS = 50
MAX_TICKET_CHARS = 64
MAX_AGENT_CHARS = 320

_Json = dict[str, str | int | float | bool | None]


class AwardForm(msgspec.Struct, frozen=True, kw_only=True):
    """The parsed form of an award: the agent's values, the agent and the ticket. Missing texts are empty."""

    points: int
    note: str
    reason: str
    ticket_id: str
    agent_email: str
    agent_name: str


class UndoForm(msgspec.Struct, frozen=True, kw_only=True):
    """The parsed form of an undo or an unlink: the agent and the ticket. Texts are empty if Gorgias had no value."""

    ticket_id: str
    agent_email: str
    agent_name: str


class LinkForm(UndoForm, frozen=True, kw_only=True):
    """The parsed form of a link: besides, the support ID as the agent typed it."""

    support_id: str


async def fetch_parameters(request: web.Request, *, timeout_s: float) -> dict[str, str]:
    """Fetch query and body parameters; the body takes precedence. Raises RequestError."""
    parameters = dict(request.query)
    if body := await read_body(request, timeout_s=timeout_s):
        parameters.update(_parse_body(request.content_type, request.charset, body))
    return parameters


def parse_award_token(parameters: Mapping[str, str], *, debit: bool = False) -> str | None:
    return parse_variable(parameters.get("deduct_token" if debit else "award_token"))


def parse_award_form(parameters: Mapping[str, str], *, needs_reason: bool = False) -> AwardForm:
    """Raises RequestError, which names the field."""
    form = AwardForm(
        points=parse_points(parameters.get("points")),
        note=_parse_text("note", parameters.get("note", "").strip(), MAX_NOTE_CHARS),
        reason=_parse_text("reason", parameters.get("reason", "").strip(), MAX_REASON_CHARS),
        **_parse_circumstances(parameters),
    )
    if needs_reason and not form.reason:
        raise RequestError("a reason must be given", field="reason")
    return form


def has_reason_field(parameters: Mapping[str, str]) -> bool:
    """Whether the button asks for a reason. A button from before the shop had reasons does not."""
    return "reason" in parameters


def parse_undo_token(parameters: Mapping[str, str]) -> str | None:
    return parse_variable(parameters.get("undo_token"))


def parse_undo_form(parameters: Mapping[str, str]) -> UndoForm:
    """Raises RequestError, which names the field."""
    return UndoForm(**_parse_circumstances(parameters))


def parse_link_token(parameters: Mapping[str, str]) -> str | None:
    return parse_variable(parameters.get("link_token"))


def parse_unlink_token(parameters: Mapping[str, str]) -> str | None:
    return parse_variable(parameters.get("unlink_token"))


def parse_link_form(parameters: Mapping[str, str]) -> LinkForm:
    """The support ID may be padded or in quotes. Raises RequestError, which names the field."""
    support_id = _parse_text("support_id", make_line(_strip(parameters.get("support_id"))), MAX_SUPPORT_ID_CHARS)
    if not support_id:
        raise RequestError("a support ID must be given", field="support_id")
    return LinkForm(support_id=support_id, **_parse_circumstances(parameters))


def parse_points(text: str | None) -> int:
    """Parse whole points from 1: ASCII digits, possibly padded or in quotes. Raises RequestError."""
    value = _strip(text)
    if not _POINTS.fullmatch(value):
        raise RequestError("points must be a whole number from 1", field="points")
    return int(value)


def _strip(text: str | None) -> str:
    """Without spaces around it, and without quotes."""
    value = (text or "").strip()
    if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
        value = value[1:-1]
    return value


def _parse_circumstances(parameters: Mapping[str, str]) -> dict[str, str]:
    most = {"ticket_id": MAX_TICKET_CHARS, "agent_email": MAX_AGENT_CHARS, "agent_name": MAX_AGENT_CHARS}
    return {
        field: _parse_text(field, parse_variable(parameters.get(field)) or "", max_chars)
        for field, max_chars in most.items()
    }


def _parse_text(field: str, value: str, max_chars: int) -> str:
    if len(value) > max_chars:
        raise RequestError(f"{field} may have at most {max_chars} characters", field=field)
    # UTF-8 cannot encode a lone surrogate, and a NUL cannot be stored.
    return value.encode("utf-8", "ignore").decode().replace("\x00", "")


def _parse_body(content_type: str, charset: str | None, body: bytes) -> dict[str, str]:
    if (charset or "utf-8").lower().replace("_", "-") not in {"utf-8", "utf8", "us-ascii"}:
        raise RequestError("send the body in UTF-8", reason="UNSUPPORTED_TYPE")
    if content_type == "application/json":
        return _parse_json(body)
    if content_type == "application/x-www-form-urlencoded":
        return _parse_form(body)
    raise RequestError(
        f"send {hdrs.CONTENT_TYPE} application/json or application/x-www-form-urlencoded", reason="UNSUPPORTED_TYPE"
    )


def _parse_json(body: bytes) -> dict[str, str]:
    try:
        values = msgspec.json.decode(body, type=_Json)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise RequestError("the body must be one JSON object of plain values, in UTF-8") from None
    return {name: "" if value is None else str(value) for name, value in values.items()}


def _parse_form(body: bytes) -> dict[str, str]:
    try:
        pairs = parse_qsl(
            body.decode("utf-8"), keep_blank_values=True, encoding="utf-8", errors="strict", max_num_fields=_MAX_FIELDS
        )
    except ValueError:
        raise RequestError(f"the body must be a UTF-8 form of at most {_MAX_FIELDS} fields") from None
    return dict(pairs)

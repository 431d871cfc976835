"""The form of integrations, widgets and lists in Gorgias' API.

Elsewhere: the widget's URL in `widget_url`, a ticket and its messages in `tickets`, a variable in `variables`.

The bodies of integrations and widgets are documented. The parameter names of a button, the `list` node and the `meta`
of a card were only seen in others' public code; correct them here with a first real account.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from gateway.gorgias.fields import (
    normalize_braces,
    read_content_type,
    read_fields,
    read_headers,
    read_id,
    read_text,
    read_triggers,
)
from gateway.gorgias.widget_url import render_widget_url

INTEGRATION_NAME = "TRIFFT Loyalty"
INTEGRATION_DESCRIPTION = "Shows the customer's TRIFFT loyalty data on tickets. Installed and kept by trifft-gorgias."
TICKET_CONTEXT = "ticket"
PAGE_SIZE = 100
TRIGGERS = (
    "ticket-created",
    "ticket-updated",
    "ticket-message-created",
    "ticket-status-updated",
    "ticket-assignment-updated",
    "ticket-self-unsnoozed",
    "ticket-handed-over",
)
CREDENTIAL_PARAMETER = "token"
_CREDENTIAL_IN_QUERY = re.compile(rf"[?&]{CREDENTIAL_PARAMETER}=([^&#]*)")

Node = dict[str, Any]


class Parameter(msgspec.Struct, frozen=True, kw_only=True):
    """One field of a button's form. `editable`: the agent fills it in; `label`: the agent reads it."""

    key: str
    value: str = ""
    label: str = ""
    editable: bool = False
    mandatory: bool = False


class Integration(msgspec.Struct, frozen=True, kw_only=True):
    """An HTTP integration as Gorgias has it; a field that cannot be read is empty.

    `url` with unencoded braces; `content_types` of request and answer, without parameters; `headers` by lower-case
    name, None where they are not shown; `triggers` hyphenated, only those that are set. `deactivate_time`: Gorgias'
    text.
    """

    integration_id: int
    name: str
    url: str
    method: str
    content_types: tuple[str, str]
    headers: dict[str, str] | None
    triggers: frozenset[str]
    is_deactivated: bool
    deactivate_time: str = ""

    def __repr__(self) -> str:
        """Leaves out the URL and the headers: both contain the credential."""
        return f"Integration({self.integration_id}, {self.name!r})"

    @property
    def credential(self) -> str:
        """The credential from its URL or its header; otherwise empty."""
        in_query = _CREDENTIAL_IN_QUERY.search(self.url)
        if in_query and in_query[1]:
            return in_query[1]
        kind, _, value = (self.headers or {}).get("authorization", "").partition(" ")
        return value.strip() if kind.lower() == "bearer" else ""


class Widget(msgspec.Struct, frozen=True, kw_only=True):
    """A widget as Gorgias has it; a field that cannot be read is empty."""

    widget_id: int
    integration_id: int | None
    context: str
    template: Node
    is_deactivated: bool


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """One page of a list; `next_cursor` is None on the last."""

    items: list[Any]
    next_cursor: str | None


def render_headers(credential: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {credential}"}


def render_integration(*, public_url: str, credential: str) -> Node:
    """The integration's body. A GET without a `form`: Gorgias would send a form as an odd query parameter."""
    return {
        "name": INTEGRATION_NAME,
        "description": INTEGRATION_DESCRIPTION,
        "type": "http",
        "http": {
            "url": render_widget_url(public_url, credential),
            "method": "GET",
            "headers": render_headers(credential),
            "request_content_type": "application/json",
            "response_content_type": "application/json",
            "triggers": dict.fromkeys(TRIGGERS, True),
        },
    }


def render_integration_update(*, public_url: str, credential: str) -> Node:
    """The whole `http` object, and the integration switched on."""
    body = render_integration(public_url=public_url, credential=credential)
    return {"name": body["name"], "http": body["http"], "deactivated_datetime": None}


def render_widget(*, integration_id: int, template: Mapping[str, Any]) -> Node:
    return {
        "type": "http",
        "context": TICKET_CONTEXT,
        "integration_id": integration_id,
        "order": 0,
        "template": template,
    }


def render_widget_update(*, integration_id: int, template: Mapping[str, Any]) -> Node:
    """All fields: Gorgias deletes what an update leaves out."""
    return {**render_widget(integration_id=integration_id, template=template), "deactivated_datetime": None}


def render_wrapper(nodes: Sequence[Mapping[str, Any]]) -> Node:
    """The root of a template."""
    return {"type": "wrapper", "widgets": list(nodes)}


def render_card(  # noqa: PLR0913 - a card has as many parts
    path: str,
    title: str,
    nodes: Sequence[Mapping[str, Any]],
    *,
    links: Sequence[Mapping[str, str]] = (),
    buttons: Sequence[Mapping[str, Any]] = (),
    link: str = "",
    display: bool = True,
    order: int = 0,
) -> Node:
    """A card that shows the object at `path`; "" is the root of the answer. `links` have `label` and `url`.

    `link` is the title's. Links and buttons may contain `{{field}}` of the answer.
    """
    custom: Node = {}
    if links:
        custom["links"] = list(links)
    if buttons:
        custom["buttons"] = list(buttons)
    meta: Node = {"displayCard": display}
    if link:
        meta["link"] = link
    if custom:
        meta["custom"] = custom
    return {"type": "card", "path": path, "title": title, "order": order, "meta": meta, "widgets": list(nodes)}


def render_text(path: str, title: str, order: int) -> Node:
    """One line: the value at `path` under `title`."""
    return {"type": "text", "path": path, "title": title, "order": order}


def render_list(path: str, card: Mapping[str, Any], order: int) -> Node:
    """`card` once for each item of the array at `path`; its paths and `{{field}}`s are relative to the item."""
    return {"type": "list", "path": path, "order": order, "meta": {"limit": "", "orderBy": ""}, "widgets": [card]}


def render_button(label: str, url: str, credential: str, parameters: Sequence[Parameter]) -> Node:
    """A button that POSTs a form to `url`."""
    form = "application/x-www-form-urlencoded"
    return {
        "label": label,
        "action": {
            "method": "POST",
            "url": url,
            "headers": [{"key": key, "value": value} for key, value in render_headers(credential).items()],
            "params": [],
            "body": {
                "contentType": form,
                "application/json": {},
                form: [msgspec.to_builtins(parameter) for parameter in parameters],
            },
        },
    }


def parse_page(body: object) -> Page:
    """A page of a list: a bare list, or one under `data` with cursors. Raises msgspec.ValidationError.

    A page that is not full is the last one, whatever its cursor.
    """
    if isinstance(body, list):
        return Page(items=body, next_cursor=None)
    items = body.get("data") if isinstance(body, dict) else None
    if not isinstance(items, list):
        raise msgspec.ValidationError("a list has no `data`")
    cursor = read_fields(read_fields(body).get("meta")).get("next_cursor")
    next_cursor = read_text(cursor).strip() or None
    if cursor and next_cursor is None and len(items) >= PAGE_SIZE:
        raise msgspec.ValidationError("the cursor of a full page cannot be read")
    return Page(items=items, next_cursor=next_cursor)


def parse_integration(body: object) -> Integration:
    """Raises msgspec.ValidationError for a record without an id."""
    found = read_fields(body)
    http = read_fields(found.get("http"))
    request_type, response_type = (
        read_content_type(http.get(f"{one}_content_type")) for one in ("request", "response")
    )
    return Integration(
        integration_id=_read_own_id(found),
        name=read_text(found.get("name")).strip(),
        url=normalize_braces(read_text(http.get("url")).strip()),
        method=read_text(http.get("method")).strip().upper(),
        content_types=(request_type, response_type),
        headers=read_headers(http.get("headers")),
        triggers=read_triggers(http.get("triggers")),
        is_deactivated=bool(found.get("deactivated_datetime")),
        deactivate_time=read_text(found.get("deactivated_datetime")).strip(),
    )


def parse_widget(body: object) -> Widget:
    """Raises msgspec.ValidationError for a record without an id."""
    found = read_fields(body)
    return Widget(
        widget_id=_read_own_id(found),
        integration_id=read_id(found.get("integration_id")),
        context=read_text(found.get("context")).strip().lower() or TICKET_CONTEXT,
        template=dict(read_fields(found.get("template"))),
        is_deactivated=bool(found.get("deactivated_datetime")),
    )


def parse_error_message(body: object) -> str:
    """Gorgias' own error message, or ""."""
    error = body.get("error") if isinstance(body, dict) else None
    if not isinstance(error, dict):
        return ""
    fields = error.get("data")
    names = ", ".join(str(name) for name in fields) if isinstance(fields, dict) else ""
    return f"{error.get('msg', '')}{f' ({names})' if names else ''}"


def _read_own_id(found: Mapping[str, object]) -> int:
    own_id = read_id(found.get("id"))
    if own_id is None:
        raise msgspec.ValidationError("a record has no `id`")
    return own_id

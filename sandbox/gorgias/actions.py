"""Action buttons: the request that Execute sends.

The shape of a button is assumed (contract section 3); only this file knows it.
"""

from typing import Any
from urllib.parse import quote, urlencode

import msgspec

from sandbox.gorgias.outbound import Answer, Outgoing
from sandbox.gorgias.switches import AbsentValue
from sandbox.gorgias.variables import render

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
METHODS_WITHOUT_BODY = frozenset({"GET", "HEAD"})
CLIENT_ERRORS = range(400, 500)


class ActionError(Exception):
    """The button cannot be executed; the text is for the agent."""


class Parameter(msgspec.Struct, frozen=True, kw_only=True):
    key: str
    value: Any = ""
    label: str | None = ""
    editable: bool = False
    mandatory: bool = False


class Body(msgspec.Struct, frozen=True, kw_only=True):
    content_type: str = msgspec.field(default=FORM, name="contentType")
    form: list[Parameter] = msgspec.field(default_factory=list, name=FORM)
    json: Any = msgspec.field(default=None, name=JSON)


class Action(msgspec.Struct, frozen=True, kw_only=True):
    method: str
    url: str
    headers: list[Parameter] = []
    params: list[Parameter] = []
    body: Body = Body()


class Button(msgspec.Struct, frozen=True, kw_only=True):
    label: str
    action: Action


def parse_button(value: dict[str, Any]) -> Button:
    """Raises ActionError."""
    try:
        return msgspec.convert(value, Button)
    except msgspec.ValidationError as error:
        raise ActionError(f"The button in the template cannot be read: {error}") from error


class Press(msgspec.Struct, frozen=True, kw_only=True):
    """One click on Execute. `scope`: the variables, with the card's response at the root; `typed`: by the agent."""

    scope: dict[str, Any]
    typed: dict[str, str]
    absent: AbsentValue

    def fill(self, text: str) -> str:
        return render(text, self.scope, self.absent)

    def fill_parameters(self, parameters: list[Parameter]) -> list[tuple[str, str]]:
        """Fill in the parameters; typed values stay unchanged. Raises ActionError if a mandatory one is empty."""
        filled = []
        for parameter in parameters:
            if parameter.editable and parameter.key in self.typed:
                value = self.typed[parameter.key]
                if parameter.mandatory and not value.strip():
                    raise ActionError(f"“{parameter.label or parameter.key}” must be filled in.")
            else:
                value = self.fill(str(parameter.value))
            filled.append((parameter.key, value))
        return filled

    def fill_json(self, value: Any) -> Any:  # noqa: ANN401 - any JSON
        """Render each text of a JSON value; a list of parameters becomes an object."""
        if isinstance(value, list) and value and all(isinstance(item, dict) and "key" in item for item in value):
            return dict(self.fill_parameters(msgspec.convert(value, list[Parameter])))
        if isinstance(value, dict):
            return {name: self.typed.get(name, self.fill_json(item)) for name, item in value.items()}
        if isinstance(value, list):
            return [self.fill_json(item) for item in value]
        return self.fill(value) if isinstance(value, str) else value


def make_outgoing(button: Button, press: Press, ticket_id: int) -> Outgoing:
    """Raises ActionError."""
    action = button.action
    method = action.method.upper()
    query = urlencode(press.fill_parameters(action.params), quote_via=quote)
    url = press.fill(action.url)
    headers = dict(press.fill_parameters(action.headers))
    body = None
    if method not in METHODS_WITHOUT_BODY:
        body = _make_body(action.body, press)
        headers = {"Content-Type": action.body.content_type} | headers
    return Outgoing(
        reason="action",
        source=button.label,
        ticket_id=ticket_id,
        method=method,
        url=f"{url}{'&' if '?' in url else '?'}{query}" if query else url,
        headers=headers,
        body=body,
    )


def _make_body(body: Body, press: Press) -> bytes:
    if body.content_type == JSON:
        return msgspec.json.encode(press.fill_json(body.json if body.json is not None else {}))
    return urlencode(press.fill_parameters(body.form)).encode()


def make_sentence(answer: Answer, *, hide_refusals: bool) -> str:
    """The sentence for the agent: the answer's `message`, if it has one and the helpdesk shows it."""
    if answer.status is None:
        return f"The action failed: {answer.error}."
    if answer.status in CLIENT_ERRORS and hide_refusals:
        return f"The action failed (HTTP {answer.status})."
    try:
        message = msgspec.json.decode(answer.body, type=dict[str, Any]).get("message")
    except (msgspec.DecodeError, UnicodeDecodeError):
        message = None
    if isinstance(message, str) and message.strip():
        return message
    return "The action was carried out." if answer.is_success else f"The action failed (HTTP {answer.status})."

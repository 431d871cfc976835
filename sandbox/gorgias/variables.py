"""`{{variables}}`: looked up and rendered as Gorgias does.

Values are rendered as in Python (`None`, `True`, everything a string) and concatenated. Percent-encoded braces are not
variables (contract section 1, seen).
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from sandbox.gorgias.account import Account
from sandbox.gorgias.switches import AbsentValue
from sandbox.gorgias.ticket import Agent, Ticket

VARIABLE = re.compile(r"\{\{\s*([^{}]*?)\s*\}\}")


def find_value(scope: Any, path: str) -> Any:  # noqa: ANN401 - any JSON in, any JSON out
    """The value at a dotted path, or None. An empty path gives the scope itself."""
    for name in path.split(".") if path else ():
        if isinstance(scope, Mapping):
            scope = scope.get(name)
        elif isinstance(scope, list) and name.isascii() and name.isdigit() and int(name) < len(scope):
            scope = scope[int(name)]
        else:
            return None
    return scope


def render(text: str, scope: Mapping[str, Any], absent: AbsentValue, encode: Callable[[str], str] = str) -> str:
    """Replace each variable in `text`; `encode` is applied to each value."""

    def replace(match: re.Match[str]) -> str:
        value = find_value(scope, match[1])
        if value is not None:
            return encode(str(value))
        return {AbsentValue.NONE: "None", AbsentValue.EMPTY: "", AbsentValue.LITERAL: match[0]}[absent]

    return VARIABLE.sub(replace, text)


def make_scope(account: Account, ticket: Ticket, agent: Agent | None = None) -> dict[str, Any]:
    """The scope of `{{ticket.…}}` and `{{current_user.…}}`."""
    customer = account.state.customers[ticket.customer_id]
    scope: dict[str, Any] = {
        "ticket": {
            "id": ticket.id,
            "channel": ticket.channel,
            "subject": ticket.subject,
            "status": ticket.status,
            "customer": {"id": customer.id, "name": customer.name, "email": customer.email},
        }
    }
    if agent:
        scope["current_user"] = {"id": agent.id, "name": agent.name, "email": agent.email}
    return scope

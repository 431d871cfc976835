"""The data for the helpdesk page."""

from typing import Any

import msgspec

from sandbox.gorgias.account import Account
from sandbox.gorgias.customers_api import render_whole_customer
from sandbox.gorgias.integration import Widget
from sandbox.gorgias.markup import read_text
from sandbox.gorgias.ticket import Message, Ticket


def render_account(account: Account) -> dict[str, Any]:
    profile = account.profile
    return {
        "name": profile.name,
        "title": profile.title,
        "project": profile.project,
        "agents": msgspec.to_builtins(profile.agents),
    }


def render_ticket_row(account: Account, ticket: Ticket) -> dict[str, Any]:
    last = _list_messages(account, ticket)[-1]
    row: dict[str, Any] = msgspec.to_builtins(ticket)
    return row | {"customer_name": account.state.customers[ticket.customer_id].name, "preview": _read_text(last)}


def render_ticket(account: Account, ticket: Ticket) -> dict[str, Any]:
    rendered: dict[str, Any] = msgspec.to_builtins(ticket)
    return rendered | {
        "customer": render_whole_customer(account.state.customers[ticket.customer_id]),
        "messages": [_render_message(message) for message in _list_messages(account, ticket)],
    }


def _render_message(message: Message) -> dict[str, Any]:
    """Add `text`: the visible text of the message."""
    rendered: dict[str, Any] = msgspec.to_builtins(message)
    return rendered | {"text": _read_text(message)}


def _read_text(message: Message) -> str:
    return read_text(message.body_html) if message.body_html else message.body_text


def render_widgets(account: Account, ticket: Ticket) -> list[dict[str, Any]]:
    """The ticket's widgets in their order, each with the newest answer for the ticket's customer, or null."""
    installed = [
        widget
        for widget in account.state.widgets.values()
        if widget.type == "http" and widget.context == "ticket" and widget.deactivated_datetime is None
    ]
    return [_render_widget(account, widget, ticket) for widget in sorted(installed, key=lambda w: (w.order, w.id))]


def _render_widget(account: Account, widget: Widget, ticket: Ticket) -> dict[str, Any]:
    integration = account.state.integrations.get(widget.integration_id or 0)
    held = account.get_held(integration.id, ticket.customer_id) if integration else None
    return {
        "id": widget.id,
        "template": widget.template,
        "integration": {
            "id": integration.id,
            "name": integration.name,
            "deactivated_datetime": integration.deactivated_datetime,
        }
        if integration
        else None,
        "held": {"time": held.time, "body": held.body} if held else None,
    }


def _list_messages(account: Account, ticket: Ticket) -> list[Message]:
    return [message for _, message in sorted(account.state.messages.items()) if message.ticket_id == ticket.id]

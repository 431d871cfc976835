"""REST: tickets and their messages."""

from typing import Any, Literal, cast

from aiohttp import web

from sandbox.gorgias import events
from sandbox.gorgias.account import Account
from sandbox.gorgias.admission import ACCOUNT
from sandbox.gorgias.customer import Customer
from sandbox.gorgias.customers_api import render_customer
from sandbox.gorgias.errors import GorgiasError, check_fields, make_json, read_object
from sandbox.gorgias.pagination import make_page, read_id
from sandbox.gorgias.ticket import Message, Ticket
from sandbox.gorgias.triggers import TRIGGERS

TICKET_ORDERS = {
    f"{kind}_datetime:{way}": (f"{kind}_datetime", way == "desc")
    for kind in ("created", "updated")
    for way in ("desc", "asc")
}
MESSAGE_ORDERS = ("created_datetime:desc", "created_datetime:asc")
UPDATE_FIELDS = frozenset({"tags", "status", "assignee_user", "customer"})
MESSAGE_REQUIRED = frozenset({"channel", "from_agent", "via"})
MESSAGE_TEXTS = ("channel", "via", "body_text", "body_html", "external_id")
MESSAGE_FIELDS = MESSAGE_REQUIRED | {"sender", "receiver", "body_text", "body_html", "subject", "source", "external_id"}


async def list_tickets(request: web.Request) -> web.Response:
    """List the newest first, unless `order_by` says otherwise."""
    account, order = request[ACCOUNT], TICKET_ORDERS.get(request.query.get("order_by", "created_datetime:desc"))
    if order is None:
        raise GorgiasError(400, "Failed to validate the request.", {"order_by": ["Not a valid choice."]})
    field, newest_first = order
    tickets = sorted(account.state.tickets.values(), key=lambda one: str(getattr(one, field)), reverse=newest_first)
    return make_page(request, [_render_ticket(account, ticket) for ticket in tickets])


async def get_ticket(request: web.Request) -> web.Response:
    account = request[ACCOUNT]
    return make_json(_render_ticket(account, _find_ticket(account, read_id(request))))


async def update_ticket(request: web.Request) -> web.Response:
    """Each changed field is a separate event."""
    account, body = request[ACCOUNT], await read_object(request)
    ticket, triggers = _find_ticket(account, read_id(request)), request.config_dict[TRIGGERS]
    check_fields(body, UPDATE_FIELDS, frozenset())
    tags = _read_tags(body["tags"]) if "tags" in body else None
    assignee = _read_assignee(account, body["assignee_user"]) if "assignee_user" in body else None
    customer = _read_customer(account, body["customer"]) if "customer" in body else None
    if body.get("status", "open") not in ("open", "closed"):
        raise GorgiasError(400, "Failed to validate the request.", {"status": ["Not a valid choice."]})
    if tags is not None:
        events.set_tags(account, triggers, ticket, tags)
    if "status" in body:
        events.set_status(account, triggers, ticket, cast("Literal['open', 'closed']", body["status"]))
    if "assignee_user" in body:
        events.set_assignee(account, triggers, ticket, assignee)
    if customer:
        events.set_customer(account, triggers, ticket, customer.id)
    return make_json(_render_ticket(account, ticket))


async def create_message(request: web.Request) -> web.Response:
    account, body = request[ACCOUNT], await read_object(request)
    ticket = _find_ticket(account, read_id(request))
    check_fields(body, MESSAGE_FIELDS, MESSAGE_REQUIRED)
    bad = [n for n in MESSAGE_TEXTS if not isinstance(body.get(n) or "", str)]
    if not isinstance(body["from_agent"], bool):
        bad.append("from_agent")
    sender = body.get("sender") or {}
    if not isinstance(sender, dict):
        bad.append("sender")
    if bad:
        raise GorgiasError(400, "Failed to validate the request.", {name: ["Not a valid value."] for name in bad})
    agent = account.find_agent(sender.get("email"))
    message = events.add_message(
        account,
        request.config_dict[TRIGGERS],
        ticket,
        channel=body["channel"],
        from_agent=body["from_agent"],
        via=body["via"],
        sender_name=agent.name if agent else str(sender.get("name") or sender.get("email") or "API"),
        sender_email=sender.get("email"),
        body_text=body.get("body_text") or "",
        body_html=body.get("body_html"),
        external_id=body.get("external_id"),
    )
    return make_json(_render_message(message), status=201)


async def list_messages(request: web.Request) -> web.Response:
    """List the newest first, unless `order_by` says otherwise."""
    wanted, order = request.query.get("ticket_id"), request.query.get("order_by", MESSAGE_ORDERS[0])
    if order not in MESSAGE_ORDERS:
        raise GorgiasError(400, "Failed to validate the request.", {"order_by": ["Not a valid choice."]})
    newest_first = order == MESSAGE_ORDERS[0]
    messages = (message for _, message in sorted(request[ACCOUNT].state.messages.items(), reverse=newest_first))
    return make_page(request, [_render_message(m) for m in messages if not wanted or str(m.ticket_id) == wanted])


def _find_ticket(account: Account, ticket_id: int) -> Ticket:
    ticket = account.state.tickets.get(ticket_id)
    if ticket is None:
        raise GorgiasError(404, "Ticket not found.")
    return ticket


def _read_tags(value: object) -> list[str]:
    names = [tag.get("name") if isinstance(tag, dict) else None for tag in value] if isinstance(value, list) else [None]
    tags = [name for name in names if isinstance(name, str) and name]
    if len(tags) != len(names):
        raise GorgiasError(400, "Failed to validate the request.", {"tags": ['Must be a list of {"name": "…"}.']})
    return tags


def _read_assignee(account: Account, value: object) -> str | None:
    if value is None:
        return None
    known = value if isinstance(value, dict) else {}
    for agent in account.profile.agents:
        if known.get("id") == agent.id or known.get("email") == agent.email:
            return agent.email
    raise GorgiasError(400, "Failed to validate the request.", {"assignee_user": ["There is no such user."]})


def _read_customer(account: Account, value: object) -> Customer:
    customer_id = value.get("id") if isinstance(value, dict) else None
    customer = account.state.customers.get(customer_id) if isinstance(customer_id, int) else None
    if customer is None:
        raise GorgiasError(400, "Failed to validate the request.", {"customer": ["There is no such customer."]})
    return customer


def _render_ticket(account: Account, ticket: Ticket) -> dict[str, Any]:
    agent = account.find_agent(ticket.assignee_email)
    return {
        "id": ticket.id,
        "uri": f"/api/tickets/{ticket.id}/",
        "subject": ticket.subject,
        "status": ticket.status,
        "channel": ticket.channel,
        "customer": render_customer(account.state.customers[ticket.customer_id]),
        "assignee_user": {"id": agent.id, "name": agent.name, "email": agent.email} if agent else None,
        "tags": [{"name": tag} for tag in ticket.tags],
        "created_datetime": ticket.created_datetime,
        "updated_datetime": ticket.updated_datetime,
    }


def _render_message(message: Message) -> dict[str, Any]:
    return {
        "id": message.id,
        "uri": f"/api/tickets/{message.ticket_id}/messages/{message.id}/",
        "ticket_id": message.ticket_id,
        "channel": message.channel,
        "from_agent": message.from_agent,
        "via": message.via,
        "external_id": message.external_id,
        "public": message.channel != "internal-note",
        "sender": {"name": message.sender_name, "email": message.sender_email},
        "body_text": message.body_text,
        "body_html": message.body_html,
        "created_datetime": message.created_datetime,
    }

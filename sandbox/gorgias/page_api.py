"""The helpdesk page's own JSON API, under `/sandbox/gorgias/`. Reading fires nothing."""

import contextlib
from collections.abc import Mapping
from typing import Any, Literal

import aiohttp
import msgspec
from aiohttp import web

from sandbox.gorgias import actions, events
from sandbox.gorgias.account import Account
from sandbox.gorgias.errors import make_json
from sandbox.gorgias.faults import Fault
from sandbox.gorgias.foreign import ForeignRecords
from sandbox.gorgias.outbound import Outgoing, send
from sandbox.gorgias.page_body import read_body
from sandbox.gorgias.switches import Switches
from sandbox.gorgias.template import Place, find_button, find_card
from sandbox.gorgias.ticket import Ticket
from sandbox.gorgias.triggers import Triggers
from sandbox.gorgias.updates import iterate
from sandbox.gorgias.variables import make_scope
from sandbox.gorgias.view import render_account, render_ticket, render_ticket_row, render_widgets

HEARTBEAT_S = 15.0
"""How often the stream is written to: a page that left is noticed at a write."""

DEFAULT_TEXT = {
    "customer-message": "Hello, is there any news?",
    "agent-reply": "Thank you for your patience, we are looking into it.",
}


class EventRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`value`: the tag, the text of the message, or the assignee's e-mail (null: nobody). `agent`: the acting user."""

    event: Literal["add-tag", "remove-tag", "customer-message", "agent-reply", "assign", "close", "reopen"]
    value: str | None = None
    agent: str | None = None


class ActionRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Execute: a button of a card, and what the agent typed, by parameter key.

    `response` is the one that the panel showed when the modal opened: the modal keeps its values while the panel is
    refreshed (assumed).
    """

    widget_id: int
    response: Any
    place: Place
    button: int
    values: dict[str, str]
    agent: str | None = None


class PageApi:
    def __init__(self, accounts: Mapping[str, Account], triggers: Triggers, session: aiohttp.ClientSession) -> None:
        self._accounts = accounts
        self._triggers = triggers
        self._session = session

    def add_routes(self, router: web.UrlDispatcher) -> None:
        base = "/sandbox/gorgias"
        router.add_get(base, self.list_accounts)
        router.add_get(base + "/{account}/tickets", self.list_tickets)
        router.add_get(base + "/{account}/tickets/{id}", self.get_ticket)
        router.add_post(base + "/{account}/tickets/{id}/events", self.create_event)
        router.add_post(base + "/{account}/tickets/{id}/actions", self.execute_action)
        router.add_get(base + "/{account}/calls", self.list_calls)
        router.add_delete(base + "/{account}/calls", self.clear_calls)
        router.add_get(base + "/{account}/switches", self.get_switches)
        router.add_put(base + "/{account}/switches", self.set_switches)
        router.add_put(base + "/{account}/foreign", self.set_foreign)
        router.add_get(base + "/{account}/faults", self.list_faults)
        router.add_post(base + "/{account}/faults", self.set_fault)
        router.add_delete(base + "/{account}/faults", self.clear_faults)
        router.add_delete(base + "/{account}/faults/{fault}", self.clear_faults)
        router.add_get(base + "/{account}/updates", self.stream_updates)

    async def list_accounts(self, _request: web.Request) -> web.Response:
        return make_json([render_account(account) for account in self._accounts.values()])

    async def list_tickets(self, request: web.Request) -> web.Response:
        account = self._find_account(request)
        return make_json([render_ticket_row(account, t) for _, t in sorted(account.state.tickets.items())])

    async def get_ticket(self, request: web.Request) -> web.Response:
        account, ticket = self._find_ticket(request)
        return make_json(render_ticket(account, ticket) | {"widgets": render_widgets(account, ticket)})

    async def create_event(self, request: web.Request) -> web.Response:
        """Answers `{"changed"}`: false if the event changed nothing and so fired nothing."""
        account, ticket = self._find_ticket(request)
        wanted = await read_body(request, EventRequest)
        return make_json({"changed": _apply(account, self._triggers, ticket, wanted)})

    async def execute_action(self, request: web.Request) -> web.Response:
        """Answers `{"status", "message", "body"}`; a success does not refresh the widget (contract section 3)."""
        account, ticket = self._find_ticket(request)
        wanted = await read_body(request, ActionRequest)
        try:
            outgoing = _make_outgoing(account, ticket, wanted)
        except actions.ActionError as error:
            return make_json({"error": str(error)}, status=422)
        answer = await send(self._session, account, outgoing)
        hide = account.state.switches.hide_refusals
        sentence = actions.make_sentence(answer, hide_refusals=hide)
        hidden = hide and answer.status in actions.CLIENT_ERRORS
        return make_json({"status": answer.status, "message": sentence, "body": "" if hidden else answer.body})

    async def list_calls(self, request: web.Request) -> web.Response:
        """The newest `limit` calls, by default 50."""
        text = request.query.get("limit", "50")
        limit = int(text) if text.isascii() and text.isdigit() else 0
        return make_json(self._find_account(request).calls.list_newest_first()[:limit])

    async def clear_calls(self, request: web.Request) -> web.Response:
        account = self._find_account(request)
        account.calls.clear()
        account.save("calls")
        return web.Response(status=204)

    async def get_switches(self, request: web.Request) -> web.Response:
        return make_json(self._find_account(request).state.switches)

    async def set_switches(self, request: web.Request) -> web.Response:
        account = self._find_account(request)
        account.state.switches = await read_body(request, Switches)
        account.save("switches")
        return make_json(account.state.switches)

    async def set_foreign(self, request: web.Request) -> web.Response:
        """Replace the records of other programs in the account."""
        account = self._find_account(request)
        account.state.foreign = await read_body(request, ForeignRecords)
        account.save("switches")
        return make_json(account.state.foreign)

    async def list_faults(self, request: web.Request) -> web.Response:
        return make_json([switch.render() for switch in self._find_account(request).faults.list()])

    async def set_fault(self, request: web.Request) -> web.Response:
        faults = self._find_account(request).faults
        return make_json(faults.set(await read_body(request, Fault)).render())

    async def clear_faults(self, request: web.Request) -> web.Response:
        """Clear one fault, or all."""
        if not self._find_account(request).faults.clear(request.match_info.get("fault")):
            return make_json({"error": "This fault is not set any more; reload the list."}, status=404)
        return await self.list_faults(request)

    async def stream_updates(self, request: web.Request) -> web.StreamResponse:
        """Server-sent events: `{"topic"}` is "ticket", "sidebar", "calls" or "switches"."""
        account = self._find_account(request)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
        with account.updates.listen() as queue, contextlib.suppress(ConnectionResetError):
            await response.prepare(request)
            await response.write(b"retry: 1000\n\n")
            async for update in iterate(queue, HEARTBEAT_S):
                data = b"data: " + msgspec.json.encode(update) if update else b": still here"
                await response.write(data + b"\n\n")
        return response

    def _find_account(self, request: web.Request) -> Account:
        account = self._accounts.get(request.match_info["account"])
        if account is None:
            raise web.HTTPNotFound
        return account

    def _find_ticket(self, request: web.Request) -> tuple[Account, Ticket]:
        account, text = self._find_account(request), request.match_info["id"]
        tickets = account.state.tickets.values()
        ticket = next((ticket for ticket in tickets if str(ticket.id) == text), None)
        if ticket is None:
            raise web.HTTPNotFound
        return account, ticket


def _apply(account: Account, triggers: Triggers, ticket: Ticket, wanted: EventRequest) -> bool:
    tag = (wanted.value or "").strip()
    match wanted.event:
        case "add-tag":
            tags = ticket.tags if not tag or tag in ticket.tags else [*ticket.tags, tag]
            return events.set_tags(account, triggers, ticket, tags)
        case "remove-tag":
            return events.set_tags(account, triggers, ticket, [name for name in ticket.tags if name != tag])
        case "assign":
            return events.set_assignee(account, triggers, ticket, wanted.value)
        case "close" | "reopen":
            return events.set_status(account, triggers, ticket, "closed" if wanted.event == "close" else "open")
        case "customer-message" | "agent-reply":
            _add_message(account, triggers, ticket, wanted)
            return True


def _add_message(account: Account, triggers: Triggers, ticket: Ticket, wanted: EventRequest) -> None:
    customer = account.state.customers[ticket.customer_id]
    agent = account.find_agent(wanted.agent) or account.profile.agents[0]
    from_agent = wanted.event == "agent-reply"
    events.add_message(
        account,
        triggers,
        ticket,
        channel=ticket.channel,
        from_agent=from_agent,
        via="helpdesk" if from_agent else ticket.channel,
        sender_name=agent.name if from_agent else customer.name,
        sender_email=agent.email if from_agent else customer.email,
        body_text=(wanted.value or "").strip() or DEFAULT_TEXT[wanted.event],
    )


def _make_outgoing(account: Account, ticket: Ticket, wanted: ActionRequest) -> Outgoing:
    """Raises ActionError."""
    widget = account.state.widgets.get(wanted.widget_id)
    if widget is None:
        raise actions.ActionError("This widget is not installed any more.")
    card = find_card(widget.template, wanted.response, wanted.place)
    button = find_button(card, wanted.button) if card else None
    if card is None or button is None:
        raise actions.ActionError("This button is not there any more.")
    agent = account.find_agent(wanted.agent) or account.profile.agents[0]
    fields = card.scope if isinstance(card.scope, dict) else {}
    press = actions.Press(
        scope=fields | make_scope(account, ticket, agent),
        typed=wanted.values,
        absent=account.state.switches.absent_value,
    )
    return actions.make_outgoing(actions.parse_button(button), press, ticket.id)

"""Tickets and their messages in one Gorgias account: the calls, and the form of a message."""

import html
import re
from collections.abc import Callable
from contextlib import aclosing
from datetime import UTC, datetime
from http import HTTPMethod
from typing import Annotated, Any

import msgspec

from gateway.gorgias.customers import CustomerAddresses, parse_addresses
from gateway.gorgias.errors import GorgiasContractError, GorgiasNotFoundError, GorgiasTooLongError
from gateway.gorgias.transport import Transport, parse_answer
from gateway.gorgias.whereabouts import CustomerState, Whereabouts, parse_location
from gateway.gorgias.wire import Node, parse_page

# The ticket that `has_ticket` reads. It need not exist: a key without permission is refused either way.
ANY_TICKET = 1
INTERNAL_NOTE = "internal-note"
# The order of the list of tickets as others' public code asks for it (seen).
_LAST_UPDATED_FIRST = "updated_datetime:desc"
# 1,000 messages. Gorgias does not document their order, so all messages of a ticket are read.
_MAX_PAGES = 10
# The form of a ticket's number. Other spellings are refused: the limits would count each as another ticket.
_TICKET_ID = re.compile(r"[1-9][0-9]{0,17}")


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """`is_note`: only agents see it. `text` may be empty."""

    is_note: bool
    text: str


class Ticket(msgspec.Struct, frozen=True, kw_only=True):
    """A ticket's customer. `customer_id`: None if Gorgias names no customer; `customer_email` may be empty."""

    ticket_id: int
    customer_id: int | None
    customer_email: str


class TicketClient:
    """The calls about an account's tickets. Every method raises GorgiasError. `sender`: a user's e-mail."""

    def __init__(self, transport: Transport, sender: str) -> None:
        self._transport = transport
        self._sender = sender

    async def has_ticket(self, ticket_id: int) -> bool:
        try:
            ticket = await self._transport.request(HTTPMethod.GET, f"/api/tickets/{ticket_id}")
        except GorgiasNotFoundError:
            return False
        parse_answer(_parse_object, ticket)
        return True

    async def fetch_ticket(self, ticket_id: int) -> Ticket:
        """Raises GorgiasNotFoundError if there is no such ticket."""
        body = await self._transport.request(HTTPMethod.GET, f"/api/tickets/{ticket_id}")
        ticket = parse_answer(parse_ticket, body)
        _check_id(ticket.ticket_id, ticket_id)
        return ticket

    async def fetch_last_update(self) -> datetime | None:
        """When the ticket that was changed last was changed; None: the account has no ticket."""
        query = {"limit": "1", "order_by": _LAST_UPDATED_FIRST}
        body = await self._transport.request(HTTPMethod.GET, "/api/tickets", query=query)
        page = parse_answer(parse_page, body)
        return parse_answer(parse_update_time, page.items[0]) if page.items else None

    async def fetch_addresses(self, customer_id: int) -> CustomerAddresses:
        """A customer's addresses. Raises GorgiasNotFoundError if there is no such customer."""
        body = await self._transport.request(HTTPMethod.GET, f"/api/customers/{customer_id}")
        _check_id(parse_answer(_parse_object, body).get("id"), customer_id)
        return parse_answer(parse_addresses, body)

    async def fetch_whereabouts(self, customer_id: int) -> Whereabouts:
        """Fetch whether a customer still exists, or was merged. Redirects are read, not followed."""
        try:
            body = await self._transport.request(HTTPMethod.GET, f"/api/customers/{customer_id}")
        except GorgiasNotFoundError:
            return Whereabouts(state=CustomerState.GONE)
        except GorgiasContractError as error:
            if error.location is None:
                raise
            return Whereabouts(state=CustomerState.MOVED, moved_to=parse_location(error.location))
        _check_id(parse_answer(_parse_object, body).get("id"), customer_id)
        return Whereabouts(state=CustomerState.THERE)

    async def create_note(self, ticket_id: int, text: str) -> None:
        """Write an internal note of plain lines. GorgiasNotFoundError: there is no such ticket.

        After GorgiasUnavailableError and GorgiasContractError the note may exist.
        """
        body = render_note(self._sender, text)
        await self._transport.request(HTTPMethod.POST, f"/api/tickets/{ticket_id}/messages", body=body)

    async def find_message(self, ticket_id: int, is_wanted: Callable[[Message], bool]) -> Message | None:
        """Find the first message that fits. Raises GorgiasTooLongError if none of the first 1,000 fits."""
        pages = self._transport.list_pages("/api/messages", {"ticket_id": str(ticket_id)}, _MAX_PAGES)
        async with aclosing(pages):
            async for page in pages:
                for item in page.items:
                    message = parse_answer(parse_message, item)
                    if is_wanted(message):
                        return message
                if page.next_cursor is None:
                    return None
        raise GorgiasTooLongError("the ticket has more messages than we read", "look into the ticket")


def parse_ticket_id(text: str) -> int | None:
    """Parse a ticket's number from a button. None: no ticket can have this number."""
    return int(text) if _TICKET_ID.fullmatch(text) else None


def render_note(sender: str, text: str) -> Node:
    """The body of an internal note by the user with this e-mail."""
    return {
        "channel": INTERNAL_NOTE,
        "from_agent": True,
        "via": "api",
        "sender": {"email": sender},
        "body_text": text,
        "body_html": "<br>".join(html.escape(line) for line in text.split("\n")),
    }


def parse_message(body: object) -> Message:
    """Raises msgspec.ValidationError."""
    found = msgspec.convert(body, _Message)
    return Message(is_note=found.channel == INTERNAL_NOTE, text=found.body_text or "")


def parse_ticket(body: object) -> Ticket:
    """Raises msgspec.ValidationError."""
    found = msgspec.convert(body, _Ticket)
    customer = found.customer or _Customer()
    return Ticket(ticket_id=found.id, customer_id=customer.id, customer_email=customer.email or "")


def parse_update_time(body: object) -> datetime:
    """Gorgias leaves out the zone at times; then it is UTC. Raises msgspec.ValidationError."""
    time = msgspec.convert(body, _Changed).updated_datetime
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


# Another number cannot be a customer's: it could not be asked for, nor stored.
_CustomerId = Annotated[int, msgspec.Meta(ge=1, lt=10**18)]


class _Customer(msgspec.Struct):
    id: _CustomerId | None = None
    email: str | None = None


class _Ticket(msgspec.Struct):
    id: int
    customer: _Customer | None = None


class _Changed(msgspec.Struct):
    updated_datetime: datetime


class _Message(msgspec.Struct):
    channel: str | None = None
    body_text: str | None = None


def _check_id(found: object, wanted: int) -> None:
    """Raises GorgiasContractError if the answer has another id than was requested."""
    if found != wanted:
        raise GorgiasContractError("Gorgias' answer has another id than was requested", "try again")


def _parse_object(body: object) -> dict[str, Any]:
    return msgspec.convert(body, dict[str, Any])

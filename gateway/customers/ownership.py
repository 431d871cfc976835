"""Checks with Gorgias whose ticket a button is pressed on.

Nothing is remembered: between two presses a ticket may get another customer, customers may be merged, an address or a
link may go.
"""

from typing import Protocol

from aiohttp import web

from gateway.customers.identity import FoundBy
from gateway.customers.pressed_ticket import ask_for_press, fetch_pressed_ticket
from gateway.errors import OtherCustomerError, StoreUnavailableError, TicketNotCheckedError, TicketNotFoundError
from gateway.gorgias.tickets import Ticket, TicketClient, parse_ticket_id
from gateway.installation.accounts import Accounts
from gateway.links.service import Links
from runtime.database import DatabaseError
from runtime.phones import parse_phone


class PanelOwner(Protocol):
    """By what the panel's member was found."""

    @property
    def kind(self) -> FoundBy: ...

    def has_email(self, email: str, /) -> bool: ...

    def has_phone(self, number: str, /) -> bool: ...

    def has_link(self, member_id: str, /) -> bool: ...


class Ownership:
    """Asks Gorgias on each press; for a panel whose member was found by a link also our own database."""

    def __init__(self, accounts: Accounts, links: Links) -> None:
        self._accounts = accounts
        self._links = links

    async def check(
        self, merchant_id: str, ticket_id: str, owner: PanelOwner, *, country: str, timeout_s: float
    ) -> int | None:
        """Return only if the ticket's customer still has what the panel's member was found by.

        `country`: the shop's, for phone numbers without one. Returns the customer's id; None if Gorgias gives none.

        Raises TicketNotFoundError, OtherCustomerError, TicketNotCheckedError where Gorgias does not say in time, and
        StoreUnavailableError where the link cannot be read.
        """
        number = parse_ticket_id(ticket_id)
        if number is None:
            raise TicketNotFoundError(ticket_id)
        async with ask_for_press(self._accounts, merchant_id, timeout_s=timeout_s) as tickets:
            ticket = await fetch_pressed_ticket(tickets, number)
            if owner.kind is FoundBy.LINK:
                is_theirs = await self._is_linked(merchant_id, ticket, owner)
            else:
                is_theirs = await _is_theirs(tickets, ticket, owner, country)
        if is_theirs is None:
            raise TicketNotCheckedError
        if not is_theirs:
            raise OtherCustomerError(owner.kind)
        return ticket.customer_id

    async def _is_linked(self, merchant_id: str, ticket: Ticket, owner: PanelOwner) -> bool | None:
        """Whether the ticket's customer is linked to the member now; None: Gorgias names no customer."""
        if ticket.customer_id is None:
            return None
        try:
            link = await self._links.get(merchant_id, ticket.customer_id)
        except DatabaseError:
            raise StoreUnavailableError from None
        return link is not None and owner.has_link(link.member_id)


async def _is_theirs(tickets: TicketClient, ticket: Ticket, owner: PanelOwner, country: str) -> bool | None:
    """Whether the ticket's customer has the address; None: Gorgias names no customer. Raises GorgiasError."""
    if owner.has_email(ticket.customer_email):
        return True
    if ticket.customer_id is None:
        return None
    addresses = await tickets.fetch_addresses(ticket.customer_id)
    numbers = (parse_phone(phone, country) for phone in addresses.phones)
    return any(map(owner.has_email, addresses.emails)) or any(owner.has_phone(number) for number in numbers if number)


OWNERSHIP = web.AppKey("ownership", Ownership)

"""Checks with Gorgias whose ticket a button is pressed on.

Nothing is remembered: between two presses a ticket may get another customer, customers may be merged, an address or a
link may go.
"""

import asyncio
from typing import Protocol

import structlog
from aiohttp import web

from gateway.customers.identity import FoundBy
from gateway.errors import OtherCustomerError, StoreUnavailableError, TicketNotCheckedError, TicketNotFoundError
from gateway.gorgias.errors import GorgiasNotFoundError, GorgiasThrottledError
from gateway.gorgias.tickets import Ticket, TicketClient, parse_ticket_id
from gateway.installation.accounts import FAILURES, Accounts
from gateway.links.service import Links
from runtime.database import DatabaseError
from runtime.phones import parse_phone

_LOG = structlog.get_logger()


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
        try:
            async with asyncio.timeout(timeout_s):
                account = await self._accounts.get(merchant_id)
                if account is None:
                    raise TicketNotCheckedError
                ticket = await _fetch_ticket(account.for_press, number)
                if owner.kind is FoundBy.LINK:
                    is_theirs = await self._is_linked(merchant_id, ticket, owner)
                else:
                    is_theirs = await _is_theirs(account.for_press, ticket, owner, country)
        except FAILURES as error:
            _LOG.warning("ticket_not_checked", merchant_id=merchant_id, error=type(error).__name__)
            retry_after_s = error.retry_after_s if isinstance(error, GorgiasThrottledError) else None
            raise TicketNotCheckedError(retry_after_s) from None
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


async def _fetch_ticket(tickets: TicketClient, number: int) -> Ticket:
    """Raises GorgiasError and TicketNotFoundError."""
    try:
        return await tickets.fetch_ticket(number)
    except GorgiasNotFoundError:
        raise TicketNotFoundError(str(number)) from None


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

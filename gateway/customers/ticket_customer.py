"""Checks with Gorgias that a ticket is one customer's, before a link of theirs is made or removed.

Nothing is remembered: between two presses a ticket may get another customer.
"""

from aiohttp import web

from gateway.customers.pressed_ticket import ask_for_press, fetch_pressed_ticket
from gateway.errors import OtherCustomerError, TicketNotCheckedError, TicketNotFoundError
from gateway.gorgias.customers import Channel
from gateway.gorgias.tickets import TicketClient, parse_ticket_id
from gateway.installation.accounts import Accounts


class TicketCustomers:
    """Every method raises TicketNotFoundError, OtherCustomerError, and TicketNotCheckedError.

    The last one where Gorgias does not say in time whose the ticket is.
    """

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts

    async def check(self, merchant_id: str, ticket_id: str, customer_id: int, *, timeout_s: float) -> None:
        async with ask_for_press(self._accounts, merchant_id, timeout_s=timeout_s) as tickets:
            await _check(tickets, ticket_id, customer_id)

    async def fetch_channels(
        self, merchant_id: str, ticket_id: str, customer_id: int, *, timeout_s: float
    ) -> frozenset[Channel]:
        """As `check`. Returns the customer's channels, as (type, address)."""
        async with ask_for_press(self._accounts, merchant_id, timeout_s=timeout_s) as tickets:
            await _check(tickets, ticket_id, customer_id)
            return frozenset((await tickets.fetch_addresses(customer_id)).channels)


async def _check(tickets: TicketClient, ticket_id: str, customer_id: int) -> None:
    """Raises GorgiasError besides."""
    number = parse_ticket_id(ticket_id)
    if number is None:
        raise TicketNotFoundError(ticket_id)
    ticket = await fetch_pressed_ticket(tickets, number)
    if ticket.customer_id is None:
        raise TicketNotCheckedError
    if ticket.customer_id != customer_id:
        raise OtherCustomerError


TICKET_CUSTOMERS = web.AppKey("ticket_customers", TicketCustomers)

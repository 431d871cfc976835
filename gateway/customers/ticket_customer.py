"""Checks with Gorgias that a ticket is one customer's, before a link of theirs is made or removed.

Nothing is remembered: between two presses a ticket may get another customer.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import structlog
from aiohttp import web

from gateway.errors import OtherCustomerError, TicketNotCheckedError, TicketNotFoundError
from gateway.gorgias.customers import Channel
from gateway.gorgias.errors import GorgiasNotFoundError, GorgiasThrottledError
from gateway.gorgias.tickets import TicketClient, parse_ticket_id
from gateway.installation.accounts import FAILURES, Accounts

_LOG = structlog.get_logger()


class TicketCustomers:
    """Every method raises TicketNotFoundError, OtherCustomerError, and TicketNotCheckedError.

    The last one where Gorgias does not say in time whose the ticket is.
    """

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts

    async def check(self, merchant_id: str, ticket_id: str, customer_id: int, *, timeout_s: float) -> None:
        async with self._asking(merchant_id, timeout_s) as tickets:
            await _check(tickets, ticket_id, customer_id)

    async def fetch_channels(
        self, merchant_id: str, ticket_id: str, customer_id: int, *, timeout_s: float
    ) -> frozenset[Channel]:
        """As `check`. Returns the customer's channels, as (type, address)."""
        async with self._asking(merchant_id, timeout_s) as tickets:
            await _check(tickets, ticket_id, customer_id)
            return frozenset((await tickets.fetch_addresses(customer_id)).channels)

    @asynccontextmanager
    async def _asking(self, merchant_id: str, timeout_s: float) -> AsyncGenerator[TicketClient]:
        try:
            async with asyncio.timeout(timeout_s):
                account = await self._accounts.get(merchant_id)
                if account is None:
                    raise TicketNotCheckedError
                yield account.for_press
        except FAILURES as error:
            _LOG.warning("ticket_not_checked", merchant_id=merchant_id, error=type(error).__name__)
            retry_after_s = error.retry_after_s if isinstance(error, GorgiasThrottledError) else None
            raise TicketNotCheckedError(retry_after_s) from None


async def _check(tickets: TicketClient, ticket_id: str, customer_id: int) -> None:
    """Raises GorgiasError besides."""
    number = parse_ticket_id(ticket_id)
    if number is None:
        raise TicketNotFoundError(ticket_id)
    try:
        ticket = await tickets.fetch_ticket(number)
    except GorgiasNotFoundError:
        raise TicketNotFoundError(ticket_id) from None
    if ticket.customer_id is None:
        raise TicketNotCheckedError
    if ticket.customer_id != customer_id:
        raise OtherCustomerError


TICKET_CUSTOMERS = web.AppKey("ticket_customers", TicketCustomers)

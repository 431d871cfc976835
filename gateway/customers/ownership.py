"""Checks with Gorgias whose ticket a button is pressed on.

Nothing is remembered: between two presses a ticket may get another customer, or customers may be merged.
"""

import asyncio
from collections.abc import Callable

import structlog
from aiohttp import web

from gateway.errors import OtherCustomerError, TicketNotCheckedError, TicketNotFoundError
from gateway.gorgias.errors import GorgiasNotFoundError, GorgiasThrottledError
from gateway.gorgias.tickets import Ticket, TicketClient, parse_ticket_id
from gateway.installation.accounts import FAILURES, Accounts

_LOG = structlog.get_logger()


class Ownership:
    """Asks Gorgias on each press."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts

    async def check(
        self, merchant_id: str, ticket_id: str, is_expected: Callable[[str], bool], *, timeout_s: float
    ) -> int | None:
        """Return only if Gorgias says that the ticket's customer has an expected e-mail address.

        Returns the customer's id; None if Gorgias gives none.

        Raises TicketNotFoundError, OtherCustomerError, and TicketNotCheckedError where Gorgias does not say in time.
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
                is_theirs = await _is_theirs(account.for_press, ticket, is_expected)
        except FAILURES as error:
            _LOG.warning("ticket_not_checked", merchant_id=merchant_id, error=type(error).__name__)
            retry_after_s = error.retry_after_s if isinstance(error, GorgiasThrottledError) else None
            raise TicketNotCheckedError(retry_after_s) from None
        if is_theirs is None:
            raise TicketNotCheckedError
        if not is_theirs:
            raise OtherCustomerError
        return ticket.customer_id


async def _fetch_ticket(tickets: TicketClient, number: int) -> Ticket:
    """Raises GorgiasError and TicketNotFoundError."""
    try:
        return await tickets.fetch_ticket(number)
    except GorgiasNotFoundError:
        raise TicketNotFoundError(str(number)) from None


async def _is_theirs(tickets: TicketClient, ticket: Ticket, is_expected: Callable[[str], bool]) -> bool | None:
    """Whether the ticket's customer has the address; None: Gorgias names no customer. Raises GorgiasError."""
    if is_expected(ticket.customer_email):
        return True
    if ticket.customer_id is None:
        return None
    return any(is_expected(email) for email in await tickets.fetch_emails(ticket.customer_id))


OWNERSHIP = web.AppKey("ownership", Ownership)

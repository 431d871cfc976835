"""Asks Gorgias about the ticket of a press. Without its answer nothing is done."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import structlog

from gateway.errors import TicketNotCheckedError, TicketNotFoundError
from gateway.gorgias.errors import GorgiasNotFoundError, GorgiasThrottledError
from gateway.gorgias.tickets import Ticket, TicketClient
from gateway.installation.accounts import FAILURES, Accounts

_LOG = structlog.get_logger()


@asynccontextmanager
async def ask_for_press(accounts: Accounts, merchant_id: str, *, timeout_s: float) -> AsyncGenerator[TicketClient]:
    """Ask within the time. Raises TicketNotCheckedError where Gorgias does not say, or the shop is not installed."""
    try:
        async with asyncio.timeout(timeout_s):
            account = await accounts.get(merchant_id)
            if account is None:
                raise TicketNotCheckedError
            yield account.for_press
    except FAILURES as error:
        _LOG.warning("ticket_not_checked", merchant_id=merchant_id, error=type(error).__name__)
        retry_after_s = error.retry_after_s if isinstance(error, GorgiasThrottledError) else None
        raise TicketNotCheckedError(retry_after_s) from None


async def fetch_pressed_ticket(tickets: TicketClient, number: int) -> Ticket:
    """Raises GorgiasError and TicketNotFoundError."""
    try:
        return await tickets.fetch_ticket(number)
    except GorgiasNotFoundError:
        raise TicketNotFoundError(str(number)) from None

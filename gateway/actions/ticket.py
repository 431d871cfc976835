"""The ticket of a press: whether Gorgias knows it, and the note that it is to get. Before anything is sent."""

import asyncio

from gateway.actions.boundary import Press
from gateway.config import CONFIG
from gateway.database import DatabaseError
from gateway.errors import StoreUnavailableError, TicketMissingError, TicketNotFoundError
from gateway.tickets.lookup import TICKETS
from gateway.tickets.outbox import NOTES

# Of the action's time, 4 s unless set otherwise: 0.7 s for Gorgias, 1 s for our own database; the rest is the call's.
_GORGIAS_SHARE = 0.175
_DATABASE_SHARE = 0.25


async def prepare_ticket(press: Press, ticket_id: str, request_id: str) -> bool:
    """Whether the ticket is known to be there; the note about the award of `request_id` is then sure to be written.

    Raises TicketMissingError, TicketNotFoundError, TicketNotCheckedError, and StoreUnavailableError where that note
    could not be put on record.
    """
    if not ticket_id:
        raise TicketMissingError
    is_there = await _find(press, ticket_id)
    if is_there is False:
        raise TicketNotFoundError(ticket_id)
    try:
        async with asyncio.timeout(press.app[CONFIG].action_timeout_s * _DATABASE_SHARE):
            await press.app[NOTES].expect(press.merchant_id, request_id, ticket_id)
    except (DatabaseError, TimeoutError):
        raise StoreUnavailableError from None
    return is_there is True


async def _find(press: Press, ticket_id: str) -> bool | None:
    """None: Gorgias did not say in time."""
    try:
        async with asyncio.timeout(press.app[CONFIG].action_timeout_s * _GORGIAS_SHARE):
            return await press.app[TICKETS].find(press.merchant_id, ticket_id)
    except TimeoutError:
        return None

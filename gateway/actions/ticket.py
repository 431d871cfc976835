"""The ticket of a press, before anything is sent: whether it is the panel's customer's, and the note that it gets."""

import asyncio

from gateway.actions.boundary import Press
from gateway.actions.token import Owner
from gateway.config import CONFIG
from gateway.database import DatabaseError
from gateway.errors import StoreUnavailableError, TicketMissingError
from gateway.tickets.outbox import NOTES
from gateway.tickets.ownership import OWNERSHIP

# Of the action's time, 4 s unless set otherwise: 1.5 s for Gorgias, 1 s for our own database; the rest is the call's.
_GORGIAS_SHARE = 0.375
_DATABASE_SHARE = 0.25


async def prepare_ticket(press: Press, ticket_id: str, request_id: str, owner: Owner) -> None:
    """Once this returns, the ticket is known to be the owner's, and the note about `request_id` is sure to be written.

    Raises TicketMissingError, TicketNotFoundError, OtherCustomerError, TicketNotCheckedError, and StoreUnavailableError
    where that note could not be put on record.
    """
    if not ticket_id:
        raise TicketMissingError
    time_s = press.app[CONFIG].action_timeout_s
    customer_id = await press.app[OWNERSHIP].check(
        press.merchant_id, ticket_id, owner.has_email, timeout_s=time_s * _GORGIAS_SHARE
    )
    try:
        async with asyncio.timeout(time_s * _DATABASE_SHARE):
            await press.app[NOTES].expect(press.merchant_id, request_id, ticket_id, customer_id)
    except (DatabaseError, TimeoutError):
        raise StoreUnavailableError from None

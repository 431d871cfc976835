"""Prepares the ticket of a press before anything is sent: checks its customer, and puts its note on record."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from gateway.actions.boundary import Press
from gateway.actions.token import Owner
from gateway.customers.ownership import OWNERSHIP
from gateway.errors import (
    HTTP_STATUS,
    AwardRefusedError,
    GatewayError,
    LoyaltyCallError,
    StoreUnavailableError,
    TicketMissingError,
    name_reason,
)
from gateway.outbox.service import OUTBOX
from protos.loyalty.v1 import loyalty_pb2 as pb
from runtime.database import DatabaseError

_Response = TypeVar("_Response", pb.AwardPointsResponse, pb.ReverseAwardResponse)


async def prepare_ticket(press: Press, ticket_id: str, request_id: str, owner: Owner) -> None:
    """After this the ticket is known to be the owner's, and its note about `request_id` will be written.

    Raises TicketMissingError, TicketNotFoundError, OtherCustomerError, TicketNotCheckedError, and StoreUnavailableError
    if a link could not be read, or the note could not be put on record.
    """
    if not ticket_id:
        raise TicketMissingError
    customer_id = await press.app[OWNERSHIP].check(
        press.merchant_id, ticket_id, owner, country=press.shop.country, timeout_s=press.gorgias_timeout_s
    )
    try:
        async with asyncio.timeout(press.database_timeout_s):
            is_queued = await press.app[OUTBOX].enqueue(press.merchant_id, request_id, ticket_id, customer_id)
    except (DatabaseError, TimeoutError):
        raise StoreUnavailableError from None
    press.ticket_id, press.note_ticket_id = ticket_id, ticket_id if is_queued else ""


async def send(press: Press, request_id: str, call: Awaitable[_Response]) -> _Response:
    """Call the loyalty service, and find the ticket that will get a note of an unknown outcome.

    Raises LoyaltyCallError, AwardRefusedError, and GatewayError if the answer does not say what happened.
    """
    press.is_asked = True
    try:
        response = await call
    except LoyaltyCallError as error:
        if error.reason == "AWARD_IN_DOUBT":
            doubt = error.metadata
            press.note_ticket_id = await _find_note(press, doubt.get("award_request_id"), doubt.get("ticket_id"))
        raise
    award = response.award
    _check_booked(award)
    if press.note_ticket_id and not response.replayed:
        press.app[OUTBOX].tell(award)
    if award.request_id != request_id and award.state != pb.AWARD_STATE_APPLIED:
        press.note_ticket_id = await _find_note(press, award.request_id, award.ticket_id)
    elif press.note_ticket_id and award.ticket_id:  # an undo may have been pressed on another ticket before
        press.note_ticket_id = award.ticket_id
    return response


def _check_booked(award: pb.Award) -> None:
    """Raises AwardRefusedError if nothing was booked, and GatewayError if the answer does not say what happened."""
    # A newer loyalty service may name a reason that is not known here.
    reason = name_reason(award.rejection_reason)
    if award.state == pb.AWARD_STATE_REJECTED and reason in HTTP_STATUS:
        raise AwardRefusedError(reason, award)
    if award.state == pb.AWARD_STATE_NOT_APPLIED:
        raise AwardRefusedError("AWARD_STATE", award)
    if award.state not in {pb.AWARD_STATE_APPLIED, pb.AWARD_STATE_PENDING, pb.AWARD_STATE_UNKNOWN}:
        raise GatewayError("INTERNAL_ERROR", "the award's state is not one that is known here")


async def _find_note(press: Press, request_id: str | None, ticket_id: str | None) -> str:
    """The ticket of another request's award, if a note about that is pending there."""
    if not request_id or not ticket_id:
        return ""
    try:
        async with asyncio.timeout(min(press.left_s, press.database_timeout_s)):
            is_queued = await press.app[OUTBOX].is_queued(press.merchant_id, request_id)
    except (DatabaseError, TimeoutError):
        return ""
    return ticket_id if is_queued else ""

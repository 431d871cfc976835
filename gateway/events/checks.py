"""Checks of one ticket: what the sidebar shows, and what a new event would show now."""

from collections.abc import Callable
from datetime import UTC, datetime

import msgspec

from gateway.errors import LoyaltyCallError, name_reason
from gateway.events.event import NO_IDENTITY, UNAVAILABLE, WITH_DATA, Event, Source
from gateway.gorgias.errors import GorgiasError, GorgiasNotFoundError
from gateway.gorgias.tickets import Ticket, TicketClient
from gateway.installation.advice import get_advice
from gateway.installation.checks import Check, CheckState
from gateway.loyalty_client import LoyaltyClient
from gateway.wording.panel.summary import ACTIVE
from protos.loyalty.v1 import loyalty_pb2 as pb

_TIMEOUT_S = 10.0
_TAG = "add a tag to the ticket, wait some seconds, and run this again"
# The statuses of a panel without a member, for the reasons of the loyalty service.
_NO_MEMBER = {"MEMBER_NOT_FOUND": "not_member", "MEMBER_AMBIGUOUS": "ambiguous", "BAD_VALUE": NO_IDENTITY}
_CORRECT = "correct the customer's e-mail address in Gorgias"
_MERGE = "merge the members in TRIFFT, or correct their addresses there"


class Now(msgspec.Struct, frozen=True, kw_only=True):
    """What Gorgias and TRIFFT say now. `status`: of a panel that were drawn now; empty: it is not known.

    `customer_id`: the ticket's customer; None: it is not known.
    """

    checks: tuple[Check, ...]
    status: str = ""
    customer_id: int | None = None


class Called(msgspec.Struct, frozen=True, kw_only=True):
    """The last calls of Gorgias: for this ticket, for its customer on any ticket, and for any ticket of the shop."""

    ticket_id: int
    of_ticket: Event | None
    of_customer: Event | None
    of_shop: Event | None


class Questions(msgspec.Struct, frozen=True, kw_only=True):
    """Whom to ask about a shop. `max_staleness_s`: as a ticket event asks."""

    tickets: TicketClient
    loyalty: LoyaltyClient
    merchant_id: str
    max_staleness_s: float
    render_time: Callable[[datetime], str]


async def ask_now(ask: Questions, ticket_id: int) -> Now:
    """Ask Gorgias for the ticket's customer, and the loyalty service for the member, as a ticket event does."""
    try:
        ticket = await ask.tickets.fetch_ticket(ticket_id)
    except GorgiasNotFoundError:
        missing = Check(
            name="ticket",
            state=CheckState.FAILED,
            detail="Gorgias has no such ticket",
            advice="look for its number in its address in Gorgias",
        )
        return Now(checks=(missing,))
    except GorgiasError as error:
        return Now(checks=(Check(name="ticket", state=CheckState.FAILED, detail=error.detail, advice=error.advice),))
    found = _check_ticket(ticket)
    if not ticket.customer_email.strip():
        return Now(checks=(found,), status=NO_IDENTITY, customer_id=ticket.customer_id)
    member, status = await _ask_for_member(ask, ticket.customer_email)
    return Now(checks=(found, member), status=status, customer_id=ticket.customer_id)


def check_sidebar(ask: Questions, called: Called, now: Now) -> Check:
    """Check what the sidebar shows: Gorgias keeps with the customer the answer to the last call, on whatever ticket."""
    last = _find_shown(called, now)
    if last is None:
        return _check_never_called(ask, called)
    state, words, advice = _judge(last, ask.merchant_id)
    other = "" if last.ticket_id == called.ticket_id else f", by the customer's ticket {last.ticket_id}"
    detail = f"since {ask.render_time(find_time(last))}{other}: {words}"
    if now.status and now.status != last.status:
        state, detail = CheckState.FAILED, f"{detail}; a new event would be answered: {now.status}"
        advice = f"correct what failed above, then {_TAG}" if now.status == UNAVAILABLE else _TAG
    return Check(name="sidebar", state=state, detail=detail, advice=advice)


def _find_shown(called: Called, now: Now) -> Event | None:
    """The event whose answer the sidebar shows. A ticket's former customer counts no more."""
    of_ticket = called.of_ticket
    if of_ticket and now.customer_id and of_ticket.customer_id not in (None, now.customer_id):
        of_ticket = None
    events = (event for event in (of_ticket, called.of_customer) if event is not None)
    return max(events, key=lambda event: event.time_ms, default=None)


def find_time(event: Event) -> datetime:
    return datetime.fromtimestamp(event.time_ms / 1000, UTC)


def _check_ticket(ticket: Ticket) -> Check:
    if ticket.customer_id is None:
        advice = "give the ticket a customer in Gorgias"
        return Check(name="ticket", state=CheckState.WARNING, detail="Gorgias names no customer", advice=advice)
    if not ticket.customer_email.strip():
        return Check(
            name="ticket",
            state=CheckState.WARNING,
            detail=f"its customer {ticket.customer_id} has no e-mail address, so no member can be found",
            advice="give the customer their e-mail address in Gorgias",
        )
    detail = f"its customer {ticket.customer_id} has an e-mail address"
    return Check(name="ticket", state=CheckState.OK, detail=detail)


async def _ask_for_member(ask: Questions, email: str) -> tuple[Check, str]:
    """Returns the status of a panel as well."""
    try:
        snapshot = await ask.loyalty.get_snapshot(
            ask.merchant_id, email, max_staleness_s=ask.max_staleness_s, timeout_s=_TIMEOUT_S
        )
    except LoyaltyCallError as error:
        return _check_no_member(error, ask.merchant_id), _NO_MEMBER.get(error.reason, UNAVAILABLE)
    status = "member" if snapshot.member.status in ACTIVE else "blocked"
    if snapshot.stale_reason != pb.ERROR_REASON_UNSPECIFIED:
        reason = name_reason(snapshot.stale_reason)
        read_time = ask.render_time(snapshot.fetch_time.ToDatetime(UTC))
        detail = f"TRIFFT fails ({reason}); one member is held since {read_time}"
        advice = get_advice(reason, ask.merchant_id)
        return Check(name="member", state=CheckState.FAILED, detail=detail, advice=advice), status
    blocked = ", who gets no points: TRIFFT's status is " + (snapshot.member.status_word or "blocked")
    detail = f"TRIFFT has one member with it{blocked if status == 'blocked' else ''}"
    return Check(name="member", state=CheckState.OK, detail=detail), status


def _check_no_member(error: LoyaltyCallError, merchant_id: str) -> Check:
    match error.reason:
        case "MEMBER_NOT_FOUND":
            return Check(name="member", state=CheckState.OK, detail="TRIFFT has no member with it")
        case "MEMBER_AMBIGUOUS":
            count = error.metadata.get("member_count", "several")
            return Check(
                name="member", state=CheckState.FAILED, detail=f"TRIFFT has {count} members with it", advice=_MERGE
            )
        case "BAD_VALUE":
            return Check(name="member", state=CheckState.FAILED, detail="it is no e-mail address", advice=_CORRECT)
    detail = f"{error.reason}: {error.message}"
    return Check(name="member", state=CheckState.FAILED, detail=detail, advice=get_advice(error.reason, merchant_id))


def _check_never_called(ask: Questions, called: Called) -> Check:
    if called.of_ticket is not None:
        detail = f"Gorgias has not called since ticket {called.ticket_id} has this customer"
    elif called.of_shop is None:
        detail = f"Gorgias has not called for ticket {called.ticket_id} in the last 7 days, nor for any other"
    else:
        last = ask.render_time(find_time(called.of_shop))
        detail = f"Gorgias has not called for ticket {called.ticket_id} in the last 7 days; for others, last at {last}"
    advice = f"opening a ticket calls nothing: {_TAG}"
    return Check(name="sidebar", state=CheckState.FAILED, detail=detail, advice=advice)


def _judge(event: Event, merchant_id: str) -> tuple[CheckState, str, str]:
    """The state of an answer, what it is, and what to do."""
    error = f"{event.reason}: {event.message}" if event.message else event.reason
    if event.is_stale:
        return CheckState.WARNING, f"{event.status}, with old data ({error})", get_advice(event.reason, merchant_id)
    if event.status in WITH_DATA or event.status == "not_member":
        return CheckState.OK, event.status, ""
    if event.status == "ambiguous":
        return CheckState.FAILED, "ambiguous: several members have the address", _MERGE
    if event.status == NO_IDENTITY:
        return _judge_no_identity(event, merchant_id)
    return CheckState.FAILED, f"{event.status} ({error})", get_advice(event.reason, merchant_id)


def _judge_no_identity(event: Event, merchant_id: str) -> tuple[CheckState, str, str]:
    if event.source == Source.NOT_SAID:
        advice = f"see that Gorgias lets us read tickets: trifft-gorgias check {merchant_id}"
        return CheckState.FAILED, "no_identity: Gorgias did not say whose the ticket is", advice
    if event.reason:
        return CheckState.FAILED, "no_identity: what stands there is no e-mail address", _CORRECT
    return CheckState.OK, "no_identity: the customer has no e-mail address", ""

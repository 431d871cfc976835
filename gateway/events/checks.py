"""Checks what one ticket's sidebar shows, against what a new event would show now."""

from collections.abc import Callable
from datetime import UTC, datetime

import msgspec

from gateway.events.event import NO_IDENTITY, UNAVAILABLE, WITH_DATA, Event, Source
from gateway.installation.advice import get_advice
from gateway.installation.checks import Check, CheckState

_TAG = "add a tag to the ticket, wait some seconds, and run this again"
LINK = "let an agent press Link to member in the ticket"
_CAUSES = {
    "GORGIAS_BUSY": "Gorgias' rate was used up when the customer's addresses were needed",
    "GORGIAS_GONE": "Gorgias did not have the customer any more",
    "GORGIAS_REFUSED": "Gorgias refused to say the customer's addresses",
    "GORGIAS_STORE": "our own database did not answer when the customer's addresses were needed",
}
CORRECT = "correct the customer's e-mail address in Gorgias"
MERGE = "link the customer to one of the members, merge the members in TRIFFT, or correct their addresses there"


class Now(msgspec.Struct, frozen=True, kw_only=True):
    """What Gorgias and TRIFFT say now. `status`: the one that a panel drawn now would have; empty: it is not known.

    `customer_id`: the ticket's customer; None: it is not known.
    """

    checks: tuple[Check, ...]
    status: str = ""
    customer_id: int | None = None


class Called(msgspec.Struct, frozen=True, kw_only=True):
    """The last calls of Gorgias: for this ticket, for its customer on any ticket, and for any ticket of the shop."""

    merchant_id: str
    ticket_id: int
    of_ticket: Event | None
    of_customer: Event | None
    of_shop: Event | None


def check_sidebar(called: Called, now: Now, render_time: Callable[[datetime], str]) -> Check:
    """Check what the sidebar shows: Gorgias keeps with the customer the answer to the last call, on whatever ticket."""
    last = _find_shown(called, now)
    if last is None:
        return _check_never_called(called, render_time)
    state, words, advice = _judge(last, called.merchant_id)
    other = "" if last.ticket_id == called.ticket_id else f", by the customer's ticket {last.ticket_id}"
    detail = f"since {render_time(find_time(last))}{other}: {words}"
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


def _check_never_called(called: Called, render_time: Callable[[datetime], str]) -> Check:
    if called.of_ticket is not None:
        detail = f"Gorgias has not called since ticket {called.ticket_id} has this customer"
    elif called.of_shop is None:
        detail = f"Gorgias has not called for ticket {called.ticket_id} in the last 7 days, nor for any other"
    else:
        last = render_time(find_time(called.of_shop))
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
        return CheckState.FAILED, "ambiguous: several members fit the customer", MERGE
    if event.status == NO_IDENTITY:
        return _judge_no_identity(event, merchant_id)
    return CheckState.FAILED, f"{event.status} ({error})", get_advice(event.reason, merchant_id)


def _judge_no_identity(event: Event, merchant_id: str) -> tuple[CheckState, str, str]:
    if event.source == Source.NOT_SAID:
        advice = f"see that Gorgias lets us read tickets: trifft-gorgias check {merchant_id}"
        return CheckState.FAILED, "no_identity: Gorgias did not say whose the ticket is", advice
    if event.reason:
        return CheckState.FAILED, "no_identity: what stands there is no e-mail address", CORRECT
    return CheckState.OK, "no_identity: the customer has no address by which a member can be found", ""


def say_cause(reason: str) -> str:
    """Why the customer's addresses are not known. `reason`: an event's."""
    return _CAUSES.get(reason, "Gorgias did not say the customer's addresses")

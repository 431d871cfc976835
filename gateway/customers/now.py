"""Tells operators what a new event of a ticket would find: each step to its member. Names nobody."""

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import msgspec

from gateway.customers.address import Customer
from gateway.customers.finding import Finding, Question, TicketEmail
from gateway.customers.identity import FoundBy
from gateway.customers.search import Search, Services
from gateway.errors import LoyaltyCallError, StoreUnavailableError, name_reason
from gateway.events.checks import CORRECT, LINK, MERGE, Now, say_cause
from gateway.events.event import NO_IDENTITY, UNAVAILABLE
from gateway.gorgias.errors import GorgiasError, GorgiasNotFoundError
from gateway.gorgias.tickets import Ticket, TicketClient
from gateway.installation.advice import get_advice
from gateway.installation.checks import Check, CheckState
from gateway.wording.panel.summary import ACTIVE
from protos.loyalty.v1 import loyalty_pb2 as pb

_FOUND_BY = {
    FoundBy.EMAIL: "it",
    FoundBy.OTHER_EMAIL: "another e-mail address of the customer",
    FoundBy.PHONE: "a phone number of the customer",
    FoundBy.LINK: "the linked id",
}
_EMAILS = {
    TicketEmail.ABSENT: "no e-mail address",
    TicketEmail.OWN: "an e-mail address of the shop itself",
}
_GIVE = "give the customer an e-mail address or a phone number in Gorgias, or let an agent press Link to member"
_OLDER_SERVICE = "the loyalty service is older than this gateway: it looks for a single address only"
_SPELL = "correct them in Gorgias: a phone number without its country's code is read in the shop's country"


class Questions(msgspec.Struct, frozen=True, kw_only=True):
    """Whom to ask about a shop. `country`: the shop's."""

    tickets: TicketClient
    services: Services
    merchant_id: str
    country: str
    render_time: Callable[[datetime], str]


async def ask_now(ask: Questions, ticket_id: int) -> Now:
    """Ask Gorgias for the ticket's customer, then search as a ticket event does."""
    try:
        ticket = await ask.tickets.fetch_ticket(ticket_id)
    except GorgiasNotFoundError:
        advice = "look for its number in its address in Gorgias"
        missing = _make_check("ticket", CheckState.FAILED, "Gorgias has no such ticket", advice)
        return Now(checks=(missing,))
    except GorgiasError as error:
        return Now(checks=(_make_check("ticket", CheckState.FAILED, error.detail, error.advice),))
    if ticket.customer_id is None:
        advice = "give the ticket a customer in Gorgias"
        return Now(checks=(_make_check("ticket", CheckState.WARNING, "Gorgias names no customer", advice),))
    email = ticket.customer_email if ticket.customer_email.strip() else None
    question = Question(
        merchant_id=ask.merchant_id,
        country=ask.country,
        ticket_id=str(ticket_id),
        customer_id=ticket.customer_id,
        customer=Customer(email, ticket.customer_id),
    )
    search = Search(ask.services, question, until=time.monotonic() + ask.services.time_s)
    try:
        await search.run()
    except StoreUnavailableError as error:
        return Now(checks=(_make_check("ticket", CheckState.UNKNOWN, error.message),))
    finding = search.finding
    status, member = _judge(finding, ask)
    checks = [_check_ticket(ticket, finding, status), _check_link(finding), *_check_addresses(finding)]
    return Now(checks=(*checks, *member), status=status, customer_id=ticket.customer_id)


def _check_ticket(ticket: Ticket, finding: Finding, status: str) -> Check:
    what = _EMAILS.get(finding.email, "an e-mail address")
    detail = f"its customer {ticket.customer_id} has {what}"
    if status == NO_IDENTITY and finding.email is not TicketEmail.NO_ADDRESS:
        detail = f"{detail}, and no other address by which a member can be found"
        return _make_check("ticket", CheckState.WARNING, detail, _GIVE)
    return _make_check("ticket", CheckState.OK, detail)


def _check_link(finding: Finding) -> Check:
    if finding.link is None:
        return _make_check("link", CheckState.OK, "no agent has linked the customer to a member")
    return _make_check("link", CheckState.OK, f"L-{finding.link.link_id} links the customer to a member: it decides")


def _check_addresses(finding: Finding) -> list[Check]:
    """The customer's other addresses, if they were needed."""
    if finding.unanswered is not None:
        cause = say_cause(f"GORGIAS_{finding.unanswered.upper()}")
        return [_make_check("addresses", CheckState.FAILED, cause, "wait a minute, and run this again")]
    found = finding.candidates
    if found is None:
        return []
    emails, phones = _count(found.emails, "other e-mail address"), _count(found.phones, "phone number")
    detail = f"the customer has {emails} and {phones} to look for"
    if not found.is_whole:
        return [_make_check("addresses", CheckState.FAILED, f"{detail}: too many", LINK)]
    if found.has_unreadable:
        return [_make_check("addresses", CheckState.WARNING, f"{detail}; others cannot be read", _SPELL)]
    return [_make_check("addresses", CheckState.OK, detail)]


def _judge(finding: Finding, ask: Questions) -> tuple[str, list[Check]]:
    """The status that a panel drawn now would have, and the check of the member."""
    if finding.snapshot is not None and finding.found_by is not None:
        return _check_member(finding.snapshot, finding.found_by.kind, ask)
    if finding.error is not None:
        return _check_refusal(finding.error, finding, ask.merchant_id)
    if finding.unanswered is not None or (finding.candidates is not None and not finding.candidates.is_whole):
        return UNAVAILABLE, []
    has_others = finding.candidates is not None and bool(finding.candidates.emails or finding.candidates.phones)
    if finding.email is TicketEmail.NOBODYS or has_others:
        what = "any of these addresses" if has_others else "it"
        return "not_member", [_make_check("member", CheckState.OK, f"TRIFFT has no member with {what}")]
    if finding.email is TicketEmail.NO_ADDRESS:
        return NO_IDENTITY, [_make_check("member", CheckState.FAILED, "it is no e-mail address", CORRECT)]
    return NO_IDENTITY, []


def _check_member(snapshot: pb.Snapshot, kind: FoundBy, ask: Questions) -> tuple[str, list[Check]]:
    status = "member" if snapshot.member.status in ACTIVE else "blocked"
    if snapshot.stale_reason != pb.ERROR_REASON_UNSPECIFIED:
        reason = name_reason(snapshot.stale_reason)
        read_time = ask.render_time(snapshot.fetch_time.ToDatetime(UTC))
        detail = f"TRIFFT fails ({reason}); one member is held since {read_time}"
        return status, [_make_check("member", CheckState.FAILED, detail, get_advice(reason, ask.merchant_id))]
    blocked = ", who gets no points: TRIFFT's status is " + (snapshot.member.status_word or "blocked")
    detail = f"TRIFFT has one member with {_FOUND_BY[kind]}{blocked if status == 'blocked' else ''}"
    return status, [_make_check("member", CheckState.OK, detail)]


def _check_refusal(error: LoyaltyCallError, finding: Finding, merchant_id: str) -> tuple[str, list[Check]]:
    if error.reason == "MEMBER_AMBIGUOUS":
        count = error.metadata.get("member_count", "several")
        what = "it" if finding.email is TicketEmail.ASKED else "the customer's other addresses"
        return "ambiguous", [_make_check("member", CheckState.FAILED, f"TRIFFT has {count} members with {what}", MERGE)]
    if error.reason == "MEMBER_NOT_FOUND":
        detail, advice = "TRIFFT does not know the linked member", "let an agent press Unlink in the ticket"
        return "not_member", [_make_check("member", CheckState.FAILED, detail, advice)]
    if error.reason == "BAD_VALUE" and error.field == "identity" and finding.candidates is not None:
        return UNAVAILABLE, [_make_check("member", CheckState.FAILED, _OLDER_SERVICE, "update the loyalty services")]
    if error.reason == "SEARCHES_EXHAUSTED":
        return UNAVAILABLE, [_make_check("member", CheckState.FAILED, "too many addresses to look for all", LINK)]
    detail = f"{error.reason}: {error.message}"
    return UNAVAILABLE, [_make_check("member", CheckState.FAILED, detail, get_advice(error.reason, merchant_id))]


def _count(addresses: Sequence[str], word: str) -> str:
    """Like "1 phone number" or "no phone number"."""
    count = len(addresses)
    if count > 1:
        return f"{count} {word}{'es' if word.endswith('s') else 's'}"
    return f"{count or 'no'} {word}"


def _make_check(name: str, state: CheckState, detail: str, advice: str = "") -> Check:
    return Check(name=name, state=state, detail=detail, advice=advice)

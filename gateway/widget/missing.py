"""A search that did not find one member → the panel. Pure."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from gateway.customers.finding import Finding, TicketEmail
from gateway.errors import LoyaltyCallError, NoTokenReason
from gateway.events.event import UNAVAILABLE
from gateway.widget.view import View, render_search, render_unavailable, render_without_identity
from gateway.wording.panel.nobody import (
    UNKNOWN_LINKED_MEMBER,
    UNREADABLE_EMAIL,
    say_no_address,
    say_not_member,
    say_several_members,
    say_too_many_addresses,
    say_unread_addresses,
    say_unread_link,
    say_unsearched_addresses,
)
from gateway.wording.phrases import NONE
from gateway.wording.shop import Shop
from gateway.wording.times import format_time


def render_missing(finding: Finding, shop: Shop, now: datetime) -> View:
    """Say what was looked for and, if it is not known whether there is a member, why."""
    view = _render_addresses(finding, shop, now)
    if not finding.is_link_unread or view.status == UNAVAILABLE:
        return view
    return msgspec.structs.replace(view, summary=say_unread_link(view.summary, shop, now))


def _render_addresses(finding: Finding, shop: Shop, now: datetime) -> View:
    """What became of the customer's addresses."""
    if finding.error is not None:
        return _render_error(finding.error, finding, shop, now)
    email, address = finding.email, _get_address(finding)
    if email is TicketEmail.UNKNOWN:
        return render_without_identity(UNREADABLE_EMAIL, NoTokenReason.UNREADABLE_EMAIL, shop, now)
    if finding.unanswered is not None:
        return _render_unknown(say_unread_addresses(email, address, finding.unanswered, shop, now))
    found = finding.candidates
    if found is not None and not found.is_whole:
        return _render_unknown(say_too_many_addresses(email, address))
    others = [*found.emails, *found.phones] if found else []
    if email is TicketEmail.NOBODYS or others:
        summary = say_not_member(address if email is TicketEmail.NOBODYS else "", others)
        as_of = _format_fetch_time(finding.nobody, shop)
        return render_search("not_member", summary, as_of, shop, NoTokenReason.NO_MEMBER)
    is_unreadable = email is TicketEmail.NO_ADDRESS
    why = NoTokenReason.UNREADABLE_EMAIL if is_unreadable else NoTokenReason.NO_EMAIL
    has_unreadable = found is not None and found.has_unreadable
    summary = say_no_address(email, is_customer_read=found is not None, has_unreadable=has_unreadable)
    return render_without_identity(summary, why, shop, now)


def _render_error(error: LoyaltyCallError, finding: Finding, shop: Shop, now: datetime) -> View:
    """Render the refusal that ended the search."""
    email, address = finding.email, _get_address(finding)
    as_of = _format_fetch_time(error, shop)
    if error.reason == "MEMBER_AMBIGUOUS":
        of_email = address if email is TicketEmail.ASKED else ""
        count, support_ids = error.metadata.get("member_count", ""), _parse_support_ids(error)
        summary = say_several_members(count, of_email, support_ids)
        return render_search("ambiguous", summary, as_of, shop, NoTokenReason.SEVERAL_MEMBERS)
    if finding.link is not None and error.reason == "MEMBER_NOT_FOUND":
        return render_search("not_member", UNKNOWN_LINKED_MEMBER, as_of, shop, NoTokenReason.NO_MEMBER)
    if finding.candidates is None:
        return render_unavailable(error.reason, shop, now)
    if error.reason == "SEARCHES_EXHAUSTED":
        return _render_unknown(say_too_many_addresses(email, address))
    return _render_unknown(say_unsearched_addresses(email, address, error.reason, shop, now))


def _render_unknown(summary: str) -> View:
    return View(status="unavailable", summary=summary)


def _get_address(finding: Finding) -> str:
    return (finding.customer and finding.customer.email) or ""


def _parse_support_ids(error: LoyaltyCallError) -> Sequence[str]:
    try:
        return msgspec.json.decode(error.metadata.get("support_ids", "[]"), type=list[str])
    except msgspec.DecodeError:
        return []


def _format_fetch_time(error: LoyaltyCallError | None, shop: Shop) -> str:
    text = error.metadata.get("fetch_time", "") if error else ""
    return format_time(datetime.fromisoformat(text), shop) if text else NONE

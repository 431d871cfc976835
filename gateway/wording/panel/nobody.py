"""Says that there is not exactly one member: by what was looked for, and what is not known.

`email`: what is known of the ticket's e-mail address: unknown, absent, own, nobodys, no_address, asked. `cause`: why
Gorgias did not say the customer's addresses: silent, odd, busy, gone, refused, store.
"""

from collections.abc import Sequence
from datetime import datetime

from gateway.wording.panel.failures import describe_failure, is_lasting_failure
from gateway.wording.phrases import NO_POINTS_HERE, TAG_ADVICE, TELL_ADMINISTRATOR, format_echo
from gateway.wording.shop import Shop
from gateway.wording.times import format_clock

NO_EMAIL = "No e-mail on this ticket, so no member can be found."
# There may be an e-mail, but it cannot be read.
UNREADABLE_EMAIL = "The e-mail on this ticket cannot be read, so no member can be found."
UNKNOWN_LINKED_MEMBER = "TRIFFT does not know the member whom this customer is linked to. Unlink the customer."
_OWN_EMAIL = "This ticket has the shop's own e-mail address, so no member can be found."
_NO_ADDRESS = {
    "own": "This ticket has the shop's own e-mail address, and its customer no other that can be looked for.",
    "absent": "This customer has no e-mail address and no phone number that can be looked for.",
}
_UNREADABLE = "The customer's phone number or other e-mail in Gorgias cannot be read: correct it there."
_KNOWN = {
    "absent": "This ticket has no e-mail.",
    "own": "This ticket has the shop's own e-mail address.",
    "no_address": "The e-mail on this ticket cannot be read.",
}
_CAUSES = {
    "odd": "Gorgias' answer could not be read",
    "busy": "Gorgias was busy",
    "gone": "Gorgias did not know the customer",
    "refused": "Gorgias refused our access",
    "store": "our own records did not answer",
}
_SILENT = "Gorgias did not answer"
_ASK = "Ask the customer for the support ID in their app, then press Link to member."


def say_not_member(email: str, others: Sequence[str] = ()) -> str:
    """`email`: the ticket's; empty if it was not looked for. `others`: the customer's other addresses."""
    if not email:
        words = format_echo(others[0]) if len(others) == 1 else f"any of the customer's {len(others)} addresses"
        return f"No loyalty member with {words}"
    nor = ""
    if others:
        words = format_echo(others[0]) if len(others) == 1 else f"the customer's {len(others)} other addresses"
        nor = f", nor with {words}"
    return f"No loyalty member with {format_echo(email)}{nor}"


def say_several_members(count: str, email: str, support_ids: Sequence[str] = ()) -> str:
    """`count`: a number, or empty if it is not known. `email`: empty if the ticket's was not what they have."""
    who = f"{count or 'Several'} members have {format_echo(email) if email else 'addresses of this customer'}"
    if not support_ids:
        return f"{who}. {NO_POINTS_HERE}"
    *before, last = map(format_echo, support_ids)
    named = f"{', '.join(before)} and {last}" if before else last
    is_all = count == str(len(support_ids))
    return f"{who}{':' if is_all else ', among them'} {named}. {_ASK}"


def say_no_address(email: str, *, is_customer_read: bool, has_unreadable: bool) -> str:
    """`is_customer_read`: Gorgias said which addresses the customer has. `has_unreadable`: one is in no usual form."""
    if email == "no_address":
        return UNREADABLE_EMAIL
    if not is_customer_read:
        return _OWN_EMAIL if email == "own" else NO_EMAIL
    if has_unreadable:
        return f"{_say_known(email, '')} {_UNREADABLE} {_ASK}"
    return f"{_NO_ADDRESS.get(email, _NO_ADDRESS['absent'])} {_ASK}"


def say_unread_link(summary: str, shop: Shop, now: datetime) -> str:
    """Add to the text of a panel without a member that our own records did not say whether there is a link."""
    unknown = f"Our own records did not answer at {format_clock(now, shop)}: the customer may be linked to a member."
    return f"{summary.removesuffix('.')}. {unknown} {TAG_ADVICE}"


def say_unread_addresses(email: str, address: str, cause: str, shop: Shop, now: datetime) -> str:
    """Gorgias did not say the customer's addresses. `address`: the ticket's, where there is one."""
    advice = TELL_ADMINISTRATOR if cause == "refused" else TAG_ADVICE
    said = f"could not be read: {_CAUSES.get(cause, _SILENT)} at {format_clock(now, shop)}"
    return f"{_say_known(email, address)} {_name_others(email)} {said}. {advice}"


def say_unsearched_addresses(email: str, address: str, reason: str, shop: Shop, now: datetime) -> str:
    """TRIFFT did not say whose the customer's addresses are."""
    advice = TELL_ADMINISTRATOR if is_lasting_failure(reason) else TAG_ADVICE
    said = f"could not be looked for: {describe_failure(reason, shop, now)}"
    return f"{_say_known(email, address)} {_name_others(email)} {said}. {advice}"


def say_too_many_addresses(email: str, address: str) -> str:
    others = "too many addresses" if email == "absent" else "too many other addresses"
    return f"{_say_known(email, address)} The customer has {others} to look for all of them. {_ASK}"


def _say_known(email: str, address: str) -> str:
    return _KNOWN.get(email) or f"No member has {format_echo(address)}."


def _name_others(email: str) -> str:
    return "The customer's addresses" if email == "absent" else "The customer's other addresses"

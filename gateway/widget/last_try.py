"""The row that tells of a member's last refused press. It is there only while it is news. Pure."""

import re

import msgspec

from gateway.actions.refusals import Refusal
from gateway.merchants import Shop
from gateway.wording import format_clock, format_day_of_year, format_echo

# What did not happen, and why: "Not added: …", "Not added. …".
_SENTENCE = re.compile(r"([^.:]+)([.:] .*)", re.DOTALL)


class LastTry(msgspec.Struct, frozen=True, kw_only=True):
    line: str


def render_last_try(refusal: Refusal, shop: Shop) -> LastTry:
    """As in "Not added at 14:02 (23 Nov, Ana, ticket 4711): 380 of 500 points for this ticket are used. …".

    Gorgias keeps the panel on the customer, for days, and shows it on each of their tickets, to each agent.
    """
    ticket, agent = format_echo(refusal.ticket_id), format_echo(refusal.agent)
    facts = (format_day_of_year(refusal.time, shop), agent, f"ticket {ticket}" if ticket else "")
    when = f"at {format_clock(refusal.time, shop)} ({', '.join(fact for fact in facts if fact)})"
    found = _SENTENCE.fullmatch(refusal.message)
    return LastTry(line=f"{found[1]} {when}{found[2]}" if found else f"{refusal.message} {when}")

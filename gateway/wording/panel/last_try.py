"""The row about a member's last refused press, which is shown for a while."""

import re
from datetime import datetime

from gateway.wording.phrases import format_echo
from gateway.wording.shop import Shop
from gateway.wording.times import format_clock, format_day_of_year

# Splits a refusal into what did not happen and why: "Not added: …", "Not added. …".
_SENTENCE = re.compile(r"([^.:]+)([.:] .*)", re.DOTALL)


def say_last_try(message: str, time: datetime, shop: Shop, *, ticket_id: str, agent: str) -> str:
    """Like "Not added at 14:02 (23 Nov, Ana, ticket 4711): 380 of 500 points for ticket 4711 are used. …".

    Gorgias keeps the panel on the customer for days, and shows it on each of their tickets to each agent.
    """
    ticket = format_echo(ticket_id)
    if ticket:
        message = message.replace("this ticket", f"ticket {ticket}")
    facts = (format_day_of_year(time, shop), format_echo(agent), f"ticket {ticket}" if ticket else "")
    when = f"at {format_clock(time, shop)} ({', '.join(fact for fact in facts if fact)})"
    found = _SENTENCE.fullmatch(message)
    return f"{found[1]} {when}{found[2]}" if found else f"{message} {when}"

"""The row of a link: who linked the customer to the member, and when."""

from datetime import datetime

from gateway.wording.shop import Shop
from gateway.wording.times import format_day
from runtime.text import isolate, make_line, shorten

_MAX_AGENT_CHARS = 32


def say_link(agent_name: str, agent_email: str, link_time: datetime, shop: Shop, now: datetime) -> str:
    """Like "Linked by Ana, 28 Nov"; the year is added if it is not this one.

    Gorgias keeps the panel on the customer, so it has no whole address of an agent.
    """
    agent = _shorten(agent_name) or _shorten(agent_email.partition("@")[0])
    day = format_day(link_time, shop).removesuffix(f" {now.astimezone(shop.zone).year}")
    return f"Linked by {agent}, {day}" if agent else f"Linked on {day}"


def _shorten(text: str) -> str:
    return isolate(shorten(make_line(text), _MAX_AGENT_CHARS))

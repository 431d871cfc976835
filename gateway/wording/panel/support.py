"""What support gave a member, or removed: a line for each award, and the one that can be undone.

Agents are named as their helpdesk names them, else by what is before the @ of their e-mail: that is enough to ask a
colleague, and Gorgias keeps the panel on the customer, where nobody's whole address belongs.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

from gateway.wording.numbers import format_number
from gateway.wording.shop import Shop
from gateway.wording.times import format_day, format_time, parse_time
from protos.loyalty.v1 import loyalty_pb2 as pb
from runtime.text import isolate, make_line, shorten

_MINUS = "\N{MINUS SIGN}"
# Of about 300 pixels a line has half. A ticket's number has ten digits at most; it is a claim, and may be anything.
_MAX_AGENT_CHARS = 32
_MAX_REASON_CHARS = 32
_MAX_TICKET_CHARS = 20


def list_award_lines(awards: Sequence[pb.Award], shop: Shop, now: datetime) -> list[str]:
    """Newest first: "+100, 21 Nov, Ana K., ticket 4711, "Late delivery", A-10482"; another year than now's is said."""
    applied = {award.award_id for award in awards if award.state == pb.AWARD_STATE_APPLIED}
    year = f" {now.astimezone(shop.zone).year}"
    return [_say_award(award, applied, shop, year) for award in awards]


def say_undo_row(award: pb.Award, shop: Shop) -> str:
    """The time is absolute, since the panel is kept: "Undo +100, ticket 4727, A-3, until 14:25 CET"."""
    _, _, until = format_time(parse_time(award.reverse_expire_time), shop).partition(", ")
    return _join((f"Undo {_say_points(award, shop)}", _name_ticket(award), award.award_id, f"until {until}"))


def _say_award(award: pb.Award, applied: Collection[str], shop: Shop, year: str) -> str:
    """What must not be overlooked comes before what a narrow panel may cut off."""
    reason = _shorten(award.reason, _MAX_REASON_CHARS)
    facts = (
        _say_points(award, shop),
        _say_state(award, applied),
        format_day(parse_time(award.create_time), shop).removesuffix(year),
        _name_agent(award),
        _name_ticket(award),
        f'"{reason}"' if reason else "",
        award.award_id,
    )
    return _join(facts)


def _say_points(award: pb.Award, shop: Shop) -> str:
    return f"{_MINUS if award.debit else '+'}{format_number(award.points, shop)}"


def _say_state(award: pb.Award, applied: Collection[str]) -> str:
    """What is not plain "given". `applied`: numbers of the listed awards that are; an undo is newer than its award."""
    facts = [f"undoes {award.reverses}"] if award.reverses else []
    if award.state == pb.AWARD_STATE_UNKNOWN:
        facts.append("being checked")
    elif award.reversed_by:
        facts.append("undone" if award.reversed_by in applied else "undo being checked")
    return ", ".join(facts)


def _name_agent(award: pb.Award) -> str:
    name = _shorten(award.claimed_agent_name, _MAX_AGENT_CHARS)
    return name or _shorten(award.claimed_agent_email.partition("@")[0], _MAX_AGENT_CHARS)


def _name_ticket(award: pb.Award) -> str:
    ticket = _shorten(award.ticket_id, _MAX_TICKET_CHARS)
    return f"ticket {ticket}" if ticket else ""


def _shorten(text: str, most: int) -> str:
    return isolate(shorten(make_line(text), most))


def _join(facts: Iterable[str]) -> str:
    return ", ".join(fact for fact in facts if fact)

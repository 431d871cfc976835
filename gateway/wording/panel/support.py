"""Awards and deductions of a member: one line each, and the row of the one that can be undone.

Agents are named as in the helpdesk, or by the text before the @ of their e-mail. That is enough to ask a colleague.
Gorgias keeps the panel on the customer, so it has no whole address.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

from gateway.wording.numbers import format_number
from gateway.wording.shop import Shop
from gateway.wording.times import format_day, format_time, parse_time
from protos.loyalty.v1 import loyalty_pb2 as pb
from runtime.text import isolate, make_line, shorten

_MINUS = "\N{MINUS SIGN}"
# A line has half of about 300 pixels. A ticket's number has at most ten digits; but it is a claim, and may be any text.
_MAX_AGENT_CHARS = 32
_MAX_REASON_CHARS = 32
_MAX_TICKET_CHARS = 20


def list_award_lines(awards: Sequence[pb.Award], shop: Shop, now: datetime) -> list[str]:
    """Lines, newest first.

    For example "+100, 21 Nov, Ana K., ticket 4711, "Late delivery", A-10482"; the year is added if it is not this one.
    """
    if not awards:
        return []
    applied = {award.award_id for award in awards if award.state == pb.AWARD_STATE_APPLIED}
    year = f" {now.astimezone(shop.zone).year}"
    return [_say_award(award, applied, shop, year) for award in awards]


def say_undo_row(award: pb.Award, shop: Shop) -> str:
    """Like "Undo +100, ticket 4727, A-3, until 14:25 CET". The time is absolute, since Gorgias keeps the panel."""
    _, _, until = format_time(parse_time(award.reverse_expire_time), shop).partition(", ")
    return _join((f"Undo {_say_points(award, shop)}", _name_ticket(award), award.award_id, f"until {until}"))


def _say_award(award: pb.Award, applied: Collection[str], shop: Shop, year: str) -> str:
    """One line. The important parts come first, since a narrow panel may cut off the rest."""
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
    """The state, if it is not simply "given".

    `applied`: numbers of the listed APPLIED awards; an undo is newer than its award.
    """
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

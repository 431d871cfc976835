"""What support gave a member: a line for each award, and the one that can be undone. Pure.

Agents are named as their helpdesk names them, else by what is before the @ of their e-mail: that is enough to ask a
colleague, and Gorgias keeps the panel on the customer, where nobody's whole address belongs.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

import msgspec

from gateway.merchants import Shop
from gateway.wording import format_clock, format_day, format_echo, format_number, format_time, parse_time
from protos.loyalty.v1 import loyalty_pb2 as pb

_MINUS = "\N{MINUS SIGN}"
# Of about 300 pixels a line has half. A ticket's number has ten digits at most; it is a claim, and may be anything.
_MAX_AGENT_CHARS = 32
_MAX_TICKET_CHARS = 20


class AwardRow(msgspec.Struct, frozen=True, kw_only=True):
    line: str


class UndoRow(msgspec.Struct, frozen=True, kw_only=True):
    """What a click on "Undo last award" takes back, and what it is known by."""

    title: str
    undo_token: str


class Undo(msgspec.Struct, frozen=True, kw_only=True):
    """The award that a panel offers to undo, and the token that is bound to it."""

    award: pb.Award
    token: str


def find_undoable(awards: Sequence[pb.Award], now: datetime) -> pb.Award | None:
    """The newest award that can be taken back now; None while one of them is not settled, which would be refused."""
    if any(award.state == pb.AWARD_STATE_UNKNOWN for award in awards):
        return None
    now_s = now.timestamp()
    return next((award for award in awards if award.reverse_expire_time.seconds > now_s), None)


def render_awards(awards: Sequence[pb.Award], shop: Shop, now: datetime) -> list[str]:
    """Newest first: "+100, 21 Nov, Ana K., ticket 4711, A-10482"; another year than that of `now` is said."""
    applied = {award.award_id for award in awards if award.state == pb.AWARD_STATE_APPLIED}
    year = f" {now.astimezone(shop.zone).year}"
    return [_render_award(award, applied, shop, year) for award in awards]


def render_undo(undo: Undo, shop: Shop) -> UndoRow:
    """Absolute times, since the panel is kept: "+100, Ana K., 14:02 (A-10482), until 14:32 CET"."""
    award = undo.award
    made = format_clock(parse_time(award.create_time), shop)
    _, _, until = format_time(parse_time(award.reverse_expire_time), shop).partition(", ")
    facts = (_render_points(award, shop), _name_agent(award), f"{made} ({award.award_id})", f"until {until}")
    return UndoRow(title=_join(facts), undo_token=undo.token)


def _render_award(award: pb.Award, applied: Collection[str], shop: Shop, year: str) -> str:
    """What must not be overlooked comes before what a narrow panel may cut off."""
    ticket = _shorten(award.ticket_id, _MAX_TICKET_CHARS)
    facts = (
        _render_points(award, shop),
        _render_state(award, applied),
        format_day(parse_time(award.create_time), shop).removesuffix(year),
        _name_agent(award),
        f"ticket {ticket}" if ticket else "",
        award.award_id,
    )
    return _join(facts)


def _render_points(award: pb.Award, shop: Shop) -> str:
    return f"{_MINUS if award.reverses else '+'}{format_number(award.points, shop)}"


def _render_state(award: pb.Award, applied: Collection[str]) -> str:
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


def _shorten(text: str, most: int) -> str:
    shown = (text if text.isprintable() else format_echo(text)).strip()
    return shown if len(shown) <= most else f"{shown[: most - 1]}…"


def _join(facts: Iterable[str]) -> str:
    return ", ".join(fact for fact in facts if fact)

"""The notes as people read them in a ticket: who, how many, to whom, why, before → after. Pure."""

import html
from datetime import UTC

import msgspec

from gateway.gorgias.messages import Message
from gateway.merchants import Shop
from gateway.tickets.progress import NoteKind
from gateway.wording import format_number, format_points, format_time, parse_balance
from protos.loyalty.v1 import loyalty_pb2 as pb
from runtime.text import isolate

# The last line of a note, by what it says and whether points were given or taken back. A note is found again by it, so
# a change here makes notes of an older release unknown.
_MARKS = {
    NoteKind.DONE: ("added", "taken back"),
    NoteKind.CHECKING: ("being checked", "being checked"),
    NoteKind.ARRIVED: ("checked: added", "checked: taken back"),
    NoteKind.NEVER: ("checked: not added", "checked: not taken back"),
    NoteKind.AFTER_ALL: ("added after all", "taken back after all"),
}
_CHECKING = "We are still checking. This can take 20 minutes or more."


class Whom(msgspec.Struct, frozen=True, kw_only=True):
    """The member as far as is known now; texts may be empty. `tier`: None where it is not known.

    `has_left`: the ticket is another customer's by now, to whom nothing is told of the member.
    """

    name: str = ""
    support_id: str = ""
    tier: str | None = None
    has_left: bool = False


def make_mark(award: pb.Award, kind: NoteKind) -> str:
    """The line that this note, and no other, ends with."""
    return f"Award {award.award_id} · {_MARKS[kind][bool(award.reverses)]}"


def has_mark(message: Message, mark: str) -> bool:
    """Whether this is the internal note with that mark."""
    return message.is_note and message.text.strip().split("\n")[-1].strip() == mark


def render_note(  # noqa: PLR0913 - what a note is made of
    award: pb.Award,
    kind: NoteKind,
    whom: Whom,
    shop: Shop,
    settled: pb.AwardChange | None = None,
    *,
    ticket_id: int | None = None,
) -> str:
    """Lines of plain text, the mark last. `settled`: by whom the doubt was, and why; None: by itself.

    `ticket_id`: whose note it is, where that may not be the ticket that the award is on record with.
    """
    lines = [_say_outcome(award, kind, whom, shop)]
    if award.reverses:
        is_here = ticket_id is None or str(ticket_id) == award.ticket_id
        where = "" if is_here else f" This was done in ticket {isolate(award.ticket_id)}."
        lines.append(f"Takes back award {award.reverses}.{where}")
    texts = () if whom.has_left else (("Reason", award.reason), ("Note", award.note))
    lines += [f"{title}: {isolate(text)}" for title, text in texts if text]
    lines.append(f"{_say_agent(award)}, {format_time(award.create_time.ToDatetime(UTC), shop)}")
    if settled is not None:
        lines.append(f"Settled by {isolate(settled.actor)}: {isolate(settled.why)}")
    if award.state == pb.AWARD_STATE_APPLIED and not whom.has_left:
        lines += _say_balance(award, shop)
        if award.tier_before and whom.tier is not None and whom.tier != award.tier_before:
            lines.append(f"Tier: {isolate(award.tier_before)} → {isolate(whom.tier) or 'none'}")
    return "\n".join([*lines, make_mark(award, kind)])


def render_html(text: str) -> str:
    """The same lines for Gorgias' page."""
    return "<br>".join(html.escape(line) for line in text.split("\n"))


def _say_outcome(award: pb.Award, kind: NoteKind, whom: Whom, shop: Shop) -> str:
    points, member = format_points(award.points, shop), _say_member(award, whom)
    were, them = ("was", "it") if award.points == 1 else ("were", "them")
    later = f" TRIFFT will book {them} later." if award.delayed else ""
    if award.reverses:
        done = f"taken back from {member}.{later}"
        doubt = f"We do not know yet whether {points} {were} taken back from {member}. {_CHECKING}"
        never = f"Checked: {points} {were} not taken back from {member}."
    else:
        done = f"added for {member}.{later}"
        doubt = f"We do not know yet whether {points} arrived for {member}. Do not add {them} again. {_CHECKING}"
        never = f"Checked: {points} never arrived for {member}. You can add {them} again."
    return {
        NoteKind.DONE: f"{points} {done}",
        NoteKind.CHECKING: doubt,
        NoteKind.ARRIVED: f"Checked: {points} {were} {done}",
        NoteKind.NEVER: never,
        NoteKind.AFTER_ALL: f"Found after all: {points} {were} {done}",
    }[kind]


def _say_member(award: pb.Award, whom: Whom) -> str:
    """Never by TRIFFT's id, which tells an agent nothing."""
    if whom.has_left:
        return "the customer whose ticket this was then"
    name, support_id = isolate(whom.name), isolate(whom.support_id) or isolate(award.member_support_id)
    if name and support_id:
        return f"{name} ({support_id})"
    return name or (f"member {support_id}" if support_id else "this member")


def _say_agent(award: pb.Award) -> str:
    named = [isolate(text) for text in (award.claimed_agent_name, award.claimed_agent_email) if text]
    return f"By {', '.join(named)}" if named else "By an agent without a name"


def _say_balance(award: pb.Award, shop: Shop) -> list[str]:
    if award.delayed or not award.HasField("balance"):
        return []
    after = parse_balance(award.balance)
    before = after + award.points if award.reverses else after - award.points
    return [f"Balance: {format_number(before, shop)} → {format_number(after, shop)}"]

"""The text of notes in a ticket: agent, points, member, reason, before → after."""

import enum
from datetime import UTC

import msgspec

from gateway.wording.directions import ADD, REMOVE, find_direction
from gateway.wording.numbers import format_number, format_points, parse_balance
from gateway.wording.phrases import CHECKING_TIME
from gateway.wording.shop import Shop
from gateway.wording.times import format_time
from protos.loyalty.v1 import loyalty_pb2 as pb
from runtime.text import isolate


class NoteKind(enum.Enum):
    """The kinds of notes. A ticket gets CHECKING → ARRIVED, or NEVER (→ AFTER_ALL), or only DONE."""

    DONE = "done"
    CHECKING = "checking"
    ARRIVED = "arrived"
    NEVER = "never"
    AFTER_ALL = "after_all"


# The last line of a note, by its kind and by "added", "removed", "taken back" or "given back". A written note is
# recognised by it, so a change here makes notes of an older release unknown.
_REFERENCES = {
    NoteKind.DONE: "{done}",
    NoteKind.CHECKING: "being checked",
    NoteKind.ARRIVED: "checked: {done}",
    NoteKind.NEVER: "checked: not {done}",
    NoteKind.AFTER_ALL: "{done} after all",
}
_CHECKING = f"We are still checking. {CHECKING_TIME}"


class Whom(msgspec.Struct, frozen=True, kw_only=True):
    """The member's known values; texts may be empty. `tier`: None: not known.

    `has_left`: the ticket has another customer now, so the note says nothing of the member.
    """

    name: str = ""
    support_id: str = ""
    tier: str | None = None
    has_left: bool = False


def say_reference(award: pb.Award, kind: NoteKind) -> str:
    """The last line of this note and no other, by which it is recognised."""
    return f"Award {award.award_id} · {_REFERENCES[kind].format(done=find_direction(award).done)}"


def say_note(  # noqa: PLR0913 - the parts of a note
    award: pb.Award,
    kind: NoteKind,
    whom: Whom,
    shop: Shop,
    settled: pb.AwardChange | None = None,
    *,
    ticket_id: int | None = None,
) -> str:
    """The note as lines of plain text, the reference last. `settled`: the person's settling; None: automatic.

    `ticket_id`: the note's ticket, which may differ from the award's.
    """
    lines = [_say_outcome(award, kind, whom, shop)]
    if award.reverses:
        is_here = ticket_id is None or str(ticket_id) == award.ticket_id
        where = "" if is_here else f" This was done in ticket {isolate(award.ticket_id)}."
        lines.append(f"{'Takes' if award.debit else 'Gives'} back award {award.reverses}.{where}")
    texts = () if whom.has_left else (("Reason", award.reason), ("Note", award.note))
    lines += [f"{title}: {isolate(text)}" for title, text in texts if text]
    lines.append(f"{_say_agent(award)}, {format_time(award.create_time.ToDatetime(UTC), shop)}")
    if settled is not None:
        lines.append(f"Settled by {isolate(settled.actor)}: {isolate(settled.why)}")
    if award.state == pb.AWARD_STATE_APPLIED and not whom.has_left:
        lines += _say_balance(award, shop)
        if award.tier_before and whom.tier is not None and whom.tier != award.tier_before:
            lines.append(f"Tier: {isolate(award.tier_before)} → {isolate(whom.tier) or 'none'}")
    return "\n".join([*lines, say_reference(award, kind)])


def _say_outcome(award: pb.Award, kind: NoteKind, whom: Whom, shop: Shop) -> str:
    points, direction = format_points(award.points, shop), find_direction(award)
    were, them = ("was", "it") if award.points == 1 else ("were", "them")
    again = "" if award.reverses else f" Do not {direction.say_again(award.points)}."
    later = f" TRIFFT will book {them} later." if award.delayed else ""
    member = f"{direction.whom} {_say_member(award, whom)}"
    done = f"{direction.done} {member}.{later}"
    doubt = f"We do not know yet whether {direction.say_doubt(award.points, points)} {member}.{again} {_CHECKING}"
    never = {
        ADD: f"{points} never arrived {member}. You can {ADD.say_again(award.points)}.",
        REMOVE: f"{points} {were} not removed {member}. You can try again.",
    }.get(direction, f"{points} {were} not {direction.done} {member}. If the panel offers it, try again.")
    they = "it" if award.points == 1 else "they"
    twice = "" if award.reverses else f" If {they} {were} {direction.done} again, undo one of the two awards."
    return {
        NoteKind.DONE: f"{points} {done}",
        NoteKind.CHECKING: doubt,
        NoteKind.ARRIVED: f"Checked: {points} {were} {done}",
        NoteKind.NEVER: f"Checked: {never}",
        NoteKind.AFTER_ALL: f"Found after all: {points} {were} {done}{twice}",
    }[kind]


def _say_member(award: pb.Award, whom: Whom) -> str:
    """Name the member, never by TRIFFT's id, which means nothing to an agent."""
    if whom.has_left:
        return "the customer whose ticket this was then"
    name, support_id = isolate(whom.name), isolate(whom.support_id) or isolate(award.member_support_id)
    if name and support_id:
        return f"{name} ({support_id})"
    return name or (f"member {support_id}" if support_id else "this member")


def _say_agent(award: pb.Award) -> str:
    named = [isolate(text) for text in (award.claimed_agent_name, award.claimed_agent_email) if text]
    return f"By {', '.join(named)}" if named else "By an unknown agent"


def _say_balance(award: pb.Award, shop: Shop) -> list[str]:
    if award.delayed or not award.HasField("balance"):
        return []
    after = parse_balance(award.balance)
    before = after + award.points if award.debit else after - award.points
    return [f"Balance: {format_number(before, shop)} → {format_number(after, shop)}"]

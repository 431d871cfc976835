"""Checks a torture run: compares the movements, the ledger and the tickets."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

import msgspec

from bench.torture.agents import Intent
from bench.torture.truth import Truth, make_member_id
from protos.loyalty.v1 import loyalty_pb2 as pb

_TOLD = {"applied", "replayed"}
_SHOWN = 10


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """Each list has errors in words; all must be empty. `open`: awards that are not settled yet."""

    awards: int
    states: dict[str, int]
    lost: list[str]
    doubled: list[str]
    untrue: list[str]
    strayed: list[str]
    untraced: list[str]
    open: list[str]
    unheard: list[str]

    @property
    def is_clean(self) -> bool:
        wrong = (self.lost, self.doubled, self.untrue, self.strayed, self.untraced, self.open, self.unheard)
        return not any(wrong)


def judge(intents: Sequence[Intent], ledger: Sequence[pb.Award], truth: Truth) -> Verdict:
    booked = _count_movements(truth)
    by_ticket: defaultdict[tuple[str, str], list[pb.Award]] = defaultdict(list)
    for award in ledger:
        by_ticket[award.merchant_id, award.ticket_id].append(award)
    return Verdict(
        awards=len(ledger),
        states=dict(Counter(_get_state(award) for award in ledger)),
        lost=[*_find_lost(ledger, booked), *_find_broken_promises(intents, by_ticket, booked)],
        doubled=[*_find_doubled(ledger, booked), *_find_doubled_intents(intents, by_ticket, booked)],
        untrue=[*_find_untrue(ledger, booked), *_find_unrecorded(ledger, booked)],
        strayed=[_name(award) for award in ledger if award.member_id != make_member_id(award.ticket_id)],
        untraced=list(_find_untraced(ledger, truth)),
        open=[_name(award) for award in ledger if _get_state(award) in {"pending", "unknown"}],
        unheard=[f"{one.shop} ticket {one.ticket_id}" for one in intents if _has_unanswered(one)],
    )


def render_verdict(verdict: Verdict) -> str:
    lines = [f"{verdict.awards} awards on record: {', '.join(f'{n} {s}' for s, n in sorted(verdict.states.items()))}"]
    for title, found in (
        ("lost", verdict.lost),
        ("doubled", verdict.doubled),
        ("recorded differently than booked", verdict.untrue),
        ("in the ticket of another customer", verdict.strayed),
        ("without a trace in the ticket", verdict.untraced),
        ("not settled", verdict.open),
        ("clicks without any answer", verdict.unheard),
    ):
        lines.append(f"{len(found)} {title}" + "".join(f"\n    {one}" for one in found[:_SHOWN]))
    return "\n".join(lines)


def make_reference(award: pb.Award) -> tuple[str, str]:
    """The shop, and the movement's reference."""
    return award.merchant_id, f"{award.award_id}:{award.request_id}"


def _count_movements(truth: Truth) -> Counter[tuple[str, str]]:
    return Counter((shop, one.reference) for shop, movements in truth.movements.items() for one in movements)


def _find_lost(ledger: Sequence[pb.Award], booked: Counter[tuple[str, str]]) -> Iterable[str]:
    for award in ledger:
        if award.state == pb.AWARD_STATE_APPLIED and booked[make_reference(award)] == 0:
            yield f"{_name(award)} is applied, and TRIFFT has no movement"


def _find_broken_promises(
    intents: Sequence[Intent],
    by_ticket: defaultdict[tuple[str, str], list[pb.Award]],
    booked: Counter[tuple[str, str]],
) -> Iterable[str]:
    for intent in intents:
        was_told = any(answer.status in _TOLD for answer in intent.answers)
        awards = by_ticket[intent.shop, intent.ticket_id]
        if was_told and not any(booked[make_reference(award)] for award in awards if not award.reverses):
            yield f"{intent.shop} ticket {intent.ticket_id}: the agent was told that points were added, none were"


def _find_doubled(ledger: Sequence[pb.Award], booked: Counter[tuple[str, str]]) -> Iterable[str]:
    for award in ledger:
        if (count := booked[make_reference(award)]) > 1:
            yield f"{_name(award)} was booked {count} times"


def _find_doubled_intents(
    intents: Sequence[Intent],
    by_ticket: defaultdict[tuple[str, str], list[pb.Award]],
    booked: Counter[tuple[str, str]],
) -> Iterable[str]:
    for intent in intents:
        awards = by_ticket[intent.shop, intent.ticket_id]
        for kind, chosen in (
            ("added", [a for a in awards if not a.reverses]),
            ("undone", [a for a in awards if a.reverses]),
        ):
            count = sum(booked[make_reference(award)] for award in chosen)
            if count > 1:
                yield f"{intent.shop} ticket {intent.ticket_id}: {kind} {count} times. {_tell_all(intent, chosen)}"


def _tell_all(intent: Intent, chosen: Sequence[pb.Award]) -> str:
    """List the clicks and the awards, so that a person sees how it came about."""
    answers = ", ".join(f"{answer.points} {answer.status}" for answer in intent.answers)
    awards = "; ".join(
        f"{award.award_id} {award.points} points {_get_state(award)} {award.request_id}"
        f" {award.create_time.ToJsonString()}"
        for award in chosen
    )
    return f"Clicks: {answers}. Awards: {awards}"


def _find_untrue(ledger: Sequence[pb.Award], booked: Counter[tuple[str, str]]) -> Iterable[str]:
    for award in ledger:
        is_denied = award.state in {pb.AWARD_STATE_REJECTED, pb.AWARD_STATE_NOT_APPLIED}
        if is_denied and booked[make_reference(award)]:
            yield f"{_name(award)} is {_get_state(award)}, and was booked"


def _find_unrecorded(ledger: Sequence[pb.Award], booked: Counter[tuple[str, str]]) -> Iterable[str]:
    known = {make_reference(award) for award in ledger}
    for shop, reference in booked.keys() - known:
        yield f"{shop}: a movement with the reference {reference} that the ledger does not know"


def _find_untraced(ledger: Sequence[pb.Award], truth: Truth) -> Iterable[str]:
    """Find awards that are APPLIED or NOT_APPLIED without exactly one note of that in their ticket.

    No note may appear twice, not even one that says that the award is being checked.
    """
    notes = Counter(
        (shop, message.ticket_id, message.body.rstrip().rpartition("\n")[2])
        for shop, messages in truth.messages.items()
        for message in messages
    )
    yield from (
        f"{shop} ticket {ticket}: {count} times {mark}" for (shop, ticket, mark), count in notes.items() if count > 1
    )
    for award in ledger:
        marks = make_marks(award)
        if not marks or not award.ticket_id:
            continue
        count = sum(notes[award.merchant_id, award.ticket_id, mark] for mark in marks)
        if count != 1:
            yield f"{_name(award)} has {count} notes in ticket {award.ticket_id}"


def make_marks(award: pb.Award) -> tuple[str, ...]:
    """The last lines of notes with the outcome: the ticket must have one of them."""
    said = "taken back" if award.reverses else "added"
    kinds = {
        pb.AWARD_STATE_APPLIED: (said, f"checked: {said}", f"{said} after all"),
        pb.AWARD_STATE_NOT_APPLIED: (f"checked: not {said}",),
    }.get(award.state, ())
    return tuple(f"Award {award.award_id} · {kind}" for kind in kinds)


def _has_unanswered(intent: Intent) -> bool:
    return any(answer.status == "unanswered" for answer in intent.answers)


def _get_state(award: pb.Award) -> str:
    return pb.AwardState.Name(award.state).removeprefix("AWARD_STATE_").lower()


def _name(award: pb.Award) -> str:
    return f"{award.merchant_id} {award.award_id}"

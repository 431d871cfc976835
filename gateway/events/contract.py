"""Whether a shop's real calls confirm what is assumed of Gorgias (docs/assumptions.md)."""

from collections.abc import Collection, Mapping, Sequence

import msgspec

from gateway.events.sights import Sight
from gateway.installation.checks import Check, CheckState

NAME = "Gorgias' contract"
# A note's event comes within this time.
FOLLOWED_WITHIN_MS = 60_000
# So many notes without an event contradict the assumption.
_ENOUGH = 3
_NOTE_TRIGGER = "note-trigger"


class _Assumption(msgspec.Struct, frozen=True):
    """`name`: its id in docs/assumptions.md. Sights with what they say of it."""

    name: str
    confirming: Mapping[Sight, str]
    contradicting: Mapping[Sight, str]


_ASSUMPTIONS = (
    _Assumption("header", {Sight.HEADER: "arrives"}, {Sight.NO_HEADER: "does not arrive"}),
    _Assumption("end-mark", {Sight.END: "arrives"}, {Sight.NO_END: "does not arrive"}),
    _Assumption(
        "absent-variable",
        {Sight.ABSENT_AS_NONE: "None", Sight.ABSENT_AS_EMPTY: "empty", Sight.ABSENT_AS_WRITTEN: "as written"},
        {Sight.ABSENT_AS_OTHER: "another word"},
    ),
    _Assumption(
        "plus",
        {Sight.PLUS: "as +", Sight.PLUS_ENCODED: "as %2B", Sight.PLUS_AS_SPACE: "as a space: then Gorgias is asked"},
        {},
    ),
    _Assumption("button-type", {Sight.PRESS_FORM: "a form"}, {Sight.PRESS_JSON: "JSON"}),
)
# The ids of the lines of docs/assumptions.md.
NAMES = (*(one.name for one in _ASSUMPTIONS), _NOTE_TRIGGER)


class NoteEvents(msgspec.Struct, frozen=True, kw_only=True):
    """Of the last notes: how many were followed by an event of their ticket within a minute, and how many were not."""

    followed: int = 0
    alone: int = 0


def count_note_events(notes: Sequence[tuple[int, int]], events: Sequence[tuple[int, int]]) -> NoteEvents:
    """`notes`, `events`: pairs of a ticket's number and a time in ms; of a note, when it was sent."""
    followed = sum(
        any(ticket == one and sent <= time <= sent + FOLLOWED_WITHIN_MS for one, time in events)
        for ticket, sent in notes
    )
    return NoteEvents(followed=followed, alone=len(notes) - followed)


def check_contract(sights: Collection[str], notes: NoteEvents) -> Check:
    """An assumption that was not seen is no fault: a shop may have no such call."""
    confirmed, contradicted, unseen = list[str](), list[str](), list[str]()
    for one in _ASSUMPTIONS:
        for found, words in ((confirmed, one.confirming), (contradicted, one.contradicting)):
            if said := [word for sight, word in words.items() if sight in sights]:
                found.append(f"{one.name} ({', '.join(said)})")
                break
        else:
            unseen.append(one.name)
    is_contradicted = notes.alone >= _ENOUGH and not notes.followed
    found = confirmed if notes.followed else contradicted if is_contradicted else unseen
    found.append(_NOTE_TRIGGER)
    parts = (("confirmed", confirmed), ("contradicted", contradicted), ("not seen", unseen))
    detail = "; ".join(f"{name}: {', '.join(found)}" for name, found in parts if found)
    if contradicted:
        advice = "tell those who maintain this: docs/assumptions.md says where each lives"
        return Check(name=NAME, state=CheckState.WARNING, detail=detail, advice=advice)
    return Check(name=NAME, state=CheckState.OK, detail=detail)

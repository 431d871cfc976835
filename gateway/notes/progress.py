"""The next note about an award, from the award's state and the last note. Pure."""

import msgspec

from gateway.wording.link_note import LinkNoteKind
from gateway.wording.note import NoteKind
from protos.loyalty.v1 import loyalty_pb2 as pb

# After the last press it may take 15 s until its award is on record. Until then the request may still show an earlier
# award of the same panel that was refused, or the press may still retry a refused one.
OPENING_S = 120.0
# NOT_APPLIED points may turn up within this time, and then the ticket must get a note.
WATCH_S = 48 * 3600.0
_WATCH_INTERVAL_S = 1800.0
_FIRST_LOOK_AGAIN_S = 0.3
_MAX_LOOK_AGAIN_S = 10.0
_PENDING_LOOK_AGAIN_S = 0.5
_FIRST_CHECK_S = 5.0
_MAX_CHECK_S = 600.0


# No note follows these.
FINAL_KINDS: frozenset[NoteKind | LinkNoteKind] = frozenset(
    {NoteKind.DONE, NoteKind.ARRIVED, NoteKind.AFTER_ALL, *LinkNoteKind}
)


class Step(msgspec.Struct, frozen=True):
    """Write a note of `kind`, or look again in `wait_s` seconds, or close if neither is set."""

    kind: NoteKind | LinkNoteKind | None = None
    wait_s: float | None = None


_CLOSE = Step()
_AFTER_DOUBT = {None: NoteKind.DONE, NoteKind.CHECKING: NoteKind.ARRIVED, NoteKind.NEVER: NoteKind.AFTER_ALL}


def find_step(
    award: pb.Award | None, last: NoteKind | None, *, press_age_s: float, settled_age_s: float, look_count: int
) -> Step:
    """`award`: None while none is on record. `last`: the last note.

    Ages: since the last press and the last change of state. `look_count`: the number of looks since the last change.
    """
    if last in FINAL_KINDS:
        return _CLOSE
    state = pb.AWARD_STATE_UNSPECIFIED if award is None else award.state
    if state == pb.AWARD_STATE_APPLIED:
        return Step(kind=_AFTER_DOUBT[last])
    if state == pb.AWARD_STATE_UNKNOWN and last is None:
        return Step(kind=NoteKind.CHECKING)
    # The agent was told that it is being checked, even if no note could be written.
    if state == pb.AWARD_STATE_NOT_APPLIED and last is not NoteKind.NEVER:
        return Step(kind=NoteKind.NEVER)
    return Step(wait_s=_find_wait(award, press_age_s, settled_age_s, look_count))


def find_wait_after(kind: NoteKind | LinkNoteKind) -> float | None:
    """Seconds until the next look at an award after this note was written. None: no note will follow."""
    waits: dict[NoteKind | LinkNoteKind, float] = {
        NoteKind.CHECKING: _FIRST_CHECK_S,
        NoteKind.NEVER: _WATCH_INTERVAL_S,
    }
    return waits.get(kind)


def _find_wait(award: pb.Award | None, press_age_s: float, settled_age_s: float, look_count: int) -> float | None:
    """Seconds until the next look if no note is due now. None: no note will follow."""
    if award is None or award.state == pb.AWARD_STATE_REJECTED:
        is_awaited = press_age_s < OPENING_S
        return min(_FIRST_LOOK_AGAIN_S * 2 ** min(look_count, 10), _MAX_LOOK_AGAIN_S) if is_awaited else None
    match award.state:
        case pb.AWARD_STATE_PENDING:
            return _PENDING_LOOK_AGAIN_S
        case pb.AWARD_STATE_UNKNOWN:
            return float(min(_FIRST_CHECK_S * 1.5 ** min(look_count, 20), _MAX_CHECK_S))
        case pb.AWARD_STATE_NOT_APPLIED if settled_age_s < WATCH_S:
            return _WATCH_INTERVAL_S
    return None

"""What a ticket is told of an award as it comes to its end: the next step, from what is known. Pure."""

import msgspec

from gateway.wording.note import NoteKind
from protos.loyalty.v1 import loyalty_pb2 as pb

# After the last press an award may take 15 s to be on record. Until it is, its request may name one that was refused
# before, with another number on the same panel; and one that was refused for now may be tried again by the same press.
OPENING_S = 120.0
# Points that were taken for lost may turn up so long afterwards, and then the ticket must say so.
WATCH_S = 48 * 3600.0
_WATCH_INTERVAL_S = 1800.0
_FIRST_LOOK_AGAIN_S = 0.3
_MAX_LOOK_AGAIN_S = 10.0
_PENDING_LOOK_AGAIN_S = 0.5
_FIRST_CHECK_S = 5.0
_MAX_CHECK_S = 600.0


# Nothing follows these.
FINAL_KINDS = frozenset({NoteKind.DONE, NoteKind.ARRIVED, NoteKind.AFTER_ALL})


class Step(msgspec.Struct, frozen=True):
    """Write a note of `kind`; or look again in `wait_s` seconds; or, with neither, close."""

    kind: NoteKind | None = None
    wait_s: float | None = None


_CLOSE = Step()
_AFTER_DOUBT = {None: NoteKind.DONE, NoteKind.CHECKING: NoteKind.ARRIVED, NoteKind.NEVER: NoteKind.AFTER_ALL}


def find_step(
    award: pb.Award | None, last: NoteKind | None, *, press_age_s: float, settled_age_s: float, look_count: int
) -> Step:
    """`award`: None while there is none. `last`: the last note. Ages: since the last press, the last change of state.

    `look_count`: how often it was looked at since something happened.
    """
    if last in FINAL_KINDS:
        return _CLOSE
    state = pb.AWARD_STATE_UNSPECIFIED if award is None else award.state
    if state == pb.AWARD_STATE_APPLIED:
        return Step(kind=_AFTER_DOUBT[last])
    if state == pb.AWARD_STATE_UNKNOWN and last is None:
        return Step(kind=NoteKind.CHECKING)
    # Whoever pressed the button was told that it is being checked, even where the ticket could not be.
    if state == pb.AWARD_STATE_NOT_APPLIED and last is not NoteKind.NEVER:
        return Step(kind=NoteKind.NEVER)
    return Step(wait_s=_find_wait(award, press_age_s, settled_age_s, look_count))


def find_wait_after(kind: NoteKind) -> float | None:
    """Seconds until the next look at an award whose ticket has just got this note. None: nothing will follow."""
    return {NoteKind.CHECKING: _FIRST_CHECK_S, NoteKind.NEVER: _WATCH_INTERVAL_S}.get(kind)


def _find_wait(award: pb.Award | None, press_age_s: float, settled_age_s: float, look_count: int) -> float | None:
    """Seconds until the next look where nothing is to be said now. None: nothing will ever be."""
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

"""What the provider's list of movements tells of one award in doubt. Pure."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from loyalty_service.awards.sender import make_reference
from loyalty_service.domain.award import Award, AwardRequest
from loyalty_service.domain.ports import Movement, Movements

# How far the provider's clock may be behind the database's.
CLOCK_SKEW = timedelta(minutes=5)
# How long after an attempt a movement without our reference may still be taken for its own.
BOOKED_WITHIN = timedelta(minutes=15)
# An award that was sent so long before another is no rival for a movement that might be the other's.
RIVAL_FOR = timedelta(hours=24)


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """An award, and when its last attempt was opened (the database's clock)."""

    award: Award
    attempt_time: datetime


class Neighbours(msgspec.Struct, frozen=True, kw_only=True):
    """The member's other awards: the movements that are known to be theirs, and those that may have one yet."""

    movement_ids: frozenset[str]
    rivals: tuple[Sent, ...]


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """`movement`: the award's own, and `why` that is known. `is_absent`: it is in no way in a list that is complete.

    Neither: the list does not tell. `copies`: how many movements have the award's reference; more than one never ought.
    """

    movement: Movement | None = None
    why: str = ""
    is_absent: bool = False
    copies: int = 0


def weigh(sent: Sent, movements: Movements | None, neighbours: Neighbours) -> Finding:
    """Our reference decides. Without any, the only movement that fits does, if it can be no other award's."""
    if movements is None:
        return Finding()
    free = [one for one in movements.items if one.movement_id not in neighbours.movement_ids]
    own = [one for one in free if one.reference == make_reference(sent.award)]
    if own:
        return Finding(movement=own[0], why="the provider's movement has its reference", copies=len(own))
    nameless = [one for one in free if _may_name(one, sent) and one.change == _get_change(sent.award.request)]
    fitting = [one for one in nameless if _fits(one, sent)]
    if len(fitting) == 1 and not _is_contested(fitting[0], sent, neighbours.rivals):
        return Finding(movement=fitting[0], why="one movement of the provider fits in points, note and time")
    return Finding(is_absent=movements.is_complete and not any(_may_be(one, sent) for one in nameless))


def _get_change(request: AwardRequest) -> int:
    return request.points if request.reverses is None else -request.points


def _may_name(movement: Movement, sent: Sent) -> bool:
    """Whether it has no reference, or what a provider may have left of ours."""
    return make_reference(sent.award).startswith(movement.reference)


def _fits(movement: Movement, sent: Sent) -> bool:
    """A like one of later is somebody else's: a purchase, or points that were added by hand."""
    if movement.create_time is None or movement.create_time > sent.attempt_time + BOOKED_WITHIN:
        return False
    return _may_be(movement, sent) and movement.note == sent.award.request.note


def _may_be(movement: Movement, sent: Sent) -> bool:
    """Whether it cannot be ruled out, though it does not fit: the provider may have cut the note, lost the time, or
    booked it late.
    """  # noqa: D205  one sentence
    return movement.create_time is None or movement.create_time >= sent.attempt_time - CLOCK_SKEW


def _is_contested(movement: Movement, sent: Sent, rivals: Sequence[Sent]) -> bool:
    change = _get_change(sent.award.request)
    return any(
        _get_change(rival.award.request) == change
        and _may_be(movement, rival)
        and movement.note == rival.award.request.note
        and rival.attempt_time >= sent.attempt_time - RIVAL_FOR
        for rival in rivals
    )

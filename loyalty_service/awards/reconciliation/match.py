"""Compares an unknown award with the provider's list of movements. Pure."""

from collections.abc import Iterable, Sequence
from datetime import timedelta

import msgspec

from loyalty_service.domain.award import Award, AwardState
from loyalty_service.domain.ports import Movement, Movements

# How far the provider's clock may be behind the database's.
CLOCK_SKEW = timedelta(minutes=5)
# How long after an attempt a movement without our reference may still count as the attempt's.
BOOKED_WITHIN = timedelta(minutes=15)
# An award that was sent this long before another does not compete for the other's movement.
RIVAL_FOR = timedelta(hours=24)


class Neighbours(msgspec.Struct, frozen=True, kw_only=True):
    """The member's other awards: their known movements, their references, and awards that may still have one."""

    movement_ids: frozenset[str]
    references: frozenset[str]
    rivals: tuple[Award, ...]


class Match(msgspec.Struct, frozen=True, kw_only=True):
    """`movement`: the award's own; `why`: the reason for that. `is_absent`: a complete list has no trace of the award.

    `contradiction`: what is wrong with the movements that have the award's reference; then a person must settle it.
    None of these: the list does not settle it.
    """

    movement: Movement | None = None
    why: str = ""
    is_absent: bool = False
    contradiction: str = ""


def match_movements(award: Award, movements: Movements | None, neighbours: Neighbours) -> Match:
    """Our reference decides.

    If the provider keeps no references, a single fitting movement of no other award decides.
    """
    if movements is None:
        return Match()
    own = [one for one in movements.items if one.reference == award.reference]
    if own:
        return _weigh_own(award, own, neighbours)
    free = [one for one in movements.items if one.movement_id not in neighbours.movement_ids]
    nameless = [one for one in free if _may_name(one, award) and one.change == award.request.signed_points]
    fitting = [one for one in nameless if _fits(one, award)]
    are_kept = any(one.reference in neighbours.references for one in movements.items)
    # A NOT_APPLIED award needs our reference: a fitting movement is not enough.
    may_guess = award.state is AwardState.UNKNOWN and not are_kept
    if may_guess and len(fitting) == 1 and not _is_contested(fitting[0], award, neighbours.rivals):
        return Match(movement=fitting[0], why="one movement in TRIFFT fits in points, note and time")
    return Match(is_absent=movements.is_complete and not any(_may_be(one, award) for one in nameless))


def _weigh_own(award: Award, own: Sequence[Movement], neighbours: Neighbours) -> Match:
    if len(own) > 1:
        return Match(contradiction=f"{len(own)} movements have its reference")
    if own[0].change != award.request.signed_points:
        return Match(contradiction="the movement with its reference has other points")
    if own[0].movement_id in neighbours.movement_ids:
        return Match(contradiction="the movement with its reference has settled another award")
    return Match(movement=own[0], why="TRIFFT's movement has its reference")


def _may_name(movement: Movement, award: Award) -> bool:
    """Whether it has no reference, or one that may be a shortened form of ours."""
    return award.reference.startswith(movement.reference)


def _fits(movement: Movement, award: Award) -> bool:
    """Whether it fits this award: the same note, booked in time.

    A later movement of the same points counts as something else: a purchase, or points that were added manually. An
    empty note proves nothing, since most movements have none.
    """
    if movement.create_time is None or movement.create_time > award.attempt_time + BOOKED_WITHIN:
        return False
    return _may_be(movement, award) and movement.note == award.request.note != ""


def _may_be(movement: Movement, award: Award) -> bool:
    """Whether it may still be this award's, though it does not fit.

    The provider may have cut the note, lost the time, or booked it late.
    """
    return movement.create_time is None or movement.create_time >= award.attempt_time - CLOCK_SKEW


def _is_contested(movement: Movement, award: Award, rivals: Iterable[Award]) -> bool:
    return any(
        rival.request.signed_points == award.request.signed_points
        and _may_be(movement, rival)
        and movement.note == rival.request.note
        and rival.attempt_time >= award.attempt_time - RIVAL_FOR
        for rival in rivals
    )

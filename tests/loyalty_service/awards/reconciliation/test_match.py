"""A list of movements shows which movement belongs to an award, and when none does."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from loyalty_service.awards.reconciliation.match import Neighbours, match_movements
from loyalty_service.domain.award import Award, AwardRequest, AwardState
from loyalty_service.domain.ports import Movement, Movements

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
REFERENCE = "A-7:request-7"
ALONE = Neighbours(movement_ids=frozenset(), references=frozenset(), rivals=())


def make_sent(number: int = 7, minutes: float = 0, **fields: Any) -> Award:  # noqa: ANN401  any field of AwardRequest
    """Make an UNKNOWN award that was sent so many minutes after noon."""
    request: dict[str, Any] = {
        "merchant_id": "acme",
        "request_id": f"request-{number}",
        "member_id": "jana",
        "points": 100,
        "note": "Sorry",
        "ticket_id": "",
        "claimed_agent_email": "",
        "claimed_agent_name": "",
    }
    return Award(
        number=number,
        request=AwardRequest(**request | fields),
        state=AwardState.UNKNOWN,
        attempt=1,
        receipt=None,
        rejection_reason=None,
        retryable=False,
        create_time=NOON,
        attempt_time=NOON + timedelta(minutes=minutes),
        update_time=NOON,
    )


def make_movement(movement_id: str = "m-1", **fields: Any) -> Movement:  # noqa: ANN401  any field of Movement
    known: dict[str, Any] = {"change": Decimal(100), "note": "Sorry", "reference": "", "create_time": NOON}
    return Movement(movement_id=movement_id, **known | fields)


def make_list(*items: Movement, is_complete: bool = True) -> Movements:
    return Movements(items=items, is_complete=is_complete)


def find(*items: Movement, sent: Award | None = None, neighbours: Neighbours = ALONE) -> str | None:
    movement = match_movements(sent or make_sent(), make_list(*items), neighbours).movement
    return movement.movement_id if movement else None


def test_reference_decides_for_any_note_and_time() -> None:
    other = make_movement(movement_id="m-2", reference=REFERENCE, note="", create_time=None)
    assert find(make_movement(), other) == "m-2"


def test_movement_with_another_reference_is_never_ours() -> None:
    finding = match_movements(make_sent(), make_list(make_movement(reference="A-70:request-7")), ALONE)
    assert finding.movement is None
    assert finding.is_absent


def test_reference_that_was_cut_short_is_no_proof_of_absence() -> None:
    cut = REFERENCE[:-4]
    assert find(make_movement(reference=cut)) == "m-1"
    assert not match_movements(make_sent(), make_list(make_movement(reference=cut, note="")), ALONE).is_absent


@pytest.mark.parametrize(
    "own",
    [
        [make_movement(reference=REFERENCE, change=Decimal(5))],
        [make_movement(reference=REFERENCE, change=Decimal(-100))],
        [make_movement(reference=REFERENCE), make_movement("m-2", reference=REFERENCE)],
        [make_movement(reference=REFERENCE, change=Decimal(-100)), make_movement("m-2", reference=REFERENCE)],
    ],
    ids=["other points", "taken", "twice", "counter-booked"],
)
def test_other_bookings_with_our_reference_settle_nothing(own: list[Movement]) -> None:
    finding = match_movements(make_sent(), make_list(*own, make_movement("m-9")), ALONE)
    assert (finding.movement, finding.is_absent) == (None, False)
    assert finding.contradiction


def test_movement_with_our_reference_that_settled_another_award_settles_no_second() -> None:
    neighbours = msgspec.structs.replace(ALONE, movement_ids=frozenset({"m-1"}))
    finding = match_movements(make_sent(), make_list(make_movement(reference=REFERENCE)), neighbours)
    assert (finding.movement, finding.is_absent) == (None, False)
    assert finding.contradiction


def test_empty_note_is_no_evidence() -> None:
    """Points that the shop itself gives have no note either."""
    finding = match_movements(make_sent(note=""), make_list(make_movement(note="")), ALONE)
    assert (finding.movement, finding.is_absent) == (None, False)


def test_provider_that_stores_references_has_stored_ours() -> None:
    """So a movement without a reference is not ours, however well it fits."""
    neighbours = msgspec.structs.replace(ALONE, references=frozenset({"A-6:request-6"}))
    of_another = make_movement("m-2", reference="A-6:request-6", change=Decimal(5))
    assert find(make_movement(), of_another, neighbours=neighbours) is None
    assert find(make_movement(), msgspec.structs.replace(of_another, reference="x"), neighbours=neighbours) == "m-1"


def test_award_that_was_not_applied_turns_up_by_its_reference_only() -> None:
    award = msgspec.structs.replace(make_sent(), state=AwardState.NOT_APPLIED)
    assert find(make_movement(), sent=award) is None
    assert find(make_movement(reference=REFERENCE), sent=award) == "m-1"


def test_without_references_the_one_movement_that_fits_is_ours() -> None:
    assert find(make_movement("m-0", change=Decimal(50)), make_movement()) == "m-1"


def test_reversal_is_found_by_points_that_were_taken() -> None:
    taken = make_movement("m-2", change=Decimal(-100))
    assert find(make_movement(), taken, sent=make_sent(reverses=3, is_debit=True)) == "m-2"


def test_deduction_is_found_by_points_that_were_taken_and_its_reversal_by_points_that_were_put_back() -> None:
    given, taken = make_movement(), make_movement("m-2", change=Decimal(-100))
    assert find(given, taken, sent=make_sent(is_debit=True)) == "m-2"
    assert find(given, taken, sent=make_sent(reverses=3)) == "m-1"
    assert match_movements(make_sent(is_debit=True), make_list(given), ALONE).is_absent


def test_movement_of_the_other_direction_with_a_deductions_reference_is_for_a_person() -> None:
    assert match_movements(make_sent(is_debit=True), make_list(make_movement(reference=REFERENCE)), ALONE).contradiction


@pytest.mark.parametrize("minutes", [-5, 0, 15])
def test_time_may_be_five_minutes_before_the_attempt_since_clocks_differ(minutes: float) -> None:
    assert find(make_movement(create_time=NOON + timedelta(minutes=minutes))) == "m-1"


@pytest.mark.parametrize(
    "fields",
    [
        {"change": Decimal(-100)},
        {"change": Decimal("100.5")},
        {"create_time": NOON - timedelta(minutes=5, seconds=1)},
    ],
    ids=lambda fields: next(iter(fields)),
)
def test_impossible_movement_leaves_the_award_absent(fields: dict[str, Any]) -> None:
    finding = match_movements(make_sent(), make_list(make_movement(**fields)), ALONE)
    assert (finding.movement, finding.is_absent) == (None, True)


@pytest.mark.parametrize(
    "fields",
    [{"note": "Sor"}, {"create_time": None}, {"create_time": NOON + timedelta(minutes=16)}],
    ids=["note", "no time", "later"],
)
def test_possible_movement_that_does_not_fit_shows_nothing(fields: dict[str, Any]) -> None:
    finding = match_movements(make_sent(), make_list(make_movement(**fields)), ALONE)
    assert (finding.movement, finding.is_absent) == (None, False)


def test_two_movements_that_fit_show_nothing() -> None:
    finding = match_movements(make_sent(), make_list(make_movement(), make_movement("m-2")), ALONE)
    assert (finding.movement, finding.is_absent) == (None, False)


def test_movement_of_another_award_is_skipped() -> None:
    neighbours = msgspec.structs.replace(ALONE, movement_ids=frozenset({"m-1"}))
    assert find(make_movement(), neighbours=neighbours) is None
    assert find(make_movement(), make_movement("m-2"), neighbours=neighbours) == "m-2"


@pytest.mark.parametrize(
    ("rival", "is_contested"),
    [
        (make_sent(6, minutes=-60), True),
        (make_sent(6, minutes=-60 * 25), False),
        (make_sent(8, minutes=10), False),
        (make_sent(6, points=50), False),
        (make_sent(6, note="Thanks"), False),
        (make_sent(6, reverses=3, is_debit=True), False),
        (make_sent(6, is_debit=True), False),
        (make_sent(6, reverses=3), True),
    ],
    ids=["the same", "long ago", "after the movement", "points", "note", "reversal", "deduction", "reversed deduction"],
)
def test_movement_that_may_belong_to_another_award_in_doubt_is_left(rival: Award, *, is_contested: bool) -> None:
    neighbours = msgspec.structs.replace(ALONE, rivals=(rival,))
    assert (find(make_movement(), neighbours=neighbours) is None) is is_contested


def test_incomplete_or_missing_list_shows_no_absence() -> None:
    assert match_movements(make_sent(), make_list(), ALONE).is_absent
    assert not match_movements(make_sent(), make_list(is_complete=False), ALONE).is_absent
    assert not match_movements(make_sent(), None, ALONE).is_absent

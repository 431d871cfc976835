"""The notes of an award, from the click to its last state."""

from typing import Any

import grpc
import pytest

from protos.loyalty.v1 import loyalty_pb2 as pb
from sandbox.gorgias.faults import Fault
from tests.gateway.edge.scripted import Failure
from tests.gateway.outbox.room import REQUEST, TICKET, Room, make_award, make_snapshot
from tests.gateway.waiting import wait_until

MINUTES_S = 60.0
DAY_S = 86_400.0
# Times just after the second and the third look at an award that is not on record, and after the next look at a pending
# one.
SECOND_LOOK_S = 0.4
THIRD_LOOK_S = 0.7
PENDING_LOOK_S = 0.6


async def test_applied_award_has_one_note_and_is_closed(room: Room) -> None:
    room.loyalty.awards[REQUEST] = make_award()
    await room.press()
    await room.wait_for_marks("Award A-10482 · added")
    await room.wait_for_close()
    assert room.list_notes() == [
        [
            "100 points added for Jana Nováková (JN-4821).",
            "Reason: Late delivery",
            "Note: sorry for the delay",
            "By Ana Kovacs, ana@acme.example, Mon 23 Nov 2026, 13:55 CET",
            "Balance: 1,240 → 1,340",
            "Award A-10482 · added",
        ]
    ]


@pytest.mark.parametrize(("state", "asked"), [(pb.AWARD_STATE_APPLIED, []), (pb.AWARD_STATE_PENDING, [REQUEST])])
async def test_award_known_from_its_press_is_asked_for_only_if_it_may_change(
    room: Room, state: pb.AwardState.ValueType, asked: list[str]
) -> None:
    room.loyalty.awards[REQUEST] = make_award()
    room.outbox.tell(make_award(state))
    await room.press()
    await room.wait_for_marks("Award A-10482 · added")
    assert room.loyalty.asked == asked


async def test_award_known_from_an_old_press_is_asked_for(room: Room) -> None:
    """It may have been undone, or its member erased.

    The latest press may be new: another process wrote the first note.
    """
    room.outbox.tell(make_award(note="of an erased member"))
    room.clock.ahead_s += 6.0
    room.loyalty.awards[REQUEST] = make_award(note="")
    await room.press()
    await room.wait_for_marks("Award A-10482 · added")
    assert room.loyalty.asked == [REQUEST]
    assert "of an erased member" not in str(room.list_notes())


@pytest.mark.parametrize(
    ("changes", "is_said"), [({}, True), ({"reversed_by": "A-2"}, False), ({"reverses": "A-1"}, True)]
)
async def test_note_names_the_tier_only_for_a_recent_award(room: Room, changes: Any, is_said: bool) -> None:  # noqa: ANN401, FBT001 - parameters of a test
    """After an undo, or long after the award, today's tier says nothing about it, as in the first test."""
    room.loyalty.awards[REQUEST] = award = make_award(**changes)
    award.create_time.GetCurrentTime()
    await room.press()
    await room.wait_for_close()
    assert ("Tier: Silver → Gold" in room.list_notes()[0]) is is_said


async def test_note_is_an_internal_one_by_the_user_of_the_installation(room: Room) -> None:
    room.loyalty.awards[REQUEST] = make_award()
    await room.press()
    await room.wait_for_close()
    [note] = [one for one in room.helpdesk.account.state.messages.values() if one.channel == "internal-note"]
    assert (note.from_agent, note.via, note.sender_email) == (True, "api", "admin@acme.example")


async def test_note_keeps_what_people_wrote_as_text(room: Room) -> None:
    room.loyalty.awards[REQUEST] = make_award(note='<img src=x onerror="alert(1)"> & שלום \u202eevil\u202c')
    await room.press()
    await room.wait_for_close()
    [note] = [one for one in room.helpdesk.account.state.messages.values() if one.channel == "internal-note"]
    assert "Note: \u2068&lt;img src=x onerror=&quot;alert(1)&quot;&gt; &amp; שלום evil\u2069<br>" in note.body_html
    assert "Note: \u2068<img src=x" in note.body_text


@pytest.mark.parametrize(
    ("actor", "lines"),
    [("Petra (root@desk)", ["Settled by Petra (root@desk): seen in TRIFFT Admin"]), ("loyalty_service", [])],
)
async def test_note_of_an_award_settled_by_a_person_names_them_and_their_reason(
    room: Room, actor: str, lines: list[str]
) -> None:
    room.loyalty.awards[REQUEST] = make_award(pb.AWARD_STATE_UNKNOWN)
    await room.press()
    await room.wait_for_marks("Award A-10482 · being checked")
    room.loyalty.changes = [pb.AwardChange(actor=actor, why="seen in\nTRIFFT Admin")]
    room.loyalty.by_number["A-10482"] = room.loyalty.awards[REQUEST] = make_award()
    await room.let_pass(1 * MINUTES_S)
    await room.wait_for_marks("Award A-10482 · being checked", "Award A-10482 · checked: added")
    assert [line for line in room.list_notes()[1] if line.startswith("Settled")] == lines


async def test_award_that_is_pending_is_looked_at_until_it_is_settled(room: Room) -> None:
    room.loyalty.awards[REQUEST] = make_award(pb.AWARD_STATE_PENDING)
    await room.press()
    await room.wait_for_look()
    await room.wait_for_look(after_s=PENDING_LOOK_S)
    assert room.list_notes() == []
    room.loyalty.awards[REQUEST] = make_award()
    await room.let_pass(PENDING_LOOK_S)
    await room.wait_for_marks("Award A-10482 · added")


async def test_award_that_is_recorded_late_gets_its_note(room: Room) -> None:
    await room.press()
    await room.wait_for_look()
    await room.wait_for_look(after_s=SECOND_LOOK_S)
    room.loyalty.awards[REQUEST] = make_award()
    await room.let_pass(THIRD_LOOK_S)
    await room.wait_for_marks("Award A-10482 · added")


async def test_click_without_an_award_is_forgotten_after_two_minutes(room: Room) -> None:
    await room.press()
    await room.wait_for_look()
    await room.let_pass(2.1 * MINUTES_S)
    await room.wait_for_close()
    assert await room.list_rows() == []
    assert room.list_notes() == []


async def test_refused_award_gets_no_note_and_the_next_number_gets_its_own(room: Room) -> None:
    """Until the next award is on record, the request names the refused one, however long ago that was."""
    room.loyalty.awards[REQUEST] = make_award(pb.AWARD_STATE_REJECTED)
    for _ in range(2):
        await room.press()
        await room.wait_for_look()
        await room.wait_for_look(after_s=SECOND_LOOK_S)
        assert await room.count_open() == 1
        await room.let_pass(2.1 * MINUTES_S)
        await room.wait_for_close()
    await room.press()
    await room.wait_for_look()
    await room.wait_for_look(after_s=SECOND_LOOK_S)
    room.loyalty.awards[REQUEST] = make_award(award_id="A-10483", points=50)
    await room.let_pass(THIRD_LOOK_S)
    await room.wait_for_marks("Award A-10483 · added")
    await room.wait_for_close()
    assert room.list_notes()[0][0] == "50 points added for Jana Nováková (JN-4821)."


async def test_refused_award_that_is_tried_again_gets_its_note(room: Room) -> None:
    """The click's row exists before the award is tried again, so the row must outlive the first refusal."""
    room.loyalty.awards[REQUEST] = make_award(pb.AWARD_STATE_REJECTED, retryable=True)
    await room.press()
    await room.wait_for_look()
    await room.wait_for_look(after_s=SECOND_LOOK_S)
    assert await room.count_open() == 1
    room.loyalty.awards[REQUEST] = make_award()
    await room.let_pass(THIRD_LOOK_S)
    await room.wait_for_marks("Award A-10482 · added")


async def test_note_goes_to_the_ticket_on_record_with_the_award(room: Room) -> None:
    """One panel's undo is one request on any ticket: refused on the first ticket, it may be booked on the next."""
    room.loyalty.awards[REQUEST] = make_award(pb.AWARD_STATE_REJECTED, retryable=True, reverses="A-1")
    await room.press()
    await room.wait_for_look()
    await room.wait_for_look(after_s=SECOND_LOOK_S)
    room.loyalty.awards[REQUEST] = make_award(reverses="A-1", ticket_id="4712")
    room.loyalty.by_number["A-1"] = make_award(award_id="A-1", ticket_id="4712")
    await room.press(ticket_id="4712")
    await room.wait_for_close()
    assert (room.list_marks(4711), room.list_marks(4712)) == ([], ["Award A-10482 · taken back"])


@pytest.mark.parametrize("retryable", [True, False])
async def test_refused_award_without_another_try_leaves_no_note_and_is_forgotten(
    room: Room,
    retryable: bool,  # noqa: FBT001 - a case
) -> None:
    room.loyalty.awards[REQUEST] = make_award(pb.AWARD_STATE_REJECTED, retryable=retryable)
    await room.press()
    await room.wait_for_look()
    await room.let_pass(2.1 * MINUTES_S)
    await room.wait_for_close()
    assert (await room.list_rows(), room.list_notes()) == ([], [])


async def test_unknown_award_has_one_note_and_another_when_it_is_settled(room: Room) -> None:
    room.loyalty.awards[REQUEST] = make_award(pb.AWARD_STATE_UNKNOWN)
    await room.press()
    await room.wait_for_marks("Award A-10482 · being checked")
    for _ in range(3):
        await room.let_pass(10 * MINUTES_S)
        await room.wait_for_look()
    room.loyalty.awards[REQUEST] = make_award()
    await room.let_pass(10 * MINUTES_S)
    await room.wait_for_marks("Award A-10482 · being checked", "Award A-10482 · checked: added")
    await room.wait_for_close()


async def test_award_that_never_arrived_has_a_note_and_is_watched_for_two_days(room: Room) -> None:
    room.loyalty.awards[REQUEST] = make_award(pb.AWARD_STATE_UNKNOWN)
    await room.press()
    await room.wait_for_marks("Award A-10482 · being checked")
    room.loyalty.awards[REQUEST] = make_award(pb.AWARD_STATE_NOT_APPLIED)
    await room.let_pass(1 * MINUTES_S)
    await room.wait_for_marks("Award A-10482 · being checked", "Award A-10482 · checked: not added")
    await room.let_pass(DAY_S)
    await room.wait_for_look()
    assert await room.count_open() == 1
    room.loyalty.awards[REQUEST] = make_award()
    await room.let_pass(31 * MINUTES_S)
    await room.wait_for_close()
    assert room.list_marks()[2:] == ["Award A-10482 · added after all"]


async def test_award_that_stays_not_applied_is_closed_after_two_days(room: Room) -> None:
    award = make_award(pb.AWARD_STATE_NOT_APPLIED)
    room.loyalty.awards[REQUEST] = award
    await room.press()
    await room.wait_for_marks("Award A-10482 · checked: not added")
    award.update_time.seconds -= round(2.1 * DAY_S)
    await room.let_pass(31 * MINUTES_S)
    await room.wait_for_close()
    assert len(room.list_notes()) == 1


async def test_award_that_never_arrived_has_a_note_even_without_a_first_one(room: Room) -> None:
    """The agent read that the award is being checked. Gorgias took notes again only after the check."""
    room.helpdesk.account.faults.set(Fault(kind="status", operation="create_message", status=429, times=1))
    room.loyalty.awards[REQUEST] = make_award(pb.AWARD_STATE_UNKNOWN)
    await room.press()
    await room.wait_for_look()
    await room.wait_for_return()
    room.loyalty.awards[REQUEST] = make_award(pb.AWARD_STATE_NOT_APPLIED)
    await room.let_pass(6)
    await room.wait_for_marks("Award A-10482 · checked: not added")


async def test_note_of_a_reversal_names_its_award(room: Room) -> None:
    room.loyalty.awards[REQUEST] = make_award(award_id="A-10483", reverses="A-10482", note="", reason="")
    await room.press()
    await room.wait_for_marks("Award A-10483 · taken back")
    assert room.list_notes()[0][:2] == [
        "100 points taken back from Jana Nováková (JN-4821).",
        "Takes back award A-10482.",
    ]
    assert "Balance: 1,440 → 1,340" in room.list_notes()[0]


async def test_deduction_and_its_undo_on_another_ticket_have_notes_as_an_award_has(room: Room) -> None:
    deduction = make_award(debit=True, points=50, note="", reason="Correction")
    undo: dict[str, Any] = {"reverses": "A-10482", "debit": False, "points": 50, "ticket_id": "4712"}
    room.loyalty.awards[REQUEST] = room.loyalty.by_number["A-10482"] = deduction
    room.loyalty.awards["request-2"] = make_award(award_id="A-10483", request_id="request-2", **undo)
    await room.press()
    await room.wait_for_marks("Award A-10482 · removed")
    await room.press("request-2", ticket_id="4712")
    await room.wait_for_marks("Award A-10483 · given back", ticket_id=4712)
    await room.wait_for_marks("Award A-10482 · removed", "Award A-10483 · given back")
    removed, given_back = room.list_notes()
    assert removed[:2] == ["50 points removed from Jana Nováková (JN-4821).", "Reason: Correction"]
    assert "Balance: 1,390 → 1,340" in removed
    assert given_back[:2] == [
        "50 points given back to Jana Nováková (JN-4821).",
        "Gives back award A-10482. This was done in ticket 4712.",
    ]
    assert "Balance: 1,290 → 1,340" in given_back


async def test_award_and_its_reversal_each_have_a_note(room: Room) -> None:
    room.loyalty.awards[REQUEST] = make_award()
    room.loyalty.awards["request-2"] = make_award(award_id="A-10483", reverses="A-10482", request_id="request-2")
    await room.press()
    await room.wait_for_marks("Award A-10482 · added")
    await room.press("request-2")
    await room.wait_for_marks("Award A-10482 · added", "Award A-10483 · taken back")


async def test_click_repeated_after_the_last_note_changes_nothing(room: Room) -> None:
    room.loyalty.awards[REQUEST] = make_award()
    await room.press()
    await room.wait_for_close()
    await room.press()
    assert await room.count_open() == 0
    assert room.list_marks() == ["Award A-10482 · added"]


async def test_click_repeated_while_it_is_checked_has_no_second_note(room: Room) -> None:
    room.loyalty.awards[REQUEST] = make_award(pb.AWARD_STATE_UNKNOWN)
    await room.press()
    await room.wait_for_marks("Award A-10482 · being checked")
    await room.wait_for_return()
    await room.press()
    await room.wait_for_look()
    await room.wait_for_return()
    assert room.list_marks() == ["Award A-10482 · being checked"]


async def test_note_without_the_member_says_only_what_is_known(room: Room) -> None:
    """TRIFFT is down, so the note has neither name nor tier."""
    room.loyalty.awards[REQUEST] = make_award(pb.AWARD_STATE_UNKNOWN)
    room.loyalty.snapshot = make_snapshot(stale_reason=pb.PROVIDER_UNAVAILABLE)
    await room.press()
    await room.wait_for_marks("Award A-10482 · being checked")
    assert not [line for line in room.list_notes()[0] if line.startswith(("Tier", "Balance"))]


async def test_shop_that_is_not_installed_has_no_rows(room: Room) -> None:
    await room.press(merchant_id="bloom")
    assert await room.list_rows() == []


NO_TICKETS: list[str] = ["", "chat-1", "0", "-1", "04711", "4711.0", "9" * 19, "٤٧١١"]


async def test_impossible_ticket_number_leaves_no_row(room: Room, subtests: pytest.Subtests) -> None:
    for ticket_id in NO_TICKETS:
        with subtests.test(ticket_id=ticket_id):
            await room.press(ticket_id=ticket_id)
            assert await room.list_rows() == []


async def test_notes_are_counted(room: Room) -> None:
    room.loyalty.awards[REQUEST] = make_award()
    await room.press()
    await room.wait_for_close()
    assert room.registry.get_sample_value("gateway_notes_written_total", {"kind": "done"}) == 1
    await room.let_pass(16)

    async def is_none_open() -> bool:
        return room.registry.get_sample_value("gateway_notes_open") == 0

    await wait_until(is_none_open)


async def test_award_that_is_settled_after_a_month_still_has_a_note(room: Room) -> None:
    """The first note is wrong now, however late a person settles the award."""
    room.loyalty.awards[REQUEST] = make_award(pb.AWARD_STATE_UNKNOWN)
    await room.press()
    await room.wait_for_marks("Award A-10482 · being checked")
    await room.let_pass(30.1 * DAY_S)
    await room.wait_for_look()
    room.loyalty.awards[REQUEST] = make_award()
    await room.let_pass(11 * MINUTES_S)
    await room.wait_for_close()
    assert room.list_marks() == ["Award A-10482 · being checked", "Award A-10482 · checked: added"]


async def test_undo_on_another_ticket_also_leaves_a_note_in_the_ticket_of_its_award(room: Room) -> None:
    room.loyalty.awards[REQUEST] = make_award(pb.AWARD_STATE_UNKNOWN, reverses="A-1", ticket_id="4712")
    room.loyalty.by_number["A-1"] = make_award(award_id="A-1", ticket_id=str(TICKET))
    await room.press(ticket_id="4712")
    for ticket_id in (4712, TICKET):
        await room.wait_for_marks("Award A-10482 · being checked", ticket_id=ticket_id)
    room.loyalty.awards[REQUEST] = make_award(reverses="A-1", ticket_id="4712")
    await room.let_pass(10 * MINUTES_S)
    await room.wait_for_close()
    for ticket_id in (4712, TICKET):
        assert room.list_marks(ticket_id) == ["Award A-10482 · being checked", "Award A-10482 · checked: taken back"]
    assert room.list_notes(4712)[1][1] == "Takes back award A-1."
    assert room.list_notes(TICKET)[1][1] == "Takes back award A-1. This was done in ticket 4712."


@pytest.mark.parametrize(
    "origin", [make_award(award_id="A-1", ticket_id=""), Failure(grpc.StatusCode.NOT_FOUND, "AWARD_NOT_FOUND")]
)
async def test_undo_of_an_award_without_a_ticket_leaves_a_note_where_it_was_pressed(
    room: Room, origin: pb.Award | Failure
) -> None:
    room.loyalty.awards[REQUEST] = make_award(reverses="A-1")
    room.loyalty.by_number["A-1"] = origin
    await room.press()
    await room.wait_for_close()
    assert room.list_marks() == ["Award A-10482 · taken back"]

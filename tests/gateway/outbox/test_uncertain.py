"""Answers of Gorgias that are lost, between the row and the ticket: one note, always."""

from typing import Any

import pytest

from gateway.gorgias import tickets as messages
from gateway.gorgias.rate_limiter import RateLimiter
from gateway.outbox.delivery import LATE_S
from gateway.outbox.store import OutboxStore
from protos.loyalty.v1 import loyalty_pb2 as pb
from sandbox.gorgias import events
from sandbox.gorgias.faults import Fault
from tests.gateway.helpdesk import Helpdesk
from tests.gateway.outbox.room import (
    REQUEST,
    TICKET,
    Room,
    make_award,
)

ADDED = "Award A-10482 · added"
PAST_LATE_S = LATE_S + 1.0


@pytest.mark.parametrize("kind", ["lost_answer", "reset", "status"])
@pytest.mark.parametrize("is_after", [False, True])
async def test_note_whose_answer_is_lost_is_in_the_ticket_once(room: Room, kind: Any, is_after: bool) -> None:  # noqa: ANN401, FBT001 - parameters of a test
    """Whether Gorgias had written it or not."""
    fault = Fault(kind=kind, operation="create_message", status=502, times=1, after_commit=is_after)
    room.helpdesk.account.faults.set(fault)
    room.loyalty.awards[REQUEST] = make_award()
    await room.press()
    await room.wait_for_failures()
    await room.let_pass(PAST_LATE_S)
    await room.wait_for_close()
    assert room.list_marks() == [ADDED]


async def test_ticket_is_looked_through_only_after_an_uncertain_send(room: Room) -> None:
    room.loyalty.awards[REQUEST] = make_award()
    await room.press()
    await room.wait_for_close()
    assert room.helpdesk.requests == [f"POST /tickets/{TICKET}/messages"]


async def test_note_is_not_sent_while_the_ticket_cannot_be_looked_through(room: Room) -> None:
    faults = room.helpdesk.account.faults
    faults.set(Fault(kind="lost_answer", operation="create_message", times=1))
    faults.set(Fault(kind="status", operation="list_messages", status=503))
    room.loyalty.awards[REQUEST] = make_award()
    await room.press()
    await room.wait_for_failures()
    await room.let_pass(10)
    await room.wait_for_failures(2)
    faults.clear()
    await room.let_pass(20)
    await room.wait_for_close()
    assert room.helpdesk.writes == [f"POST /tickets/{TICKET}/messages"]
    assert room.list_marks() == [ADDED]


@pytest.mark.parametrize(
    ("channel", "body"),
    [
        ("email", ADDED),
        ("internal-note", f"I have seen “{ADDED}”"),
        ("internal-note", f"{ADDED}\nand told the customer"),
        ("internal-note", "Award A-104821 · added"),
        ("internal-note", "Award A-10482 · being checked"),
    ],
)
async def test_only_a_note_that_ends_with_the_mark_is_taken_for_ours(room: Room, channel: str, body: str) -> None:
    add_message(room.helpdesk, channel, body)
    room.helpdesk.account.faults.set(Fault(kind="status", operation="create_message", status=502, times=1))
    room.loyalty.awards[REQUEST] = make_award()
    await room.press()
    await room.wait_for_failures()
    await room.let_pass(PAST_LATE_S)
    await room.wait_for_close()
    assert room.helpdesk.writes == [f"POST /tickets/{TICKET}/messages"] * 2


async def test_note_that_gorgias_writes_late_is_not_sent_again(room: Room) -> None:
    room.helpdesk.account.faults.set(Fault(kind="status", operation="create_message", status=502, times=1))
    room.loyalty.awards[REQUEST] = make_award()
    await room.press()
    await room.wait_for_failures()
    await room.let_pass(3)
    await room.wait_for_failures(2)
    add_message(room.helpdesk, "internal-note", f"100 points added.\n{ADDED}")
    await room.let_pass(PAST_LATE_S)
    await room.wait_for_close()
    assert room.helpdesk.writes == [f"POST /tickets/{TICKET}/messages"]
    assert room.list_marks() == [ADDED]


async def test_note_that_may_come_late_is_looked_for_three_times_before_it_is_sent_again(room: Room) -> None:
    room.helpdesk.account.faults.set(Fault(kind="status", operation="create_message", status=408, times=1))
    room.loyalty.awards[REQUEST] = make_award()
    await room.press()
    await room.wait_for_failures()
    post, look = f"POST /tickets/{TICKET}/messages", "GET /messages"
    for count, seconds in ((2, 3), (3, 8)):
        await room.let_pass(seconds)
        await room.wait_for_failures(count)
        assert room.helpdesk.requests == [post, *[look] * (count - 1)]
    assert (await OutboxStore(room.database).get_backlog("acme")).problem == "GorgiasUnavailableError"
    await room.let_pass(PAST_LATE_S - 3 - 8 - 20)  # the rows' clock goes on: a busy machine may need some seconds
    await room.wait_for_return()
    assert room.helpdesk.requests == [post, look, look]
    await room.let_pass(20)
    await room.wait_for_marks(ADDED)
    assert room.helpdesk.requests == [post, look, look, look, post]


async def test_ticket_of_several_pages_is_looked_through_while_its_account_is_busy(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each page says that others use more than half of the account; there is no later time when they would not."""
    note_level = RateLimiter.note_level
    monkeypatch.setattr(RateLimiter, "note_level", lambda limiter, _used, _capacity: note_level(limiter, 24, 40))
    room.helpdesk.account.faults.set(Fault(kind="lost_answer", operation="create_message", times=1))
    room.loyalty.awards[REQUEST] = make_award()
    await room.press()
    await room.wait_for_failures()
    for number in range(150):
        add_message(room.helpdesk, "email", f"message {number}")
    await room.let_pass(10)
    await room.wait_for_close()
    assert room.list_marks() == [ADDED]


async def test_note_is_kept_as_failed_where_its_ticket_is_too_long_to_be_looked_through(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(messages, "_MAX_PAGES", 1)
    room.helpdesk.account.faults.set(Fault(kind="status", operation="create_message", status=502, times=1))
    room.loyalty.awards[REQUEST] = make_award()
    await room.press()
    await room.wait_for_failures()
    for number in range(101):
        add_message(room.helpdesk, "email", f"message {number}")
    await room.let_pass(PAST_LATE_S)
    await room.wait_for_close()
    backlog = await OutboxStore(room.database).get_backlog("acme")
    assert (backlog.failed_count, backlog.failed_problem) == (1, "GorgiasTooLongError")


async def test_note_is_found_behind_a_page_of_newer_messages(room: Room) -> None:
    room.helpdesk.account.faults.set(Fault(kind="lost_answer", operation="create_message", times=1))
    room.loyalty.awards[REQUEST] = make_award()
    await room.press()
    await room.wait_for_failures()
    for number in range(150):
        add_message(room.helpdesk, "email", f"message {number}")
    await room.let_pass(10)
    await room.wait_for_close()
    assert room.list_marks() == [ADDED]


async def test_answer_lost_for_the_first_note_leaves_both_in_their_order(room: Room) -> None:
    room.helpdesk.account.faults.set(Fault(kind="lost_answer", operation="create_message", times=1))
    room.loyalty.awards[REQUEST] = make_award(pb.AWARD_STATE_UNKNOWN)
    await room.press()
    await room.wait_for_failures()
    room.loyalty.awards[REQUEST] = make_award()
    await room.let_pass(10)
    await room.wait_for_close()
    assert room.list_marks() == ["Award A-10482 · being checked", "Award A-10482 · checked: added"]


def add_message(helpdesk: Helpdesk, channel: str, body: str) -> None:
    class NoTriggers:
        def fire(self, *_event: object) -> None:
            """Nobody listens."""

    account = helpdesk.account
    events.add_message(
        account,
        NoTriggers(),  # type: ignore[arg-type] # all that is asked of it
        account.state.tickets[TICKET],
        channel=channel,
        from_agent=True,
        via="helpdesk",
        sender_name="Ana",
        sender_email=None,
        body_text=body,
    )

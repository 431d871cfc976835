"""The notes about links: each is recorded with its link, and appears in the ticket once."""

from typing import Any

import pytest

from gateway.links.link import Agent, EndKind, Link, LinkEnd, NewLink
from gateway.links.store import Change, LinkLimit
from gateway.outbox.delivery import LATE_S
from sandbox.gorgias.faults import Fault
from tests.gateway.edge.running import NOW
from tests.gateway.outbox.room import Room
from tests.statements import execute

ANA, BEN = Agent(name="Ana Kovacs", email="ana@acme.example"), Agent(name="Ben")
LIMIT = LinkLimit(most=20, day_start=NOW)


async def link(room: Room, customer_id: int = 101) -> Change:
    new = NewLink(
        merchant_id="acme",
        customer_id=customer_id,
        member_id="member-1",
        support_id="JN-4821",
        agent=ANA,
        ticket_id=4711,
    )
    change = await room.links.add(new, NOW, LIMIT, room.outbox.put_link_note)
    room.outbox.look()
    return change


async def unlink(room: Room, linked: Link, *, ticket_id: int | None = 4711) -> Change:
    end = LinkEnd(kind=EndKind.UNLINKED, agent=BEN, ticket_id=ticket_id, time=NOW)
    change = await room.links.end("acme", linked.customer_id, linked.link_id, end, room.outbox.put_link_note)
    room.outbox.look()
    return change


async def test_link_and_its_end_each_leave_a_note(room: Room) -> None:
    made = await link(room)
    assert (made.is_new, made.is_noted) == (True, True)
    await room.wait_for_marks("Link L-1 · made")
    assert (await unlink(room, made.link)).is_noted
    await room.wait_for_marks("Link L-1 · made", "Link L-1 · removed")
    assert room.list_notes() == [
        [
            "This customer is now linked to member JN-4821.",
            "By Ana Kovacs, ana@acme.example, Mon 23 Nov 2026, 13:55 CET",
            "Link L-1 · made",
        ],
        [
            "The link of this customer to member JN-4821 was removed.",
            "By Ben, Mon 23 Nov 2026, 13:55 CET",
            "Link L-1 · removed",
        ],
    ]


async def test_repeated_link_leaves_no_second_note(room: Room) -> None:
    made = await link(room)
    await room.wait_for_close()
    assert await link(room) == Change(link=made.link, is_new=False)
    ended = await unlink(room, made.link)
    await room.wait_for_close()
    assert await unlink(room, made.link) == Change(link=ended.link, is_new=False)
    await room.wait_for_close()
    assert len(room.list_notes()) == 2


async def test_note_goes_to_the_ticket_where_unlink_was_pressed(room: Room) -> None:
    made = await link(room)
    await unlink(room, made.link, ticket_id=4712)
    await room.wait_for_close()
    assert (room.list_marks(), room.list_marks(4712)) == (["Link L-1 · made"], ["Link L-1 · removed"])


async def test_operator_who_removes_a_link_leaves_no_note(room: Room) -> None:
    made = await link(room)
    await room.wait_for_close()
    assert not (await unlink(room, made.link, ticket_id=None)).is_noted


@pytest.mark.parametrize("kind", ["lost_answer", "status"])
@pytest.mark.parametrize("is_after", [False, True])
async def test_note_of_a_link_is_in_the_ticket_once_although_an_answer_is_lost(
    room: Room,
    kind: Any,  # noqa: ANN401 - of a Fault
    is_after: bool,  # noqa: FBT001 - a parameter of a test
) -> None:
    fault = Fault(kind=kind, operation="create_message", status=502, times=1, after_commit=is_after)
    room.helpdesk.account.faults.set(fault)
    await link(room)
    await room.wait_for_failures()
    await room.let_pass(LATE_S + 1.0)
    await room.wait_for_close()
    assert room.list_marks() == ["Link L-1 · made"]


async def test_shop_that_wants_no_notes_gets_none(room: Room) -> None:
    await execute(room.database, "UPDATE installations SET writes_notes = FALSE")
    made = await link(room)
    assert (made.is_new, made.is_noted, await room.list_rows()) == (True, False, [])


async def test_note_in_a_ticket_of_another_customer_does_not_name_the_member(room: Room) -> None:
    """The ticket was given to another customer while Gorgias took no notes."""
    fault = Fault(kind="status", operation="create_message", status=503, times=1)
    room.helpdesk.account.faults.set(fault)
    await link(room)
    await room.wait_for_failures()
    room.helpdesk.account.state.tickets[4711].customer_id = 103
    await room.let_pass(LATE_S + 1.0)
    await room.wait_for_close()
    assert room.list_notes()[0][0] == "The customer whose ticket this was then is now linked to a member."


async def test_link_of_a_forgotten_person_gets_no_note(room: Room) -> None:
    room.helpdesk.account.faults.set(Fault(kind="status", operation="create_message", status=503, times=1))
    await link(room)
    await room.wait_for_failures()
    await room.links.forget("acme", member_ids=["member-1"], support_ids=[], channels=[])
    await room.let_pass(LATE_S + 1.0)
    await room.wait_for_close()
    assert room.list_notes() == []

"""Notes that Gorgias or the shop does not accept, and what the operator sees of them."""

import asyncio
from contextlib import AsyncExitStack

import grpc
import msgspec
import pytest

from gateway.installation.store import InstallationStore, Target
from gateway.outbox import service
from gateway.outbox.entries import Backlog
from gateway.outbox.store import OutboxStore
from protos.loyalty.v1 import loyalty_pb2 as pb
from runtime.database import Database
from sandbox.gorgias.faults import Fault
from tests.gateway.edge.scripted import Failure
from tests.gateway.helpdesk import Helpdesk
from tests.gateway.outbox.room import REQUEST, TICKET, JanasPanel, Room, TicketLoyalty, let_pass, make_award
from tests.gateway.outbox.stage import Enter
from tests.gateway.waiting import wait_until

ADDED = "Award A-10482 · added"
POST = f"POST /tickets/{TICKET}/messages"
HOUR_S = 3600.0
DAY_S = 86_400.0
# A process has 8 s to end, most of which are for its requests.
MOST_OF_THE_END_S = 4.0
# Much shorter than Gorgias hangs, and longer than a busy machine needs.
LEAVES_WITHIN_S = 30.0
HANGS_S = 600.0


async def test_note_for_a_ticket_that_is_gone_is_not_tried_for_ever(room: Room) -> None:
    room.loyalty.awards[REQUEST] = make_award(ticket_id="999999")
    await room.press(ticket_id="999999")
    await room.wait_for_close()
    store = OutboxStore(room.database)
    await store.retry_failed("acme")
    assert await store.count_open() == 0
    backlog = await store.get_backlog("acme")
    assert (backlog.count, backlog.failed_count, backlog.gone_count) == (0, 0, 1)
    assert room.helpdesk.writes == ["POST /tickets/999999/messages"]


@pytest.mark.parametrize("status", [400, 404, 409])
async def test_note_refused_by_gorgias_is_kept_as_failed_and_tried_again_on_request(room: Room, status: int) -> None:
    """Gorgias has the ticket even if the status is 404."""
    room.helpdesk.account.faults.set(Fault(kind="status", operation="create_message", status=status))
    room.loyalty.awards[REQUEST] = make_award()
    await room.press()
    await room.wait_for_close()
    store = OutboxStore(room.database)
    backlog = await store.get_backlog("acme")
    assert (backlog.count, backlog.failed_count, backlog.failed_problem) == (0, 1, "GorgiasRefusedError")
    assert room.helpdesk.writes == [POST]
    room.clock.ahead_s += 16

    async def is_counted() -> bool:
        return room.registry.get_sample_value("gateway_notes_failed") == 1

    await wait_until(is_counted)
    room.helpdesk.account.faults.clear()
    await store.retry_failed("acme")
    await room.wait_for_marks(ADDED)
    await room.wait_for_return()
    assert await store.get_backlog("acme") == Backlog()


async def test_account_that_is_always_throttled_is_reported_to_the_operator(room: Room) -> None:
    room.helpdesk.account.faults.set(Fault(kind="status", operation="create_message", status=429))
    room.loyalty.awards[REQUEST] = make_award()
    await room.press()
    for count in range(1, 6):
        await room.wait_for_failures(count)
        await room.let_pass(6)
    assert (await OutboxStore(room.database).get_backlog("acme")).problem == ""
    await room.wait_for_failures(6)
    assert (await OutboxStore(room.database).get_backlog("acme")).problem == "GorgiasThrottledError"


async def test_note_that_cannot_be_delivered_is_given_up_and_reported_after_a_month(room: Room) -> None:
    room.helpdesk.account.faults.set(Fault(kind="status", operation="create_message", status=403))
    room.loyalty.awards[REQUEST] = make_award()
    await room.press()
    await room.wait_for_look()
    await room.let_pass(30.1 * DAY_S)
    await room.wait_for_close()
    assert (await OutboxStore(room.database).get_backlog("acme")).failed_problem == "GorgiasCredentialsError"


async def test_shop_with_a_refused_key_pauses_and_writes_all_notes_with_the_next_key(
    room: Room, installations: InstallationStore, target: Target
) -> None:
    """The refused key, which the process still held, is not used again."""
    await installations.update("acme", msgspec.structs.replace(target, gorgias_key="of yesterday"))
    for number in range(3):
        room.loyalty.awards[f"r{number}"] = make_award(award_id=f"A-{number}", request_id=f"r{number}")
    await asyncio.gather(*[room.press(f"r{number}") for number in range(3)])
    store = OutboxStore(room.database)

    async def is_refused() -> bool:
        return (await store.get_backlog("acme")).count > 0

    await wait_until(is_refused)
    await room.wait_for_return()
    assert room.helpdesk.writes == [POST]
    await installations.update("acme", target)
    await store.retry_failed("acme")
    room.clock.ahead_s += 11
    await room.wait_for_close()
    assert sorted(room.list_marks()) == [f"Award A-{number} · added" for number in range(3)]
    assert len(room.helpdesk.writes) == 4


@pytest.mark.parametrize("status", [401, 403])
async def test_note_waits_while_the_key_is_refused_and_is_sent_on_request(room: Room, status: int) -> None:
    room.helpdesk.account.faults.set(Fault(kind="status", operation="create_message", status=status))
    room.loyalty.awards[REQUEST] = make_award()
    await room.press()
    await room.wait_for_look()
    await room.wait_for_return()
    await room.let_pass(HOUR_S / 2)
    store = OutboxStore(room.database)
    backlog = await store.get_backlog("acme")
    assert (backlog.count, backlog.problem) == (1, "GorgiasCredentialsError")
    assert backlog.since is not None
    assert room.helpdesk.writes == [POST]
    room.helpdesk.account.faults.clear()
    await store.retry_failed("acme")
    await room.wait_for_marks(ADDED)
    await room.wait_for_return()
    assert (await store.get_backlog("acme")).count == 0


async def test_refused_key_is_tried_again_after_an_hour(room: Room) -> None:
    room.helpdesk.account.faults.set(Fault(kind="status", operation="create_message", status=401, times=1))
    room.loyalty.awards[REQUEST] = make_award()
    await room.press()
    await room.wait_for_look()
    await room.let_pass(HOUR_S + 1)
    await room.wait_for_marks(ADDED)


async def test_throttled_note_waits_as_long_as_gorgias_says_and_is_sent_once(room: Room) -> None:
    room.helpdesk.account.faults.set(Fault(kind="status", operation="create_message", status=429, times=1))
    room.loyalty.awards[REQUEST] = make_award()
    await room.press()
    await room.wait_for_look()
    await room.let_pass(4)
    assert room.helpdesk.requests == [POST]
    await room.let_pass(2)
    await room.wait_for_marks(ADDED)
    assert room.helpdesk.requests == [POST, POST]


async def test_shop_with_a_slow_account_does_not_hold_up_another(room: Room, installations: InstallationStore) -> None:
    await installations.add("bloom", room.helpdesk.make_target("bloom"))
    account = room.helpdesk.accounts["bloom"]
    [ticket_id, *_] = account.state.tickets
    account.faults.set(Fault(kind="hang"))
    room.loyalty.awards["of-bloom"] = make_award(merchant_id="bloom", request_id="of-bloom")
    room.loyalty.awards[REQUEST] = make_award()
    await room.press("of-bloom", str(ticket_id), "bloom")
    await room.wait_for_look()
    await room.press()
    await room.wait_for_marks(ADDED)
    account.faults.clear()  # the room waits for the call that is under way


async def test_shop_that_wants_no_notes_has_no_rows(
    room: Room, installations: InstallationStore, target: Target
) -> None:
    await installations.update("acme", msgspec.structs.replace(target, writes_notes=False))
    await room.press()
    assert await room.list_rows() == []


async def test_note_of_a_shop_that_has_just_turned_them_on_is_written(
    room: Room, installations: InstallationStore, target: Target
) -> None:
    """The gateway still remembers that the shop wants none."""
    await installations.update("acme", msgspec.structs.replace(target, writes_notes=False))
    await room.ownership.check("acme", str(TICKET), JanasPanel(), country="", timeout_s=20.0)
    await installations.update("acme", target)
    room.loyalty.awards[REQUEST] = make_award()
    await room.press()
    await room.wait_for_marks(ADDED)


async def test_note_of_one_account_is_never_written_in_the_next_one(
    room: Room, installations: InstallationStore, helpdesk: Helpdesk
) -> None:
    """Both accounts have a ticket with this number."""
    ticket_id = next(iter(helpdesk.accounts["bloom"].state.tickets))
    room.helpdesk.account.faults.set(Fault(kind="status", operation="create_message", status=401))
    room.loyalty.awards[REQUEST] = make_award(ticket_id=str(ticket_id))
    await room.press(ticket_id=str(ticket_id))
    await room.wait_for_look()
    await room.wait_for_return()
    await installations.delete("acme")
    assert await room.list_rows() == []
    await installations.add("acme", helpdesk.make_target("bloom"))
    room.loyalty.awards["next"] = make_award(award_id="A-2", request_id="next", ticket_id=str(ticket_id))
    await room.press("next", ticket_id=str(ticket_id))
    room.clock.ahead_s += 11
    await room.wait_for_close()
    notes = [one for one in helpdesk.accounts["bloom"].state.messages.values() if one.channel == "internal-note"]
    assert [note.body_text.split("\n")[-1] for note in notes] == ["Award A-2 · added"]


@pytest.mark.parametrize("is_gone", [False, True])
async def test_notes_that_a_shop_does_not_want_any_more_are_dropped_quietly(
    room: Room,
    installations: InstallationStore,
    target: Target,
    is_gone: bool,  # noqa: FBT001 - a parameter of a test
) -> None:
    room.loyalty.awards[REQUEST] = make_award(pb.AWARD_STATE_PENDING)
    await room.press()
    if is_gone:
        await installations.delete("acme")
    else:
        await installations.update("acme", msgspec.structs.replace(target, writes_notes=False))
    await room.let_pass(6)
    await room.wait_for_close()
    assert room.list_notes() == []


async def test_loyalty_service_that_is_down_loses_no_note(
    room: Room,
) -> None:
    room.loyalty.awards[REQUEST] = Failure(grpc.StatusCode.UNAVAILABLE)
    await room.press()
    await room.wait_for_look()
    room.loyalty.awards[REQUEST] = make_award()
    await room.let_pass(200)
    await room.wait_for_marks(ADDED)


async def test_gateway_ends_in_time_while_gorgias_hangs_and_the_next_writes_the_note(
    database: Database,
    enter: Enter,
    helpdesk: Helpdesk,
    loyalty: TicketLoyalty,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert service._FINISH_S + service._RELEASE_S < MOST_OF_THE_END_S
    monkeypatch.setattr(service, "_FINISH_S", 0.05)
    monkeypatch.setattr("gateway.installation.accounts.NOTE_TIMEOUT_S", HANGS_S)
    helpdesk.account.faults.set(Fault(kind="hang", operation="create_message"))
    loyalty.awards[REQUEST] = make_award()
    async with AsyncExitStack() as stack:
        room = await stack.enter_async_context(enter())
        await room.press()
        await room.wait_for_look()

        async def hangs() -> bool:
            return POST in helpdesk.requests

        await wait_until(hangs)
        async with asyncio.timeout(LEAVES_WITHIN_S):
            await stack.aclose()
    helpdesk.account.faults.clear()
    async with enter() as room:
        await let_pass(database, 70)
        await room.wait_for_close()
    assert room.list_marks() == [ADDED]


@pytest.mark.parametrize("has_left", [False, True])
async def test_late_note_in_a_ticket_of_another_customer_names_nobody(room: Room, *, has_left: bool) -> None:
    """Gorgias takes no messages for a while, and the ticket is given to another customer meanwhile."""
    account = room.helpdesk.account
    owner = account.state.tickets[TICKET].customer_id
    account.faults.set(Fault(kind="status", operation="create_message", status=503))
    room.loyalty.awards[REQUEST] = make_award(note="for Jana")
    await room.press(customer_id=owner)
    await room.wait_for_look()
    await room.wait_for_return()
    account.faults.clear()
    if has_left:
        account.state.tickets[TICKET].customer_id = next(one for one in account.state.customers if one != owner)

    await room.let_pass(60)
    await room.wait_for_marks(ADDED)

    [note] = room.list_notes()
    told = any("Jana" in line or line.startswith("Balance") for line in note)
    assert told is not has_left
    assert note[0].startswith(
        "100 points added for the customer whose ticket this was then" if has_left else "100 points added for Jana"
    )

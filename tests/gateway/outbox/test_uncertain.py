"""Answers that are lost, and workers that end, between the row, Gorgias and the row again: one note, always."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Generator
from contextlib import AsyncExitStack
from typing import Any

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from gateway.database import open_database
from gateway.gorgias import tickets as messages
from gateway.gorgias.rate_limiter import RateLimiter
from gateway.installation.accounts import Accounts
from gateway.installation.store import InstallationStore, Target
from gateway.loyalty_client import LoyaltyClient
from gateway.merchants import Merchants
from gateway.notes.service import Notes
from gateway.outbox.delivery import LATE_S, Delivery
from gateway.outbox.entries import Entry
from gateway.outbox.metrics import OutboxMetrics
from gateway.outbox.statements import LEASE_S
from gateway.outbox.store import OutboxStore
from gateway.wording.note import NoteKind
from protos.loyalty.v1 import loyalty_pb2 as pb
from runtime.database import Database
from runtime.encryption import SecretKeys
from sandbox.gorgias import events
from sandbox.gorgias.faults import Fault
from sandbox.gorgias.ticket import Message
from tests.gateway.helpdesk import Helpdesk
from tests.gateway.outbox.room import (
    REQUEST,
    TICKET,
    Clock,
    Room,
    TicketLoyalty,
    let_pass,
    make_award,
    open_room,
)
from tests.gateway.waiting import wait_until

ADDED = "Award A-10482 · added"
PAST_LEASE_S = LEASE_S + 5.0
PAST_LATE_S = LATE_S + 1.0


async def wait_for_failures(room: Room, count: int = 1) -> None:
    """Until the row has been put off so often, and is nobody's."""

    async def were_met() -> bool:
        rows = await room.list_rows()
        return all(row["lease_expire_time_ms"] is None and row["look_count"] == count for row in rows)

    await wait_until(were_met)


@pytest.mark.parametrize("kind", ["lost_answer", "reset", "status"])
@pytest.mark.parametrize("is_after", [False, True])
async def test_note_whose_answer_is_lost_is_in_the_ticket_once(room: Room, kind: Any, is_after: bool) -> None:  # noqa: ANN401, FBT001 - parameters of a test
    """Whether Gorgias had written it or not."""
    fault = Fault(kind=kind, operation="create_message", status=502, times=1, after_commit=is_after)
    room.helpdesk.account.faults.set(fault)
    room.loyalty.awards[REQUEST] = make_award()
    await room.press()
    await wait_for_failures(room)
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
    await wait_for_failures(room)
    await room.let_pass(10)
    await wait_for_failures(room, 2)
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
    await wait_for_failures(room)
    await room.let_pass(PAST_LATE_S)
    await room.wait_for_close()
    assert room.helpdesk.writes == [f"POST /tickets/{TICKET}/messages"] * 2


async def test_note_that_gorgias_writes_late_is_not_sent_again(room: Room) -> None:
    room.helpdesk.account.faults.set(Fault(kind="status", operation="create_message", status=502, times=1))
    room.loyalty.awards[REQUEST] = make_award()
    await room.press()
    await wait_for_failures(room)
    await room.let_pass(3)
    await wait_for_failures(room, 2)
    add_message(room.helpdesk, "internal-note", f"100 points added.\n{ADDED}")
    await room.let_pass(PAST_LATE_S)
    await room.wait_for_close()
    assert room.helpdesk.writes == [f"POST /tickets/{TICKET}/messages"]
    assert room.list_marks() == [ADDED]


async def test_note_that_may_come_late_is_looked_for_three_times_before_it_is_sent_again(room: Room) -> None:
    room.helpdesk.account.faults.set(Fault(kind="status", operation="create_message", status=408, times=1))
    room.loyalty.awards[REQUEST] = make_award()
    await room.press()
    await wait_for_failures(room)
    post, look = f"POST /tickets/{TICKET}/messages", "GET /messages"
    for count, seconds in ((2, 3), (3, 8)):
        await room.let_pass(seconds)
        await wait_for_failures(room, count)
        assert room.helpdesk.requests == [post, *[look] * (count - 1)]
    assert (await OutboxStore(room.database).get_backlog("acme")).problem == "GorgiasUnavailableError"
    await room.let_pass(PAST_LATE_S - 3 - 8 - 2)
    await room.wait_for_return()
    assert room.helpdesk.requests == [post, look, look]
    await room.let_pass(3)
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
    await wait_for_failures(room)
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
    await wait_for_failures(room)
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
    await wait_for_failures(room)
    for number in range(150):
        add_message(room.helpdesk, "email", f"message {number}")
    await room.let_pass(10)
    await room.wait_for_close()
    assert room.list_marks() == [ADDED]


async def test_answer_lost_for_the_first_note_leaves_both_in_their_order(room: Room) -> None:
    room.helpdesk.account.faults.set(Fault(kind="lost_answer", operation="create_message", times=1))
    room.loyalty.awards[REQUEST] = make_award(pb.AWARD_STATE_UNKNOWN)
    await room.press()
    await wait_for_failures(room)
    room.loyalty.awards[REQUEST] = make_award()
    await room.let_pass(10)
    await room.wait_for_close()
    assert room.list_marks() == ["Award A-10482 · being checked", "Award A-10482 · checked: added"]


@pytest.fixture
async def loose(
    database: Database, installations: InstallationStore, loyalty_server: tuple[TicketLoyalty, str]
) -> AsyncIterator[tuple[OutboxStore, Delivery, Clock]]:
    """A store and a writer that nothing drives but the test."""
    async with AsyncExitStack() as stack:
        clock = Clock()
        accounts = await stack.enter_async_context(Accounts(installations, clock=clock))
        client = await stack.enter_async_context(LoyaltyClient(loyalty_server[1], "inner-key"))
        merchants = await stack.enter_async_context(Merchants(client, timeout_s=0.5))
        store = OutboxStore(database)
        yield (
            store,
            Delivery(
                store, accounts, client, Notes(client, merchants), OutboxMetrics(CollectorRegistry()), clock=clock
            ),
            clock,
        )


async def test_worker_that_ends_at_any_await_leaves_one_note(
    database: Database,
    loose: tuple[OutboxStore, Delivery, Clock],
    helpdesk: Helpdesk,
    loyalty_server: tuple[TicketLoyalty, str],
) -> None:
    store, writer, clock = loose
    switches = helpdesk.account.state.switches
    helpdesk.account.state.switches = type(switches)(rate_limit=False)
    wanted: list[str] = []
    is_cut = True
    while is_cut:
        number = len(wanted) + 1
        request_id = f"request-{number}"
        wanted.append(f"Award A-{number} · added")
        loyalty_server[0].awards[request_id] = make_award(award_id=f"A-{number}", request_id=request_id)
        await store.enqueue("acme", request_id, TICKET)
        await let_pass(database, 1)
        cut = Cut(deliver_next(store, writer), number)
        try:
            await asyncio.create_task(cut.run())
        except asyncio.CancelledError:
            is_cut = True
        else:
            is_cut = cut.count >= number
        while await store.count_open():  # more than once where the account wants a rest
            clock.ahead_s += PAST_LATE_S
            await let_pass(database, PAST_LATE_S)
            await deliver_next(store, writer)
    marks = [list_last_line(one) for one in helpdesk.account.state.messages.values() if one.channel == "internal-note"]
    assert sorted(marks) == sorted(wanted)
    assert len(wanted) > 6


async def test_worker_that_slept_past_its_lease_sends_nothing(
    database: Database,
    loose: tuple[OutboxStore, Delivery, Clock],
    helpdesk: Helpdesk,
    loyalty_server: tuple[TicketLoyalty, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The process is stopped between the row and Gorgias, and meanwhile another one looks, and writes the note."""
    store, writer, clock = loose
    loyalty_server[0].awards[REQUEST] = make_award()
    mark_sending = store.mark_sending

    async def mark_and_sleep(note: Entry, kind: NoteKind) -> bool:
        is_ours = await mark_sending(note, kind)
        clock.ahead_s += LEASE_S
        return is_ours

    await store.enqueue("acme", REQUEST, TICKET)
    await let_pass(database, 1)
    with monkeypatch.context() as patch:
        patch.setattr(store, "mark_sending", mark_and_sleep)
        await deliver_next(store, writer)
    assert helpdesk.requests == []
    await let_pass(database, PAST_LATE_S)
    await deliver_next(store, writer)
    assert helpdesk.writes == [f"POST /tickets/{TICKET}/messages"]


async def test_key_that_was_replaced_while_it_was_refused_is_not_waited_for(
    database: Database,
    installations: InstallationStore,
    loose: tuple[OutboxStore, Delivery, Clock],
    target: Target,
    loyalty_server: tuple[TicketLoyalty, str],
) -> None:
    store, writer, _ = loose
    loyalty_server[0].awards[REQUEST] = make_award()
    await installations.update("acme", msgspec.structs.replace(target, gorgias_key="of yesterday"))
    await store.enqueue("acme", REQUEST, TICKET)
    await let_pass(database, 1)
    note = await store.claim("acme")
    assert note is not None
    fetch = writer._accounts.fetch
    await fetch("acme")
    await installations.update("acme", target)
    await writer.deliver(note)
    again = await store.claim("acme")
    assert again is not None
    await writer.deliver(again)
    assert await store.count_open() == 0


async def deliver_next(store: OutboxStore, writer: Delivery) -> None:
    while note := await store.claim("acme"):
        await writer.deliver(note)


class Cut:
    """Runs a coroutine, and cancels its task when it waits for the n-th time."""

    def __init__(self, inner: Coroutine[Any, Any, None], at: int) -> None:
        self._inner = inner
        self._at = at
        self.count = 0

    async def run(self) -> None:
        await self

    def __await__(self) -> Generator[Any, Any, None]:
        send: Callable[[Any], Any] = self._inner.send
        value: Any = None
        while True:
            try:
                waited = send(value)
            except StopIteration:
                return
            self.count += 1
            task = asyncio.current_task()
            if self.count == self._at and task is not None:
                task.cancel()
            try:
                send, value = self._inner.send, (yield waited)
            except BaseException as error:  # noqa: BLE001 - whatever it is, it is for the coroutine
                send, value = self._inner.throw, error


async def test_two_gateways_on_one_database_write_each_note_once(
    database_url: str,
    room: Room,
    keys: SecretKeys,
    loyalty_server: tuple[TicketLoyalty, str],
) -> None:
    async with open_database(database_url) as opened:
        installations = InstallationStore(opened, keys)
        async with open_room(opened, installations, room.helpdesk, *loyalty_server) as other:
            for number in range(10):
                request_id = f"request-{number}"
                room.loyalty.awards[request_id] = make_award(award_id=f"A-{number}", request_id=request_id)
                await (room, other)[number % 2].press(request_id)
            await room.wait_for_close()
    assert sorted(room.list_marks()) == [f"Award A-{number} · added" for number in range(10)]


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


def list_last_line(message: Message) -> str:
    return message.body_text.split("\n")[-1]

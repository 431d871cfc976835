"""Workers end, sleep or compete at any point between row and Gorgias: each note is written once, on each engine."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Generator
from contextlib import AsyncExitStack
from typing import Any

import msgspec
import pytest
import pytest_asyncio
from prometheus_client import CollectorRegistry

from gateway.database import open_database
from gateway.installation.accounts import Accounts
from gateway.installation.store import InstallationStore, Target
from gateway.links.store import LinkStore
from gateway.merchants import Merchants
from gateway.outbox.delivery import LATE_S, Delivery
from gateway.outbox.entries import Entry
from gateway.outbox.metrics import OutboxMetrics
from gateway.outbox.statements import LEASE_S
from gateway.outbox.store import OutboxStore
from gateway.outbox.subjects import Subjects
from gateway.wording.note import NoteKind
from runtime.database import Database
from runtime.encryption import SecretKeys
from sandbox.gorgias.ticket import Message
from tests.databases import OpenDatabase
from tests.gateway.edge.shops import KEYS
from tests.gateway.helpdesk import Helpdesk
from tests.gateway.outbox.room import REQUEST, TICKET, Clock, Room, TicketLoyalty, let_pass, make_award, open_room
from tests.gateway.outbox.stage import Stage

PAST_LATE_S = LATE_S + 1.0


@pytest.fixture
def database(each_open: OpenDatabase) -> Database:
    return each_open.database


@pytest_asyncio.fixture(loop_scope="session")
async def loose(
    database: Database, installations: InstallationStore, stage: Stage
) -> AsyncIterator[tuple[OutboxStore, Delivery, Clock]]:
    """A store and a writer that only the test drives."""
    async with AsyncExitStack() as stack:
        clock = Clock()
        accounts = await stack.enter_async_context(Accounts(installations, clock=clock))
        merchants = await stack.enter_async_context(Merchants(stage.client, timeout_s=0.5))
        store = OutboxStore(database)
        yield (
            store,
            Delivery(
                store,
                accounts,
                Subjects(stage.client, merchants, LinkStore(database, KEYS), clock=clock),
                OutboxMetrics(CollectorRegistry()),
                clock=clock,
            ),
            clock,
        )


async def test_worker_cancelled_at_any_await_leaves_one_note(
    database: Database,
    loose: tuple[OutboxStore, Delivery, Clock],
    helpdesk: Helpdesk,
    loyalty: TicketLoyalty,
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
        loyalty.awards[request_id] = make_award(award_id=f"A-{number}", request_id=request_id)
        await store.enqueue("acme", request_id, TICKET)
        await let_pass(database, 1)
        cut = Cut(deliver_next(store, writer), number)
        try:
            await asyncio.create_task(cut.run())
        except asyncio.CancelledError:
            is_cut = True
        else:
            is_cut = cut.count >= number
        while await store.count_open():  # several times if the account must pause
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
    loyalty: TicketLoyalty,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The process stops between the row and Gorgias. Meanwhile another process looks for the note, and writes it."""
    store, writer, clock = loose
    loyalty.awards[REQUEST] = make_award()
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


async def test_key_that_was_replaced_during_its_refusal_causes_no_pause(
    database: Database,
    installations: InstallationStore,
    loose: tuple[OutboxStore, Delivery, Clock],
    target: Target,
    loyalty: TicketLoyalty,
) -> None:
    store, writer, _ = loose
    loyalty.awards[REQUEST] = make_award()
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
            except BaseException as error:  # noqa: BLE001 - any error belongs to the coroutine
                send, value = self._inner.throw, error


async def test_two_gateways_on_one_database_write_each_note_once(
    each_open: OpenDatabase,
    room: Room,
    keys: SecretKeys,
    stage: Stage,
) -> None:
    async with open_database(each_open.url) as opened:
        installations = InstallationStore(opened, keys)
        async with open_room(opened, installations, room.helpdesk, room.loyalty, stage.client) as other:
            for number in range(10):
                request_id = f"request-{number}"
                room.loyalty.awards[request_id] = make_award(award_id=f"A-{number}", request_id=request_id)
                await (room, other)[number % 2].press(request_id)
            await room.wait_for_close()
    assert sorted(room.list_marks()) == [f"Award A-{number} · added" for number in range(10)]


def list_last_line(message: Message) -> str:
    return message.body_text.split("\n")[-1]

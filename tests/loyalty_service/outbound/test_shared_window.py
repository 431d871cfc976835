"""The permits of several processes on one store, for real."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as NoConnectionError

from loyalty_service.domain.errors import ProviderThrottledError
from loyalty_service.domain.priority import Priority
from loyalty_service.outbound.sliding_window import Rate
from loyalty_service.valkey import ValkeyDownError, open_valkey
from runtime.clock import SystemClock
from tests.loyalty_service.outbound.limiters import RATE, Process, answer, settle
from tests.loyalty_service.running import wait_until
from tests.loyalty_service.snapshots.scripted import FakeClock

REPLICAS = 2
# The store's clock is nobody's to move here.
QUICK = Rate(requests=50, period_s=0.05, block_s=60)

StartProcess = Callable[[], Awaitable[Process]]


@pytest.fixture
def clock() -> FakeClock:
    """Of all processes."""
    return FakeClock()


@pytest.fixture
async def start(valkey_url: str, clock: FakeClock) -> AsyncIterator[StartProcess]:
    async with AsyncExitStack() as stack:

        async def start_one() -> Process:
            valkey = await stack.enter_async_context(open_valkey(valkey_url, SystemClock(), timeout_s=30, ping_s=0.01))
            process = Process(clock, replicas=REPLICAS, valkey=valkey)
            stack.push_async_callback(process.give_back)
            return process

        yield start_one


@pytest.fixture
async def one(start: StartProcess) -> Process:
    return await start()


@pytest.fixture
async def other(start: StartProcess) -> Process:
    return await start()


@pytest.fixture
async def store(valkey_url: str) -> AsyncIterator[Redis]:
    """What happens to the store, the test does."""
    async with Redis.from_url(valkey_url) as client:
        yield client
        await client.client_unpause()
        await client.config_set("maxmemory", "0")


async def count_free(process: Process, priority: Priority = Priority.AWARD) -> int:
    """How many there are: taken one by one, and kept."""
    count = 0
    while True:
        try:
            await process.take(1, priority)
        except ProviderThrottledError:
            return count
        count += 1


async def silence(store: Redis, *processes: Process) -> None:
    """The store answers nothing any more, and these have noticed."""

    async def fail(_: Redis) -> None:
        raise NoConnectionError

    await store.client_pause(60_000, all=False)
    for process in processes:
        assert process.valkey is not None
        with contextlib.suppress(ValkeyDownError):
            await process.valkey.run(fail)


def is_up(process: Process) -> bool:
    return process.valkey is not None and process.valkey.is_up


async def let_block_pass(store: Redis, clock: FakeClock) -> None:
    """What closed the token is over, for the store and for the processes."""
    [key] = [key async for key in store.scan_iter(match="loyalty:rate:*:closed")]
    await store.hset(key, "until", "0")
    clock.advance(QUICK.block_s + 1)


async def until_taken(process: Process, count: int, rate: Rate) -> None:
    async with asyncio.timeout(30):
        while True:
            try:
                await process.take(count, rate=rate)
            except ProviderThrottledError:
                await asyncio.sleep(0.01)
            else:
                return


async def test_what_one_takes_the_other_cannot(one: Process, other: Process) -> None:
    await one.take(30)
    assert await count_free(other) == 20
    assert await count_free(one) == 0


async def test_what_one_gives_back_the_other_has(one: Process, other: Process) -> None:
    await one.take(50)
    await one.give_back()
    assert await count_free(other) == 50


async def test_permit_is_taken_for_all_until_a_period_after_the_answer(one: Process, other: Process) -> None:
    await answer(await one.take(50, timeout_s=30), count=50)
    await one.limiter.close()
    with pytest.raises(ProviderThrottledError) as caught:
        await other.take(2, Priority.TICKET)
    assert caught.value.retry_after_s == pytest.approx(RATE.period_s, abs=60)


async def test_permit_is_free_for_all_when_the_period_is_over(one: Process, other: Process) -> None:
    await answer(await one.take(50, rate=QUICK, timeout_s=30), count=50)
    await until_taken(other, 50, QUICK)


async def test_permits_are_kept_for_the_more_urgent_of_another_process(one: Process, other: Process) -> None:
    await one.take(41)
    assert await count_free(other, Priority.BATCH) == 0
    assert await count_free(other, Priority.TICKET) == 7
    assert await count_free(one, Priority.AWARD) == 2


async def test_permits_of_a_process_that_is_gone_are_free_when_its_requests_are_over(
    one: Process, other: Process
) -> None:
    await one.take(50, rate=QUICK, timeout_s=0.05)
    await until_taken(other, 50, QUICK)


async def test_permit_for_a_long_time_outlives_those_for_a_short_one(one: Process, other: Process) -> None:
    await one.take(48, rate=QUICK, timeout_s=30)
    await other.take(2, rate=QUICK, timeout_s=0.01)
    await asyncio.sleep(0.2)  # longer than the short ones are taken
    assert await count_free(other) == 2


async def test_permits_do_not_outlast_a_clock_of_the_store_that_was_set_back(one: Process, store: Redis) -> None:
    await one.take(1)
    [key] = [key async for key in store.scan_iter(match="loyalty:rate:*:taken")]
    await store.zadd(key, dict.fromkeys(map(str, range(49)), 1000 * (time.time() + 3600)))
    assert await count_free(one) == 49


async def test_429_closes_the_token_for_all_and_one_of_them_finds_out(
    one: Process, other: Process, store: Redis, clock: FakeClock
) -> None:
    await answer(await one.take(1, rate=QUICK), 429)
    await one.limiter.close()
    with pytest.raises(ProviderThrottledError, match="refuses"):
        await other.take(1, rate=QUICK)
    assert other.limiter.count_closed() == 1
    await let_block_pass(store, clock)
    await other.take(2, rate=QUICK, timeout_s=60)
    with pytest.raises(ProviderThrottledError, match="refuses"):
        await one.take(1)


async def test_probe_of_one_process_opens_the_token_for_all(
    one: Process, other: Process, store: Redis, clock: FakeClock
) -> None:
    await answer(await one.take(1, rate=QUICK), 429)
    await one.limiter.close()
    await let_block_pass(store, clock)
    await answer(await one.take(1, rate=QUICK))
    assert one.limiter.count_closed() == 0
    await one.limiter.close()
    await other.take(1)


async def test_429_while_the_store_is_asked_keeps_what_it_grants_from_being_sent(one: Process) -> None:
    sent = await one.take(1)
    taking = asyncio.create_task(one.take(49))
    await asyncio.sleep(0)
    await answer(sent, 429)
    with pytest.raises(ProviderThrottledError, match="refuses"):
        await answer(await taking)


async def test_while_the_store_is_down_each_has_its_share_at_once(one: Process, other: Process, store: Redis) -> None:
    await silence(store, one, other)
    assert [await count_free(one), await count_free(other)] == [25, 25]


async def test_what_a_process_took_on_the_store_counts_in_its_share(one: Process, store: Redis) -> None:
    await one.take(20)
    await silence(store, one)
    assert await count_free(one) == 5


async def test_store_that_is_back_counts_for_all_again(one: Process, other: Process, store: Redis) -> None:
    await silence(store, one, other)
    for process in (one, other):
        await process.take(1)
    await store.client_unpause()
    await wait_until(lambda: is_up(one) and is_up(other))
    assert await count_free(one) == 50
    assert await count_free(other) == 0


async def test_store_that_is_full_counts_on(one: Process, other: Process, store: Redis) -> None:
    await one.take(3)
    await store.config_set("maxmemory", "1kb")
    assert await count_free(other) == 47


async def test_who_goes_away_while_the_store_is_asked_leaves_no_permit_behind(one: Process) -> None:
    for steps in range(12):
        task = asyncio.create_task(one.wait("gone", Priority.AWARD, count=50, wait_s=0.5))
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    await until_taken(one, 50, RATE)


async def test_those_who_wait_get_what_another_process_gives_back(one: Process, other: Process) -> None:
    await one.take(50)
    waiting = await other.queue("waits", Priority.TICKET, count=2, wait_s=9)  # a period, and all would be free
    await settle()
    assert other.served == []
    await one.give_back()
    await waiting
    assert other.served == ["waits"]


async def test_answer_that_the_store_did_not_hear_of_leaves_the_permit_taken(
    one: Process, other: Process, store: Redis
) -> None:
    permits = await one.take(50, timeout_s=60)
    await silence(store, one)
    await answer(permits, count=50)
    await one.limiter.close()
    await store.client_unpause()
    assert await count_free(other) == 0

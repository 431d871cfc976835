"""Which callers get permits, which wait for them, and which are refused because waiting would not help."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from loyalty_service.domain.errors import ProviderThrottledError
from loyalty_service.domain.priority import Priority
from loyalty_service.outbound.rate_limit import MARGIN_S
from loyalty_service.outbound.sliding_window import FORGET_S, Rate
from tests.loyalty_service.outbound.limiters import RATE, TOKEN, Process, answer, lose, settle
from tests.loyalty_service.running import wait_until
from tests.loyalty_service.snapshots.scripted import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def process(clock: FakeClock) -> AsyncIterator[Process]:
    process = Process(clock)
    yield process
    await process.give_back()


async def take_all(process: Process, priority: Priority, token: str = TOKEN) -> int:
    """Take all permits one by one; return their number."""
    for count in range(RATE.requests + 1):
        try:
            await process.take(1, priority, token=token)
        except ProviderThrottledError:
            return count
    raise AssertionError("more than the provider allows")


async def test_exactly_fifty_permits_are_granted(process: Process) -> None:
    assert await take_all(process, Priority.AWARD) == 50


async def test_permits_are_reserved_for_higher_priorities(process: Process) -> None:
    assert await take_all(process, Priority.BATCH) == 40
    assert await take_all(process, Priority.TICKET) == 8
    assert await take_all(process, Priority.AWARD) == 2


@pytest.mark.parametrize("replicas", [2, 3, 25])
async def test_without_a_shared_store_each_process_has_its_share_at_once(replicas: int) -> None:
    assert await take_all(Process(FakeClock(), replicas=replicas), Priority.AWARD) == 50 // replicas


@pytest.mark.parametrize("priority", Priority)
async def test_share_that_is_too_small_for_a_read_is_refused(priority: Priority) -> None:
    rate = Rate(requests=10, period_s=10, block_s=60)
    with pytest.raises(ProviderThrottledError):
        await Process(FakeClock(), replicas=25).take(2, priority, rate=rate)


@pytest.mark.parametrize(("requests", "limits"), [(50, (50, 48, 40)), (10, (10, 9, 8)), (2, (2, 2, 2))])
def test_small_rate_reserves_few_permits_for_higher_priorities(requests: int, limits: tuple[int, ...]) -> None:
    rate = Rate(requests=requests, period_s=10, block_s=60)
    assert tuple(rate.get_limit(priority) for priority in Priority) == limits


async def test_permit_is_free_a_period_after_the_answer(process: Process, clock: FakeClock) -> None:
    permits = await process.take(50)
    clock.advance(1)
    await answer(permits, count=50)
    clock.advance(RATE.period_s)
    with pytest.raises(ProviderThrottledError):
        await process.take(1)
    clock.advance(2 * MARGIN_S)
    await process.take(50)


async def test_permit_of_a_lost_request_is_taken_just_as_long(process: Process, clock: FakeClock) -> None:
    permits = await process.take(50)
    for _ in range(50):
        await lose(permits, may_have_left=True)
    clock.advance(RATE.period_s)
    with pytest.raises(ProviderThrottledError):
        await process.take(1)


async def test_permit_of_a_request_that_was_not_sent_is_free(process: Process) -> None:
    permits = await process.take(50)
    for _ in range(50):
        await lose(permits, may_have_left=False)
    await process.take(50)
    assert process.read("loyalty_budget_used_total", urgency="award") == 0


async def test_unused_permits_are_given_back(process: Process) -> None:
    await answer(await process.take(50))
    await process.give_back()
    assert await take_all(process, Priority.AWARD) == 49


async def test_callers_are_served_by_priority_and_then_in_order(process: Process) -> None:
    await process.take(50)
    waiting = [
        await process.queue(name, priority)
        for name, priority in (
            ("batch", Priority.BATCH),
            ("event", Priority.TICKET),
            ("award", Priority.AWARD),
            ("event 2", Priority.TICKET),
            ("award 2", Priority.AWARD),
        )
    ]
    await process.give_back()
    await asyncio.gather(*waiting)
    assert process.served == ["award", "award 2", "event", "event 2", "batch"]


async def test_waiting_callers_are_served_before_earlier_ones_have_ended(process: Process) -> None:
    await process.take(50)
    process.may_end.clear()
    waiting = [await process.queue(name, Priority.AWARD) for name in ("one", "two", "three")]
    await process.give_back()
    await wait_until(lambda: process.served == ["one", "two", "three"])
    process.may_end.set()
    await asyncio.gather(*waiting)


async def test_read_of_two_requests_waits_for_both_permits_without_being_overtaken(process: Process) -> None:
    await process.take(47)
    async with process.limiter.acquire(TOKEN, RATE, Priority.AWARD, count=1, wait_s=0, timeout_s=2):
        both = await process.queue("both", Priority.TICKET, count=2)
        one = await process.queue("one", Priority.TICKET)
    await settle()
    assert process.served == []
    await process.give_back()
    await asyncio.gather(both, one)
    assert process.served == ["both", "one"]


async def test_cancelled_callers_leave_no_permit_taken(process: Process) -> None:
    await process.take(50)
    waiting = [await process.queue("gone", Priority.AWARD) for _ in range(20)]
    for one in waiting[:10]:
        one.cancel()
    await process.stack.aclose()  # some get their permits at the very moment in which they are cancelled
    for one in waiting[10:]:
        one.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    await process.take(50)


async def test_caller_who_cannot_be_served_in_time_is_refused_at_once_with_a_time(
    process: Process, clock: FakeClock
) -> None:
    slow = Rate(requests=50, period_s=3600, block_s=60)
    await answer(await process.take(50, rate=slow), count=50)
    clock.advance(4)
    with pytest.raises(ProviderThrottledError, match="our own limit") as caught:
        async with asyncio.timeout(30):
            await process.wait("late", Priority.TICKET, count=2, wait_s=1000, rate=slow)
    assert caught.value.retry_after_s == pytest.approx(slow.period_s + MARGIN_S - 4)
    assert process.read("loyalty_budget_refused_total", urgency="ticket") == 1
    assert process.read("loyalty_budget_used_total", urgency="award") == 50


async def test_caller_who_waited_in_vain_is_told_when_to_try_again(process: Process) -> None:
    await process.take(50)
    with pytest.raises(ProviderThrottledError) as caught:
        await process.wait("in vain", Priority.AWARD, wait_s=0.01)
    assert caught.value.retry_after_s == 1  # unused permits may be given back


async def test_waiting_callers_of_one_shop_do_not_affect_another(process: Process) -> None:
    await process.take(50)
    waiting = await process.queue("waits", Priority.AWARD)
    assert await take_all(process, Priority.AWARD, token="another") == 50
    waiting.cancel()


async def test_additional_request_takes_a_permit_too(process: Process) -> None:
    await process.take(48)
    permits = await process.take(1)
    await permits.add(wait_s=0)
    with pytest.raises(ProviderThrottledError):
        await permits.add(wait_s=0)


async def test_429_closes_the_token_for_a_time_and_then_one_probe_is_sent(process: Process, clock: FakeClock) -> None:
    await answer(await process.take(1), 429)
    with pytest.raises(ProviderThrottledError, match="refuses") as caught:
        await process.take(1)
    assert caught.value.retry_after_s == pytest.approx(RATE.block_s + MARGIN_S)
    assert process.read("loyalty_provider_throttled_total") == 1
    assert process.limiter.count_closed() == 1
    clock.advance(caught.value.retry_after_s)
    probe = await process.take(2)
    with pytest.raises(ProviderThrottledError, match="refuses"):
        await process.take(1)
    await answer(probe)
    await process.take(1)
    assert process.limiter.count_closed() == 0


async def test_unused_token_is_forgotten(process: Process, clock: FakeClock) -> None:
    """Its shop may be gone, or have another token."""
    await answer(await process.take(1), 429)
    await process.take(1, token="in use", timeout_s=3 * FORGET_S)
    clock.advance(RATE.block_s + FORGET_S - 1)
    assert process.limiter.count_closed() == 1
    clock.advance(FORGET_S)
    assert process.limiter.count_closed() == 0
    assert await take_all(process, Priority.AWARD, token="in use") == 49


async def test_probe_that_is_refused_closes_the_token_again(process: Process, clock: FakeClock) -> None:
    for _ in range(2):
        await answer(await process.take(1), 429)
        with pytest.raises(ProviderThrottledError) as caught:
            await process.take(1)
        assert caught.value.retry_after_s == pytest.approx(RATE.block_s + MARGIN_S)
        clock.advance(caught.value.retry_after_s)


async def test_probe_without_an_answer_leaves_the_probe_to_the_next_after_its_time(
    process: Process, clock: FakeClock
) -> None:
    await answer(await process.take(1), 429)
    clock.advance(61)
    await lose(await process.take(2, timeout_s=2), may_have_left=True)
    with pytest.raises(ProviderThrottledError):
        await process.take(1)
    clock.advance(2)
    await answer(await process.take(1))
    assert process.limiter.count_closed() == 0


async def test_permits_granted_before_a_429_are_not_used_after_it(process: Process) -> None:
    planned = await process.take(2)
    await answer(await process.take(1), 429)
    with pytest.raises(ProviderThrottledError):
        await answer(planned)


async def test_answer_to_a_request_sent_before_a_429_does_not_open_the_token(process: Process) -> None:
    is_answered = asyncio.Event()
    earlier = asyncio.create_task(answer(await process.take(1), when=is_answered))
    await settle()
    await answer(await process.take(1), 429)
    is_answered.set()
    await earlier
    with pytest.raises(ProviderThrottledError):
        await process.take(1)

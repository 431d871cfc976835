"""What a token's rate limiter reports about itself."""

import contextlib
from datetime import timedelta

import pytest

from loyalty_service.domain.errors import ProviderThrottledError
from loyalty_service.domain.findings import RateFinding
from loyalty_service.domain.priority import Priority
from loyalty_service.outbound.recent import RecentCount
from tests.loyalty_service.outbound.limiters import RATE, TOKEN, Process, answer
from tests.loyalty_service.snapshots.scripted import FakeClock

HOUR_S = 3600.0


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def process(clock: FakeClock) -> Process:
    return Process(clock)


def describe(process: Process) -> RateFinding:
    return process.limiter.describe(TOKEN, RATE)


async def test_taken_permits_are_reported_until_they_are_free(process: Process, clock: FakeClock) -> None:
    assert (describe(process).permits_used, describe(process).permits_limit) == (0, 50)
    await answer(await process.take(3), count=3)
    assert describe(process).permits_used == 3
    clock.advance(RATE.period_s + 1)
    assert describe(process).permits_used == 0


def test_process_that_counts_alone_reports_its_share() -> None:
    assert Process(FakeClock(), replicas=5).limiter.describe(TOKEN, RATE).permits_limit == 10


async def test_throttled_token_reports_end_and_count(process: Process, clock: FakeClock) -> None:
    await answer(await process.take(1), 429)
    now = clock.now()
    finding = describe(process)
    assert (finding.throttled_count, finding.throttle_time is not None) == (1, True)
    assert finding.closed_until is not None
    assert abs(finding.closed_until - now - timedelta(seconds=RATE.block_s)) < timedelta(seconds=1)

    clock.advance(RATE.block_s + 1)
    assert (describe(process).closed_until, describe(process).throttled_count) == (None, 1)
    clock.advance(2 * HOUR_S)
    assert (describe(process).throttled_count, describe(process).throttle_time) == (0, None)


async def test_only_refusals_of_interactive_requests_are_reported(process: Process) -> None:
    await process.take(50)
    for priority in (Priority.BATCH, Priority.TICKET, Priority.AWARD):
        with contextlib.suppress(ProviderThrottledError):
            await process.take(1, priority)
    assert describe(process).refused_count == 2


async def test_refusals_after_a_429_are_not_reported_as_a_used_up_rate(process: Process) -> None:
    await answer(await process.take(1), 429)
    with contextlib.suppress(ProviderThrottledError):
        await process.take(1)
    assert describe(process).refused_count == 0


def test_recent_count_covers_this_hour_and_the_one_before(clock: FakeClock) -> None:
    recent = RecentCount(clock)
    recent.add()
    clock.advance(HOUR_S)
    recent.add()
    assert recent.count == 2
    clock.advance(HOUR_S)
    assert (recent.count, recent.last_time is not None) == (1, True)
    clock.advance(HOUR_S)
    assert (recent.count, recent.last_time) == (0, None)

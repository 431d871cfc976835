"""Which worker of a fleet looks for which award, and when: the statements that keep workers apart, on both engines."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from loyalty_service.domain.award import AwardState
from loyalty_service.domain.errors import ProviderThrottledError
from tests.loyalty_service.kept import KeptDatabase
from tests.loyalty_service.reconciling import ListingProvider, Worker, open_worker, run_worker

UNKNOWN, APPLIED, NOT_APPLIED = AwardState.UNKNOWN, AwardState.APPLIED, AwardState.NOT_APPLIED


@pytest.fixture
def provider() -> ListingProvider:
    return ListingProvider()


@pytest_asyncio.fixture(loop_scope="session")
async def worker(each_open: KeptDatabase, provider: ListingProvider) -> AsyncIterator[Worker]:
    async with run_worker(each_open.database, provider) as worker:
        yield worker


async def test_award_is_not_looked_for_before_its_time(worker: Worker, provider: ListingProvider) -> None:
    """The first look is five seconds after the doubt begins; later looks are less and less frequent."""
    await worker.lose()
    await worker.look()
    assert provider.lists == 0
    for seconds, lists in ((6, 1), (10, 1), (6, 2), (50, 2), (11, 3), (290, 3), (11, 4)):
        await worker.look_after(seconds=seconds)
        assert provider.lists == lists


async def test_pending_award_of_a_dead_process_is_found_and_settled(worker: Worker, provider: ListingProvider) -> None:
    opening = await worker.open()
    provider.book(100, reference=opening.award.reference)

    await worker.look_after(seconds=16)
    assert await worker.read_state() is UNKNOWN
    await worker.look_after(seconds=6)

    assert await worker.read_state() is APPLIED
    assert [state for state, _ in await worker.list_reasons()] == ["pending", "unknown", "applied"]


async def test_movement_that_fits_two_awards_in_doubt_settles_neither(
    worker: Worker, provider: ListingProvider
) -> None:
    """The first was found not applied, the second is unknown, and the list has one movement."""
    await worker.lose()
    await worker.look_after(minutes=20)
    await worker.look_after(minutes=6)
    await worker.lose()
    provider.book(100, note="Sorry")

    for _ in range(4):
        await worker.look_after(minutes=15)

    assert [await worker.read_state(number) for number in (1, 2)] == [NOT_APPLIED, UNKNOWN]
    assert (await worker.read(2)).needs_person


async def test_whole_fleet_leaves_a_throttled_merchant_alone_for_the_given_time(
    worker: Worker, each_open: KeptDatabase, provider: ListingProvider
) -> None:
    async def throttle() -> None:
        raise ProviderThrottledError("too many", 60.0)

    await worker.lose()
    provider.on_list = throttle
    await worker.look_after(seconds=6)
    async with open_worker(each_open.url, provider) as other:
        await other.look_after(seconds=50)
        assert provider.lists == 1
        await other.look_after(seconds=11)
        assert provider.lists == 2


async def test_whole_fleet_looks_for_one_award_of_a_merchant_at_a_time(
    worker: Worker, each_open: KeptDatabase, provider: ListingProvider
) -> None:
    """There is one look a second for any number of workers: the rate at the provider is for agents."""
    async with open_worker(each_open.url, provider) as other:
        await worker.lose()
        await worker.lose(member_id="another")
        await worker.let_pass(seconds=6)
        await asyncio.gather(worker.look(), other.look())
        await asyncio.gather(worker.look(), other.look())
        assert provider.lists == 1
        await worker.let_pass(seconds=1)
        await asyncio.gather(worker.look(), other.look())
        assert provider.lists == 2


async def test_two_workers_of_a_fleet_look_for_an_award_once(
    worker: Worker, each_open: KeptDatabase, provider: ListingProvider
) -> None:
    async with open_worker(each_open.url, provider) as other:
        lost = await worker.lose()
        provider.book(100, reference=lost.reference)
        await worker.let_pass(seconds=6)

        await asyncio.gather(worker.look(), other.look())

    assert provider.lists == 1
    assert [state for state, _ in await worker.list_reasons()] == ["pending", "unknown", "applied"]


async def test_worker_that_dies_after_its_claim_only_causes_a_delay(worker: Worker, provider: ListingProvider) -> None:
    lost = await worker.lose()
    provider.book(100, reference=lost.reference)
    await worker.let_pass(seconds=6)
    [claimed] = await worker.claims.claim(10, without=())
    assert claimed.award.number == 1

    await worker.look()
    assert await worker.read_state() is UNKNOWN
    await worker.look_after(seconds=16)

    assert await worker.read_state() is APPLIED


async def test_overtaken_claim_does_not_count_as_an_absence(worker: Worker) -> None:
    """The slow worker's list is old: together with the new one it would count as two lists."""
    await worker.lose()
    await worker.let_pass(minutes=20)
    [slow] = await worker.claims.claim(10, without=())
    await worker.let_pass(seconds=16)
    [_] = await worker.claims.claim(10, without=())

    await worker.claims.plan(slow, UNKNOWN, after_s=300.0, absent_count=1)
    await worker.let_pass(seconds=61)
    [late] = await worker.claims.claim(10, without=())

    assert late.absent_count == 0


async def test_metrics_have_the_age_of_the_oldest_unknown_award(worker: Worker) -> None:
    await worker.lose()
    await worker.lose(member_id="another")
    await worker.let_pass(minutes=2)
    await worker.look()
    metrics = worker.read_metrics()
    assert metrics["loyalty_awards_unknown"] == 2
    assert 119 <= metrics["loyalty_awards_oldest_unknown_seconds"] <= 150

"""Processes that share a store: one flight for all of them, and none of them shows what another has changed."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from loyalty_service.domain.errors import ProviderThrottledError, ProviderUnavailableError
from loyalty_service.domain.member import parse_identity
from loyalty_service.domain.priority import Priority
from tests.loyalty_service.running import wait_until
from tests.loyalty_service.snapshots.desk import ACME, Desk
from tests.loyalty_service.snapshots.processes import open_process
from tests.loyalty_service.snapshots.scripted import get_points
from tests.loyalty_service.snapshots.shared import SharedClock

JANA = "jana@example.com"


@pytest.fixture
async def desks(shared_clock: SharedClock) -> AsyncIterator[tuple[Desk, Desk]]:
    """Two processes, one provider."""
    async with open_process(shared_clock) as one, open_process(shared_clock, one) as other:
        yield one, other


async def test_what_one_process_has_read_another_holds(desks: tuple[Desk, Desk]) -> None:
    one, other = desks
    await one.read(JANA)
    assert (await other.read_points(JANA), await other.read_points("jana")) == (100, 100)
    assert one.fetches == 1


async def test_reader_waits_for_the_flight_of_another_process_and_takes_what_it_brings(
    desks: tuple[Desk, Desk],
) -> None:
    one, other = desks
    one.provider.holds = True
    readers = [await desk.arrive(JANA, 1) for desk in (one, other, one, other)]
    await one.release(one.provider.calls[0])
    assert await asyncio.gather(*readers) == [100] * 4
    assert one.fetches == 1


async def test_all_who_come_too_late_share_the_one_next_flight_of_all_processes(desks: tuple[Desk, Desk]) -> None:
    one, other = desks
    one.provider.holds = True
    first = await one.arrive(JANA, 1)
    one.provider.points["jana"] = 200
    one.clock.advance(1.1)
    late = [await desk.arrive(JANA, 1) for desk in (other, one, other)]
    assert one.fetches == 1
    await one.release(one.provider.calls[0])
    await wait_until(lambda: one.fetches == 2)
    await one.release(one.provider.calls[1])
    assert await asyncio.gather(first, *late) == [100, 200, 200, 200]
    assert (one.fetches, one.provider.most_at_once) == (2, 1)


async def test_nobody_who_is_there_is_told_to_who_waited(desks: tuple[Desk, Desk]) -> None:
    one, _ = desks
    one.provider.holds = True
    readers = [await desk.arrive("nobody@example.com", 1) for desk in desks]
    await one.release(one.provider.calls[0])
    await wait_until(lambda: all(reader.done() for reader in readers))
    assert [type(reader.exception()).__name__ for reader in readers] == ["MemberNotFoundError"] * 2
    assert one.fetches == 1


async def test_ticket_event_asks_for_itself_where_a_batch_read_of_another_process_had_no_slot(
    desks: tuple[Desk, Desk],
) -> None:
    one, other = desks
    one.provider.holds = True
    reads = (
        desk.snapshots.get(ACME, parse_identity("email", JANA), max_staleness_s=1, timeout_s=60, priority=priority)
        for desk, priority in ((one, Priority.BATCH), (other, Priority.TICKET))
    )
    readers = []
    for read in reads:
        readers.append(asyncio.create_task(read))
        await other.settle()
    await one.release(one.provider.calls[0], ProviderThrottledError("later", 60))
    await wait_until(lambda: one.fetches == 2)
    await one.release(one.provider.calls[1])
    assert isinstance((await asyncio.gather(*readers, return_exceptions=True))[0], ProviderThrottledError)
    assert get_points((await readers[1]).snapshot) == 100


@pytest.mark.parametrize("error", [ProviderUnavailableError("down"), ProviderThrottledError("later", 60)], ids=str)
async def test_failed_flight_fails_those_in_other_processes_who_waited_and_nobody_later(
    desks: tuple[Desk, Desk], error: Exception
) -> None:
    one, other = desks
    one.provider.holds = True
    readers = [await desk.arrive(JANA, 1) for desk in desks]
    await one.release(one.provider.calls[0], error)
    await wait_until(lambda: all(reader.done() for reader in readers))
    failures = [reader.exception() for reader in readers]
    assert [(type(failure), str(failure)) for failure in failures] == [(type(error), str(error))] * 2
    assert [getattr(failure, "retry_after_s", None) for failure in failures] == [
        getattr(error, "retry_after_s", None)
    ] * 2
    assert one.fetches == 1
    later = await other.arrive(JANA, 1)
    await one.release(one.provider.calls[1])
    assert await later == 100


async def test_reader_by_id_waits_for_another_process_s_flight_of_the_email_that_is_remembered_to_be_theirs(
    desks: tuple[Desk, Desk],
) -> None:
    one, other = desks
    await one.read(JANA)
    one.clock.advance(10)
    one.provider.holds = True
    readers = [await one.arrive(JANA, 1), await other.arrive("jana", 1)]
    await one.release(one.provider.calls[1])
    assert await asyncio.gather(*readers) == [100, 100]
    assert one.fetches == 2


async def test_award_of_one_process_is_not_hidden_by_a_read_of_another(desks: tuple[Desk, Desk]) -> None:
    one, other = desks
    one.provider.holds = True
    early = await one.arrive(JANA, 1)
    one.provider.points["jana"] = 200
    await other.invalidate("jana")
    late = await other.arrive(JANA, 1)
    await one.release(one.provider.calls[0])
    assert await early == 100
    assert await other.get_held("jana") is None
    await wait_until(lambda: one.fetches == 2)
    await one.release(one.provider.calls[1])
    assert (await late, await one.read_points("jana")) == (200, 200)


async def test_flight_of_a_process_that_is_gone_is_flown_by_another(shared_clock: SharedClock) -> None:
    async with open_process(shared_clock, lease_s=0.3) as gone, open_process(shared_clock, gone) as other:
        gone.provider.holds = True
        await gone.arrive(JANA, 1)
        waits = await other.arrive(JANA, 1)
        await asyncio.sleep(0.5)
        assert gone.fetches == 1  # while it lives, its lease does
        gone.cut("before")
        await wait_until(lambda: gone.fetches == 2)
        await other.release(gone.provider.calls[1])
        assert await waits == 100


async def test_process_that_leaves_lets_another_fly_at_once(shared_clock: SharedClock) -> None:
    async with open_process(shared_clock) as stays:
        stays.provider.holds = True
        async with open_process(shared_clock, stays) as leaves:
            left = await leaves.arrive(JANA, 1)
            waits = await stays.arrive(JANA, 1)
        with pytest.raises(ProviderUnavailableError):
            await left
        await wait_until(lambda: stays.fetches == 2)
        await stays.release(stays.provider.calls[1])
        assert await waits == 100

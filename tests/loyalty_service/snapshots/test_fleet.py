"""Processes on one store: each reads a member at most once at a time, and none hides another's changes."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from loyalty_service.domain.errors import MemberNotFoundError
from tests.loyalty_service.snapshots.desk import Desk
from tests.loyalty_service.snapshots.processes import open_process
from tests.loyalty_service.snapshots.shared import SharedClock

JANA = "jana@example.com"


@pytest.fixture
async def desks(shared_clock: SharedClock) -> AsyncIterator[tuple[Desk, Desk]]:
    """Two processes with one provider."""
    async with open_process(shared_clock) as one, open_process(shared_clock, one) as other:
        yield one, other


async def test_data_read_by_one_process_is_held_by_another(desks: tuple[Desk, Desk]) -> None:
    one, other = desks
    await one.read(JANA)
    assert (await other.read_points(JANA), await other.read_points("jana")) == (100, 100)
    assert one.fetches == 1


async def test_answer_that_there_is_no_member_is_held_by_another_process(desks: tuple[Desk, Desk]) -> None:
    for desk in desks:
        with pytest.raises(MemberNotFoundError):
            await desk.read("nobody@example.com", 1)
    assert desks[0].fetches == 1


async def test_each_process_reads_a_member_once_at_a_time(desks: tuple[Desk, Desk]) -> None:
    one, other = desks
    one.provider.holds = True
    readers = [await desk.arrive(JANA, 1) for desk in (one, other, one, other)]
    for call in (0, 1):
        await other.release(one.provider.calls[call])
    assert await asyncio.gather(*readers) == [100] * 4
    assert (one.fetches, one.provider.most_at_once) == (2, 2)


async def test_late_reader_takes_data_that_another_process_read_meanwhile(
    desks: tuple[Desk, Desk],
) -> None:
    one, other = desks
    one.provider.holds = True
    first = await one.arrive(JANA, 1)
    one.provider.points["jana"] = 200
    one.clock.advance(1.1)
    late, elsewhere = await one.arrive(JANA, 1), await other.arrive(JANA, 1)
    for call in (1, 0):
        await other.release(one.provider.calls[call])
    assert [await reader for reader in (first, late, elsewhere)] == [100, 200, 200]
    assert one.fetches == 2


async def test_new_member_of_one_process_is_not_hidden_by_a_read_of_another(desks: tuple[Desk, Desk]) -> None:
    one, other = desks
    one.provider.holds = True
    early = await one.arrive("new@example.com", 1)
    one.provider.add("new", "new@example.com")
    await other.invalidate("new")
    late = await one.arrive("new@example.com", 1)
    for call in (0, 1):
        await other.release(one.provider.calls[call])
    assert isinstance(early.exception(), MemberNotFoundError)
    assert await late == 100


async def test_award_of_one_process_is_not_hidden_by_a_read_of_another(desks: tuple[Desk, Desk]) -> None:
    one, other = desks
    one.provider.holds = True
    early = await one.arrive(JANA, 1)
    one.provider.points["jana"] = 200
    await other.invalidate("jana")
    late = await one.arrive(JANA, 1)  # this process does not know that the flight is too old
    await other.release(one.provider.calls[0])
    assert await early == 100
    assert await other.get_held("jana") is None
    await other.release(one.provider.calls[1])
    assert (await late, await other.read_points("jana")) == (200, 200)
    assert one.fetches == 2

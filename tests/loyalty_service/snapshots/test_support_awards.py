"""The awards of support, held with the snapshot. They may be unknown, and never fail a read."""

import asyncio

import pytest

from loyalty_service.domain.errors import ProviderTimeoutError, ProviderUnavailableError
from loyalty_service.snapshots import open_snapshots
from runtime.database import DatabaseError
from tests.loyalty_service.snapshots.desk import ACME, Desk
from tests.loyalty_service.snapshots.scripted import (
    FakeClock,
    ScriptedLedger,
    ScriptedProvider,
    get_number,
    get_points,
    make_award,
)

JANA = "jana@example.com"
NOBODY = "nobody@example.com"


@pytest.mark.parametrize("name", [JANA, "jana"])
async def test_snapshot_has_the_member_s_awards_as_the_ledger_has_them(desk: Desk, name: str) -> None:
    """They are the same after being held."""
    for _ in range(2):
        held = await desk.read(name)
        assert held.snapshot.support_awards == (make_award(ACME.merchant_id, "jana", 1),)


async def test_member_without_awards_has_a_known_empty_list(desk: Desk) -> None:
    desk.ledger.numbers.clear()
    for _ in range(2):
        assert (await desk.read(JANA)).snapshot.support_awards == ()


async def test_held_answer_asks_no_ledger(desk: Desk) -> None:
    for name in (JANA, JANA, "jana"):
        await desk.read(name, 60)
    assert len(desk.ledger.readings) == 1


async def test_ledger_is_asked_after_the_provider_has_named_the_member(desk: Desk) -> None:
    desk.provider.holds = True
    await desk.arrive(JANA)
    assert not desk.ledger.readings
    await desk.release(desk.provider.calls[0])
    assert len(desk.ledger.readings) == 1


async def test_ledger_is_not_asked_if_there_is_no_member(desk: Desk) -> None:
    await asyncio.gather(desk.read(NOBODY), return_exceptions=True)
    desk.provider.error = ProviderUnavailableError("down")
    await asyncio.gather(desk.read(JANA), return_exceptions=True)
    assert not desk.ledger.readings


async def test_ledger_that_fails_leaves_the_awards_unknown_and_the_member_served(desk: Desk) -> None:
    desk.ledger.error = DatabaseError("LOYALTY_DATABASE_URL: the database does not answer")
    held = await desk.read(JANA)
    assert (get_points(held.snapshot), get_number(held.snapshot), held.stale_reason) == (100, None, None)
    desk.ledger.error = None
    assert get_number((await desk.read(JANA, 0)).snapshot) == 1


async def test_slow_ledger_is_given_up_and_the_member_served() -> None:
    clock, ledger = FakeClock(), ScriptedLedger()
    provider = ScriptedProvider(clock)
    provider.add("jana", JANA)
    ledger.holds = True
    async with open_snapshots(
        provider,
        clock,
        recent=ledger,
        hold_time_s=900,
        stale_if_error_s=900,
        capacity=10,
        ledger_timeout_s=0.01,
    ) as snapshots:
        desk = Desk(snapshots, provider, clock, ledger)
        held = await desk.read(JANA)
        await desk.settle()
    assert (get_points(held.snapshot), get_number(held.snapshot), held.stale_reason) == (100, None, None)
    assert ledger.readings[0].is_cancelled


async def test_reader_who_cannot_wait_for_the_ledger_gets_no_data_from_before_an_award(desk: Desk) -> None:
    desk.ledger.holds = True
    early = await desk.arrive(JANA)
    await desk.invalidate("jana")
    with pytest.raises(ProviderTimeoutError):
        await desk.read(JANA, timeout_s=0.01)
    assert await desk.get_held("jana") is None
    await desk.release_reading(desk.ledger.readings[0])
    assert await early == 100


@pytest.mark.parametrize("name", [JANA, "jana"])
async def test_award_that_commits_after_the_ledger_was_read_is_not_hidden_by_that_read(desk: Desk, name: str) -> None:
    """The ledger has been read, and an award commits and drops held data before the answer arrives."""
    desk.ledger.holds = True
    early = await desk.arrive(name)
    desk.ledger.numbers["jana"] = 2
    await desk.invalidate("jana")
    late = asyncio.create_task(desk.read(name))
    await desk.settle()
    await desk.release_reading(desk.ledger.readings[0])
    assert await early == 100  # the read was sent before the award, and saw the values of that time
    assert await desk.get_held("jana") is None
    await desk.release_reading(desk.ledger.readings[1])
    assert get_number((await late).snapshot) == 2
    held = await desk.get_held("jana")
    assert held is not None
    assert get_number(held) == 2


async def test_award_that_commits_during_a_read_of_the_provider_is_not_hidden(desk: Desk) -> None:
    desk.provider.holds = True
    early = await desk.arrive(JANA)
    desk.ledger.numbers["jana"] = 2
    await desk.release(desk.provider.calls[0])
    await desk.invalidate("jana")
    assert await early == 100
    desk.provider.holds = False
    assert get_number((await desk.read(JANA)).snapshot) == 2


async def test_invalidation_drops_awards_and_member_together(desk: Desk) -> None:
    await desk.read(JANA)
    desk.provider.points["jana"], desk.ledger.numbers["jana"] = 200, 2
    await desk.invalidate("jana")
    held = await desk.read(JANA)
    assert (get_points(held.snapshot), get_number(held.snapshot)) == (200, 2)


async def test_held_awards_are_served_while_the_provider_fails(desk: Desk) -> None:
    await desk.read(JANA)
    desk.provider.error = ProviderUnavailableError("down")
    held = await desk.read(JANA, 0)
    assert (get_number(held.snapshot), held.stale_reason) == (1, "PROVIDER_UNAVAILABLE")
    assert len(desk.ledger.readings) == 1


async def test_end_of_the_process_ends_a_read_of_the_ledger() -> None:
    clock, ledger = FakeClock(), ScriptedLedger()
    provider = ScriptedProvider(clock)
    provider.add("jana", JANA)
    ledger.holds = True
    async with open_snapshots(
        provider, clock, recent=ledger, hold_time_s=1, stale_if_error_s=1, capacity=1
    ) as snapshots:
        reader = await Desk(snapshots, provider, clock, ledger).arrive(JANA)
    with pytest.raises(ProviderUnavailableError):
        await reader
    assert ledger.readings[0].is_cancelled

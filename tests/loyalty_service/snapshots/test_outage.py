"""What is served while the provider fails."""

import asyncio

import pytest

from loyalty_service.domain.errors import (
    BadValueError,
    LoyaltyError,
    MemberNotFoundError,
    ProviderContractError,
    ProviderCredentialsError,
    ProviderRefusedError,
    ProviderThrottledError,
    ProviderTimeoutError,
    ProviderUnavailableError,
)
from loyalty_service.snapshots import open_snapshots
from tests.loyalty_service.snapshots.desk import Desk
from tests.loyalty_service.snapshots.scripted import FakeClock, ScriptedLedger, ScriptedProvider, get_points

JANA = "jana@example.com"
ERRORS = [
    ProviderContractError("x"),
    ProviderCredentialsError("x"),
    ProviderRefusedError("x"),
    ProviderThrottledError("x", 60),
    ProviderTimeoutError("x"),
    ProviderUnavailableError("x"),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.reason)
@pytest.mark.parametrize("name", [JANA, "jana"])
async def test_held_member_is_served_with_the_reason(desk: Desk, error: LoyaltyError, name: str) -> None:
    fresh = await desk.read(JANA)
    desk.provider.error = error
    desk.clock.advance(86_000)
    held = await desk.read(name, 1)
    assert (held.snapshot, held.stale_reason) == (fresh.snapshot, error.reason)


@pytest.mark.parametrize("later_s", [0, 86_401])
async def test_error_reaches_the_reader_if_no_member_is_held(desk: Desk, later_s: float) -> None:
    if later_s:
        await desk.read(JANA)
        desk.clock.advance(later_s)
    desk.provider.error = ProviderUnavailableError("down")
    with pytest.raises(ProviderUnavailableError, match="down"):
        await desk.read(JANA)


async def test_outage_is_not_remembered(desk: Desk) -> None:
    desk.provider.error = ProviderUnavailableError("down")
    with pytest.raises(ProviderUnavailableError):
        await desk.read(JANA)
    desk.provider.error = None
    assert await desk.read_points(JANA) == 100


async def test_member_who_is_gone_is_not_served_from_held_data(desk: Desk) -> None:
    for name in (JANA, "jana"):
        await desk.read(name, 0)
    desk.provider.members.clear()
    for name in (JANA, "jana"):
        with pytest.raises(MemberNotFoundError):
            await desk.read(name, 0)


async def test_held_answer_of_no_member_is_not_served_in_an_outage(desk: Desk) -> None:
    """It would be an old claim that there is no member, without a label."""
    with pytest.raises(MemberNotFoundError):
        await desk.read("nobody@example.com")
    desk.provider.error = ProviderUnavailableError("down")
    with pytest.raises(ProviderUnavailableError):
        await desk.read("nobody@example.com", 0)


async def test_invalidated_member_is_not_served_in_an_outage(desk: Desk) -> None:
    """Such data would have the balance from before the award."""
    await desk.read(JANA)
    await desk.invalidate("jana")
    desk.provider.error = ProviderUnavailableError("down")
    for name in (JANA, "jana"):
        with pytest.raises(ProviderUnavailableError):
            await desk.read(name)


async def test_bad_value_is_not_treated_as_an_outage(desk: Desk) -> None:
    await desk.read(JANA)
    desk.provider.error = BadValueError("identity.email", "cannot be searched for")
    with pytest.raises(BadValueError):
        await desk.read(JANA, 0)


async def test_reader_out_of_time_gets_held_data_and_the_flight_continues(desk: Desk) -> None:
    await desk.read(JANA)
    desk.provider.points["jana"] = 200
    desk.provider.holds = True
    held = await desk.read(JANA, 0, timeout_s=0.01)
    assert (get_points(held.snapshot), held.stale_reason) == (100, "PROVIDER_TIMEOUT")
    await desk.release(desk.provider.calls[-1])
    assert await desk.read_points(JANA, 60) == 200
    assert desk.fetches == 2


async def test_reader_out_of_time_gets_the_error_if_no_data_is_held(desk: Desk) -> None:
    desk.provider.holds = True
    with pytest.raises(ProviderTimeoutError):
        await desk.read(JANA, timeout_s=0.01)
    await desk.release(desk.provider.calls[-1])
    assert await desk.get_held("jana") is not None


async def test_data_from_another_flight_meanwhile_is_not_called_old(desk: Desk) -> None:
    """A reader by id waits for the flight of one e-mail, which fails after another e-mail has found the member."""
    other = "jana@work.example"
    desk.provider.add("jana", other)
    for name in (JANA, other):
        await desk.read(name)
    desk.clock.advance(10)
    desk.provider.holds = True
    by_email = asyncio.create_task(desk.read(JANA, 1))
    await desk.settle()
    by_id = await desk.arrive("jana", 1)
    by_other = await desk.arrive(other, 1)
    assert desk.fetches == 4
    await desk.release(desk.provider.calls[3])
    await desk.release(desk.provider.calls[2], ProviderUnavailableError("down"))
    assert (await by_id, await by_other) == (100, 100)
    assert (await by_email).stale_reason == "PROVIDER_UNAVAILABLE"


async def test_limit_of_an_outage_may_be_shorter_than_the_hold_time() -> None:
    clock = FakeClock()
    provider = ScriptedProvider(clock)
    provider.add("jana", JANA)
    async with open_snapshots(
        provider, clock, recent=ScriptedLedger(), hold_time_s=900, stale_if_error_s=60, capacity=10
    ) as snapshots:
        desk = Desk(snapshots, provider, clock)
        await desk.read(JANA)
        provider.error = ProviderUnavailableError("down")
        clock.advance(59)
        assert (await desk.read(JANA, 1)).stale_reason == "PROVIDER_UNAVAILABLE"
        clock.advance(2)
        with pytest.raises(ProviderUnavailableError):
            await desk.read(JANA, 1)
        assert await desk.read_points(JANA) == 100

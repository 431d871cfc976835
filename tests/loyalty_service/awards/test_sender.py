"""The sender sends nothing late, and drops held data of a member only when it is outdated."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from loyalty_service.awards.sender import Sender
from loyalty_service.domain.award import AwardState
from loyalty_service.domain.deadline import Deadline
from loyalty_service.domain.errors import (
    BookingContradictedError,
    BookingUnknownError,
    MemberNotFoundError,
    ProviderCredentialsError,
    ProviderRefusedError,
    ProviderThrottledError,
    ProviderUnavailableError,
)
from loyalty_service.domain.member import Identity
from loyalty_service.domain.merchant import Merchant
from loyalty_service.domain.ports import Booking, Snapshots
from runtime.clock import SystemClock
from tests.loyalty_service.kept import KeptDatabase
from tests.loyalty_service.ledgers import Desk, run_desk
from tests.loyalty_service.scripted import JANA, NOON, ScriptedProvider


class TwoClocks:
    """The wall clock and the monotonic clock, which a test moves one by one."""

    def __init__(self) -> None:
        self.wall_s = self.running_s = 0.0

    def monotonic(self) -> float:
        return self.running_s

    def now(self) -> datetime:
        return NOON + timedelta(seconds=self.wall_s)


@pytest_asyncio.fixture(loop_scope="session")
async def desk(open_sqlite: KeptDatabase, provider: ScriptedProvider) -> AsyncIterator[Desk]:
    async with run_desk(open_sqlite.database, provider) as desk:
        yield desk


@pytest.mark.parametrize("frozen", [{"wall_s": 11.1}, {"running_s": 11.1}], ids=str)
async def test_award_of_a_frozen_process_is_not_sent(
    open_sqlite: KeptDatabase, provider: ScriptedProvider, frozen: dict[str, float]
) -> None:
    """Another process may have settled it meanwhile."""
    clock = TwoClocks()
    async with run_desk(open_sqlite.database, provider, clock) as desk:
        deadline = desk.sender.make_deadline()
        opening = await desk.open()
        for name, length_s in frozen.items():
            setattr(clock, name, length_s)

        settled = await desk.sender.send(desk.merchant, opening.award, deadline)

    assert (settled.state, settled.rejection_reason, settled.retryable) == (
        AwardState.REJECTED,
        "PROVIDER_UNAVAILABLE",
        True,
    )
    assert provider.credits == []


async def test_time_of_recording_an_award_reduces_its_time_to_be_sent(
    open_sqlite: KeptDatabase, provider: ScriptedProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lease of the award began earlier."""
    clock = TwoClocks()
    async with run_desk(open_sqlite.database, provider, clock) as desk:
        write = desk.ledger.open

        async def write_slowly(*arguments: Any) -> Any:  # noqa: ANN401  the method's own
            opening = await write(*arguments)
            clock.running_s = 11.1
            return opening

        monkeypatch.setattr(desk.ledger, "open", write_slowly)
        award = (await desk.award()).award

    assert (award.state, award.rejection_reason) == (AwardState.REJECTED, "PROVIDER_UNAVAILABLE")
    assert provider.credits == []


async def test_award_frozen_past_its_lease_is_not_applied(
    open_sqlite: KeptDatabase, provider: ScriptedProvider
) -> None:
    clock = TwoClocks()
    async with run_desk(open_sqlite.database, provider, clock) as desk:
        deadline = desk.sender.make_deadline()
        opening = await desk.open()
        await desk.let_pass(16)
        await desk.awards.expire_leases()
        clock.wall_s = 16.0

        settled = await desk.sender.send(desk.merchant, opening.award, deadline)

    assert (settled.state, settled.retryable) == (AwardState.NOT_APPLIED, False)
    assert provider.credits == []


async def test_delayed_award_has_less_time_at_the_provider(
    open_sqlite: KeptDatabase, provider: ScriptedProvider
) -> None:
    clock = TwoClocks()
    async with run_desk(open_sqlite.database, provider, clock) as desk:
        deadline = desk.sender.make_deadline()
        opening = await desk.open()
        clock.running_s = 7.0

        await desk.sender.send(desk.merchant, opening.award, deadline)

    assert provider.timeouts_s == [4.0]


async def test_credit_that_outlasts_its_time_is_unknown(desk: Desk, provider: ScriptedProvider) -> None:
    never = asyncio.Event()
    provider.on_credit = lambda _: never.wait()
    opening = await desk.open()

    settled = await desk.sender.send(desk.merchant, opening.award, Deadline(SystemClock(), 0.2))

    assert settled.state is AwardState.UNKNOWN
    assert len(provider.credits) == 1


async def test_confirmation_that_names_other_points_waits_for_a_person(desk: Desk, provider: ScriptedProvider) -> None:
    provider.on_booked = _fail_with(BookingContradictedError("TRIFFT's answer names other points"))

    award = (await desk.award()).award

    assert (award.state, award.needs_person) == (AwardState.UNKNOWN, True)
    assert award.rejection_reason == "PROVIDER_CONTRACT"
    assert (await desk.list_changes(1))[-1][3] == "sent, and TRIFFT's answer names other points"


@pytest.mark.parametrize(
    "error",
    [ProviderCredentialsError("401"), ProviderThrottledError("429", 60.0), ProviderUnavailableError("refused")],
    ids=lambda error: error.reason,
)
async def test_held_data_stays_if_the_provider_was_not_reached(
    desk: Desk, provider: ScriptedProvider, error: Exception
) -> None:
    """Agents still see this data."""
    await desk.show()
    provider.on_credit = _fail_with(error)

    await desk.award()

    assert await desk.snapshots.get_held(desk.merchant, JANA) is not None


@pytest.mark.parametrize(
    "error",
    [ProviderRefusedError("402"), MemberNotFoundError(NOON), BookingUnknownError("reset"), None],
    ids=lambda error: type(error).__name__,
)
async def test_held_data_goes_if_the_provider_may_have_changed_it(
    desk: Desk, provider: ScriptedProvider, error: Exception | None
) -> None:
    await desk.show()
    if error is not None:
        provider.on_credit = _fail_with(error)

    await desk.award()

    assert await desk.snapshots.get_held(desk.merchant, JANA) is None


async def test_award_and_its_reversal_record_the_generation_of_the_shop(desk: Desk) -> None:
    """It shows later whether the shop still has the project that they were sent to."""
    await desk.award()
    desk.merchant = msgspec.structs.replace(desk.merchant, generation="2")
    await desk.undo()

    kept = [await desk.read_column(number, "merchant_generation") for number in (1, 2)]

    assert kept == ["1", "2"]


class ReadBetween:
    """Reads Jana each time her held data was dropped. The first read is before the award is settled."""

    def __init__(self, snapshots: Snapshots) -> None:
        self._snapshots = snapshots

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  the rest of the port
        return getattr(self._snapshots, name)

    async def invalidate(self, merchant: Merchant, member_id: str) -> None:
        await self._snapshots.invalidate(merchant, member_id)
        identity = Identity(kind="member_id", value=member_id)
        await self._snapshots.get(merchant, identity, max_staleness_s=None, timeout_s=30.0)


async def test_read_that_begins_before_an_award_is_settled_is_not_held(desk: Desk, provider: ScriptedProvider) -> None:
    """This read has the points, but not the award."""
    sender = Sender(desk.ledger, provider, ReadBetween(desk.snapshots), timeout_s=10.0)

    await sender.send(desk.merchant, (await desk.open(100)).award, sender.make_deadline())

    assert [award.request.points for award in (await desk.show()).support_awards or ()] == [100]


async def test_award_with_an_expired_lease_is_among_the_member_s_last_ones(desk: Desk) -> None:
    await desk.merchants.add(desk.merchant)
    await desk.open()
    before = (await desk.show()).support_awards
    await desk.let_pass(16)

    await desk.awards.expire_leases()

    assert before == ()
    assert [award.state for award in (await desk.show()).support_awards or ()] == [AwardState.UNKNOWN]


def _fail_with(error: Exception) -> Any:  # noqa: ANN401  a step of the provider
    async def fail(_: Booking) -> None:
        raise error

    return fail

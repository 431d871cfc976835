"""Held data goes before an outcome is recorded, so no reader of the outcome gets the balance from before it."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from loyalty_service.awards.reconciliation.claim import Claims
from loyalty_service.awards.reconciliation.reconcile import Reconciler
from loyalty_service.domain.award import AwardState
from loyalty_service.domain.errors import BookingUnknownError
from loyalty_service.domain.member import Identity
from loyalty_service.domain.merchant import Merchant
from loyalty_service.domain.ports import Booking, Snapshots
from loyalty_service.domain.snapshot import Snapshot
from tests.loyalty_service.kept import KeptDatabase
from tests.loyalty_service.ledgers import Desk, run_desk
from tests.loyalty_service.scripted import JANA, ScriptedProvider


@pytest_asyncio.fixture(loop_scope="session")
async def desk(open_sqlite: KeptDatabase, provider: ScriptedProvider) -> AsyncIterator[Desk]:
    async with run_desk(open_sqlite.database, provider) as desk:
        await desk.merchants.add(desk.merchant)
        yield desk


@pytest_asyncio.fixture(loop_scope="session")
async def unknown(desk: Desk, provider: ScriptedProvider) -> Desk:
    """A desk whose award A-1 was booked, and its answer lost."""

    async def lose(_: Booking) -> None:
        raise BookingUnknownError("reset")

    provider.on_booked = lose
    await desk.award()
    return desk


def watch(desk: Desk, monkeypatch: pytest.MonkeyPatch, name: str) -> list[Snapshot | None]:
    """List Jana's held snapshot after each outcome that this method of the ledger records."""
    write, held = getattr(desk.ledger, name), []

    async def watched(*arguments: Any) -> Any:  # noqa: ANN401  the method's own
        settled = await write(*arguments)
        held.append(await desk.snapshots.get_held(desk.merchant, JANA))
        return settled

    monkeypatch.setattr(desk.ledger, name, watched)
    return held


async def reconcile(desk: Desk, provider: ScriptedProvider, snapshots: Snapshots) -> None:
    claims = Claims(desk.database, reversal_window_s=1800.0)
    reconciler = Reconciler(
        ledger=desk.ledger, claims=claims, provider=provider, snapshots=snapshots, merchants=desk.merchants
    )
    for claim in await claims.claim(1, without=()):
        await reconciler.check(claim)


class ReadBetween:
    """Reads Jana each time her held data was dropped. The first read is before the award is settled."""

    def __init__(self, snapshots: Snapshots) -> None:
        self._snapshots = snapshots

    async def invalidate(self, merchant: Merchant, member_id: str) -> None:
        await self._snapshots.invalidate(merchant, member_id)
        identity = Identity(kind="member_id", value=member_id)
        await self._snapshots.get(merchant, identity, max_staleness_s=None, timeout_s=1.6)


async def test_held_data_goes_before_the_outcome_is_recorded(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    await desk.show()
    held = watch(desk, monkeypatch, "settle")
    await desk.award()
    assert held == [None]


async def test_held_data_goes_before_a_person_s_finding_is_recorded(
    unknown: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await unknown.show()
    held = watch(unknown, monkeypatch, "settle_by_person")
    await unknown.awards.settle("acme", "A-1", state=AwardState.APPLIED, actor="jo", because="seen in the list")
    assert held == [None]


async def test_held_data_goes_before_the_outcome_of_movements_is_recorded(
    unknown: Desk, provider: ScriptedProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    await unknown.show()
    await unknown.let_pass(10)
    held = watch(unknown, monkeypatch, "settle_by_movements")
    await reconcile(unknown, provider, unknown.snapshots)
    assert held == [None]
    assert (await unknown.read(1)).state is AwardState.APPLIED


async def test_read_that_begins_before_movements_settle_is_not_held(unknown: Desk, provider: ScriptedProvider) -> None:
    await unknown.let_pass(10)
    between: Any = ReadBetween(unknown.snapshots)
    await reconcile(unknown, provider, between)
    assert [award.state for award in (await unknown.show()).support_awards or ()] == [AwardState.APPLIED]


async def test_read_that_begins_before_a_person_s_finding_is_recorded_is_not_held(
    unknown: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = unknown.ledger.settle_by_person

    async def write_after_a_reading(*arguments: Any) -> Any:  # noqa: ANN401  the method's own
        await unknown.show()
        return await write(*arguments)

    monkeypatch.setattr(unknown.ledger, "settle_by_person", write_after_a_reading)
    await unknown.awards.settle("acme", "A-1", state=AwardState.APPLIED, actor="jo", because="seen in the list")
    assert [award.state for award in (await unknown.show()).support_awards or ()] == [AwardState.APPLIED]

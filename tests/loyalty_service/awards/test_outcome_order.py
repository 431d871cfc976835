"""Whoever reads that an award is settled is never shown the balance from before it: what is held goes first."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from loyalty_service.awards.reconciliation.claim import Claims
from loyalty_service.awards.reconciliation.reconcile import Reconciler
from loyalty_service.domain.award import AwardState
from loyalty_service.domain.errors import BookingUnknownError
from loyalty_service.domain.ports import Booking
from loyalty_service.domain.snapshot import Snapshot
from tests.loyalty_service.ledgers import Desk, open_desk
from tests.loyalty_service.scripted import JANA, ScriptedProvider


@pytest.fixture
async def desk(new_sqlite_url: str, provider: ScriptedProvider) -> AsyncIterator[Desk]:
    async with open_desk(new_sqlite_url, provider) as desk:
        await desk.merchants.add(desk.merchant)
        yield desk


@pytest.fixture
async def unknown(desk: Desk, provider: ScriptedProvider) -> Desk:
    """Its award A-1 was booked, and the answer was lost."""

    async def lose(_: Booking) -> None:
        raise BookingUnknownError("reset")

    provider.on_booked = lose
    await desk.award()
    return desk


def watch(desk: Desk, monkeypatch: pytest.MonkeyPatch, name: str) -> list[Snapshot | None]:
    """What is held of Jana whenever this method of the ledger has just put an outcome on record."""
    write, held = getattr(desk.ledger, name), []

    async def watched(*arguments: Any) -> Any:  # noqa: ANN401  the method's own
        settled = await write(*arguments)
        held.append(await desk.snapshots.get_held(desk.merchant, JANA))
        return settled

    monkeypatch.setattr(desk.ledger, name, watched)
    return held


async def test_what_is_held_goes_before_the_outcome_is_on_record(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    await desk.show()
    held = watch(desk, monkeypatch, "settle")
    await desk.award()
    assert held == [None]


async def test_what_is_held_goes_before_a_person_s_finding_is_on_record(
    unknown: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await unknown.show()
    held = watch(unknown, monkeypatch, "settle_by_person")
    await unknown.awards.settle("acme", "A-1", state=AwardState.APPLIED, actor="jo", because="seen in the list")
    assert held == [None]


async def test_what_is_held_goes_before_what_the_movements_tell_is_on_record(
    unknown: Desk, provider: ScriptedProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    await unknown.show()
    await unknown.let_pass(10)
    held = watch(unknown, monkeypatch, "settle_by_movements")
    claims = Claims(unknown.database, reversal_window_s=1800.0)
    reconciler = Reconciler(
        ledger=unknown.ledger,
        claims=claims,
        provider=provider,
        snapshots=unknown.snapshots,
        merchants=unknown.merchants,
    )

    for claim in await claims.claim(1, without=()):
        await reconciler.check(claim)

    assert held == [None]
    assert (await unknown.read(1)).state is AwardState.APPLIED

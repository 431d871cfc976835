"""One process's snapshots, on its own memory or on a store that it shares."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from loyalty_service.metrics import Metrics
from loyalty_service.snapshots import Fleet, open_snapshots
from tests.loyalty_service.snapshots.desk import Desk
from tests.loyalty_service.snapshots.scripted import FakeClock, ScriptedLedger, ScriptedProvider
from tests.loyalty_service.snapshots.shared import SharedClock, open_fleet


@asynccontextmanager
async def open_process(clock: SharedClock, beside: Desk | None = None, **options: Any) -> AsyncIterator[Desk]:  # noqa: ANN401 - of Fleet
    """On the shared store; with the provider of another process."""
    async with (
        open_fleet(clock.url, **options) as (fleet, calls),
        open_desk(clock, fleet, beside.provider if beside else None) as desk,
    ):
        desk.cut, desk.restore = calls.cut, calls.restore
        desk.is_busy = lambda: calls.is_busy() or bool(beside and beside.is_busy())
        yield desk


@asynccontextmanager
async def open_desk(
    clock: FakeClock, fleet: Fleet | None, provider: ScriptedProvider | None = None
) -> AsyncIterator[Desk]:
    if provider is None:
        provider = ScriptedProvider(clock)
        provider.add("jana", "jana@example.com")
    metrics = Metrics()
    ledger = ScriptedLedger()
    ledger.numbers["jana"] = 1
    async with open_snapshots(
        provider,
        clock,
        fleet=fleet,
        recent=ledger,
        hold_time_s=900,
        stale_if_error_s=86_400,
        capacity=100,
        metrics=metrics.snapshots,
    ) as snapshots:
        desk = Desk(snapshots, provider, clock, ledger)
        desk.metrics = metrics
        yield desk

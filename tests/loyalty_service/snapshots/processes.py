"""One process's snapshots, in its own memory or on a shared store."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from loyalty_service.metrics import Metrics
from loyalty_service.snapshots import SharedStore, open_snapshots
from tests.loyalty_service.snapshots.desk import Desk
from tests.loyalty_service.snapshots.scripted import FakeClock, ScriptedLedger, ScriptedProvider
from tests.loyalty_service.snapshots.shared import SharedClock, open_shared


@asynccontextmanager
async def open_process(clock: SharedClock, beside: Desk | None = None, **options: Any) -> AsyncIterator[Desk]:  # noqa: ANN401 - of open_shared
    """Open a process on the shared store. It has the provider of the process `beside`."""
    async with (
        open_shared(clock.url, **options) as (shared, link),
        open_desk(clock, shared, beside.provider if beside else None) as desk,
    ):
        desk.link = link
        desk.is_busy = lambda: link.is_busy() or bool(beside and beside.is_busy())
        yield desk


@asynccontextmanager
async def open_desk(
    clock: FakeClock, shared: SharedStore | None, provider: ScriptedProvider | None = None
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
        shared=shared,
        recent=ledger,
        hold_time_s=900,
        stale_if_error_s=86_400,
        capacity=100,
        metrics=metrics.snapshots,
        ledger_timeout_s=30.0,  # generous: a busy machine must not look like a ledger that hangs
    ) as snapshots:
        desk = Desk(snapshots, provider, clock, ledger)
        desk.metrics = metrics
        yield desk

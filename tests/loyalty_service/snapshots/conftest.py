from collections.abc import AsyncIterator

import pytest

from loyalty_service.snapshots import open_snapshots
from tests.loyalty_service.snapshots.desk import Desk
from tests.loyalty_service.snapshots.scripted import FakeClock, ScriptedLedger, ScriptedProvider


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    """Held for 15 minutes, a day in an outage; Jana has 100 points, jana@example.com and award A-1."""
    clock = FakeClock()
    provider = ScriptedProvider(clock)
    provider.add("jana", "jana@example.com")
    ledger = ScriptedLedger()
    ledger.numbers["jana"] = 1
    async with open_snapshots(
        provider, clock, recent=ledger, hold_time_s=900, stale_if_error_s=86_400, capacity=100
    ) as snapshots:
        yield Desk(snapshots, provider, clock, ledger)

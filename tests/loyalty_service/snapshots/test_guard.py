"""What the store has to be told is told, whenever it fails."""

import asyncio

from prometheus_client import CollectorRegistry

from loyalty_service.metrics import SnapshotMetrics
from loyalty_service.snapshots.guard import Guard
from loyalty_service.valkey import open_valkey
from tests.loyalty_service.running import wait_until
from tests.loyalty_service.snapshots.scripted import FakeClock


async def test_what_fails_at_the_very_end_of_a_probe_has_a_probe_of_its_own(valkey_url: str) -> None:
    untold = ["an award"]
    delivered: list[str] = []

    async def deliver() -> None:
        while untold:
            delivered.append(untold.pop())
        if len(delivered) == 1:
            asyncio.get_running_loop().call_soon(fail)

    def fail() -> None:
        untold.append("another")
        guard.leave_alone("undelivered")

    async with open_valkey(valkey_url, FakeClock()) as valkey:
        metrics = SnapshotMetrics(CollectorRegistry())
        guard = Guard(valkey.client, metrics, deliver, timeout_s=10, pause_s=60)
        guard.leave_alone("undelivered")
        await wait_until(lambda: len(delivered) == 2)
        await guard.close()
    assert delivered == ["an award", "another"]

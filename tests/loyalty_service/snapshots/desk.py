"""Reads snapshots for tests."""

import asyncio
from collections.abc import Callable

from loyalty_service.domain.member import IdentityKind, parse_identity
from loyalty_service.domain.merchant import Merchant
from loyalty_service.domain.ports import HeldSnapshot, Snapshots
from loyalty_service.domain.snapshot import Snapshot
from loyalty_service.metrics import Metrics
from tests.loyalty_service.snapshots.scripted import (
    Call,
    FakeClock,
    Reading,
    ScriptedLedger,
    ScriptedProvider,
    get_points,
    make_merchant,
)
from tests.loyalty_service.snapshots.shared import Link

ACME = make_merchant()


class Desk:
    """Reads for the merchant acme unless told otherwise, without a deadline."""

    def __init__(
        self, snapshots: Snapshots, provider: ScriptedProvider, clock: FakeClock, ledger: ScriptedLedger | None = None
    ) -> None:
        self.snapshots = snapshots
        self.provider = provider
        self.clock = clock
        self.ledger = ledger or ScriptedLedger()
        self.metrics = Metrics()
        self.link: Link  # the link to a shared store
        self.is_busy: Callable[[], bool] = lambda: False

    @property
    def fetches(self) -> int:
        return len(self.provider.calls)

    async def read(
        self, name: str, staleness_s: float | None = None, *, merchant: Merchant = ACME, timeout_s: float = 60
    ) -> HeldSnapshot:
        kind: IdentityKind = "email" if "@" in name else "member_id"
        identity = parse_identity(kind, name)
        return await self.snapshots.get(merchant, identity, max_staleness_s=staleness_s, timeout_s=timeout_s)

    async def read_points(self, name: str, staleness_s: float | None = None) -> int:
        held = await self.read(name, staleness_s)
        assert held.stale_reason is None
        return get_points(held.snapshot)

    async def arrive(self, name: str, staleness_s: float | None = None) -> "asyncio.Task[int]":
        """Start a reader, and let it run until it waits for a flight."""
        reader = asyncio.create_task(self.read_points(name, staleness_s))
        await self.settle()
        return reader

    async def settle(self) -> None:
        """Let every task run as far as it can, and wait until all calls of a shared store have ended."""
        quiet = 0
        while quiet < 10:
            quiet = 0 if self.is_busy() else quiet + 1
            await asyncio.sleep(0)

    async def release(self, call: Call, error: Exception | None = None) -> None:
        call.release(error)
        await self.settle()

    async def release_reading(self, reading: Reading) -> None:
        reading.release()
        await self.settle()

    async def invalidate(self, member_id: str, merchant: Merchant = ACME) -> None:
        await self.snapshots.invalidate(merchant, member_id)

    async def get_held(self, member_id: str, merchant: Merchant = ACME) -> Snapshot | None:
        return await self.snapshots.get_held(merchant, member_id)

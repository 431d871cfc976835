"""The stack for snapshots: a fleet and its shops, a TRIFFT with its rate limit, and a store that can fail."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Literal

import msgspec

from bench.databases import Engine, open_databases
from bench.fleet import Fleet, Plan, make_plan, run_fleet
from bench.process import HOST, Process, find_free_ports
from bench.shops import add_shops, make_shops
from bench.stack import Starter
from bench.valkey import run_valkey

Holding = Literal["memory", "valkey"]
"""The place where snapshots are held."""


class Store:
    """A Valkey that loses everything when it is killed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        (self.port,) = find_free_ports(1)

    async def start(self) -> None:
        """Raises ProcessError."""
        self._running = AsyncExitStack()
        self._process: Process = await self._running.enter_async_context(run_valkey(self._folder, self.port))

    async def hang(self) -> None:
        self._process.pause()

    async def kill(self) -> None:
        await self._process.kill()
        await self.stop()

    async def stop(self) -> None:
        await self._running.aclose()


class SnapshotStack(msgspec.Struct, frozen=True, kw_only=True):
    """`trifft`: its port. `store`: None if snapshots are in memory. `credentials`: the widgets', by shop."""

    plan: Plan
    fleet: Fleet
    trifft: int
    store: Store | None
    credentials: dict[str, str]
    folder: Path


@asynccontextmanager
async def run_snapshot_stack(  # noqa: PLR0913 - each describes a part of the fleet
    folder: Path,
    engine: Engine,
    holding: Holding,
    *,
    replicas: int,
    shops: int,
    gateway: Mapping[str, str],
    outside: str = "bench.limited_trifft",
) -> AsyncIterator[SnapshotStack]:
    """Run the stack in an existing `folder`. `outside`: the module of TRIFFT and Gorgias. Raises ProcessError."""
    async with AsyncExitStack() as stack:
        urls = await stack.enter_async_context(open_databases(engine, folder))
        store, loyalty = None, {}
        if holding == "valkey":
            store = Store(folder)
            await store.start()
            stack.push_async_callback(store.stop)
            loyalty["LOYALTY_SNAPSHOTS_URL"] = f"redis://{HOST}:{store.port}"
        trifft = await Starter(stack, folder).start("trifft", outside)
        plan = make_plan(*urls, replicas=replicas, loyalty=loyalty, gateway=gateway)
        fleet = await stack.enter_async_context(run_fleet(plan, folder))
        origin = f"http://{HOST}:{trifft}"
        yield SnapshotStack(
            plan=plan,
            fleet=fleet,
            trifft=trifft,
            store=store,
            credentials=await add_shops(plan, make_shops(shops), origin, f"{origin}/gorgias/{{shop}}"),
            folder=folder,
        )

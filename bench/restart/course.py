"""The loyalty service killed (SIGKILL) and started again while widgets are asked for.

Once with snapshots in its memory, which are gone then, and once with snapshots on a Valkey.
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Literal

import msgspec

from bench.databases import open_databases
from bench.fleet import make_plan, run_fleet
from bench.process import HOST, find_free_ports, run_process
from bench.restart.watch import Watched, WatchPlan
from bench.shops import add_shops, make_shops
from bench.stack import Starter
from bench.valkey import run_valkey

Store = Literal["memory", "valkey"]
_GATEWAY = {"GATEWAY_MAX_STALENESS_S": "3600"}
# So that as many start-ups meet an agent as would by chance.
_NEW_EVERY = 5


class RestartScale(msgspec.Struct, frozen=True, kw_only=True):
    """Widgets are asked for `before_s` before the kill, and until `after_s` after the service listens again.

    The `shops` are so many that no budget at TRIFFT is spent by the load: 3 requests a second each.
    """

    stores: tuple[Store, ...] = ("memory", "valkey")
    shops: int = 20
    held: int = 5
    connections: int = 16
    pause_s: float = 0.1
    before_s: float = 3.0
    after_s: float = 25.0


QUICK_RESTART = RestartScale(stores=("valkey",), shops=2, held=2, before_s=0.2, after_s=0.5)


class MeasuredRestart(msgspec.Struct, frozen=True, kw_only=True):
    """`killed_s`, `listening_s`: of the same clock as the answers'."""

    killed_s: float
    listening_s: float
    watched: list[Watched]


async def measure_restarts(
    folder: Path, scale: RestartScale, note: Callable[[str], None]
) -> dict[Store, MeasuredRestart]:
    """Raises ProcessError."""
    measured: dict[Store, MeasuredRestart] = {}
    for store in scale.stores:
        note(f"the loyalty service killed and started again, snapshots: {store}")
        place = folder / f"restart-{store}"
        place.mkdir()
        measured[store] = await _measure(place, store, scale)
    return measured


async def _measure(folder: Path, store: Store, scale: RestartScale) -> MeasuredRestart:
    async with AsyncExitStack() as stack:
        urls = await stack.enter_async_context(open_databases("sqlite", folder))
        settings = {}
        if store == "valkey":
            (port,) = find_free_ports(1)
            await stack.enter_async_context(run_valkey(folder, port))
            settings["LOYALTY_SNAPSHOTS_URL"] = f"redis://{HOST}:{port}"
        trifft = await Starter(stack, folder).start("trifft", "bench.limited_trifft")
        plan = make_plan(*urls, replicas=1, loyalty=settings, gateway=_GATEWAY)
        fleet = await stack.enter_async_context(run_fleet(plan, folder))
        origin = f"http://{HOST}:{trifft}"
        watch = WatchPlan(
            port=plan.gateways[0].port,
            credentials=await add_shops(plan, make_shops(scale.shops), origin, f"{origin}/gorgias/{{shop}}"),
            held=scale.held,
            new_every=_NEW_EVERY,
            connections=scale.connections,
            pause_s=scale.pause_s,
        )
        plan_file, answers_file = folder / "watch.json", folder / "watched.json"
        plan_file.write_bytes(msgspec.json.encode(watch))
        arguments = (str(plan_file), str(answers_file))
        async with run_process(folder / "watch.log", "bench.restart.watch", *arguments, settings={}) as watching:
            await watching.wait_for_line("watching")
            await asyncio.sleep(scale.before_s)
            killed_s = time.monotonic()
            await fleet.restart(plan.loyalty[0])
            listening_s = time.monotonic()
            await asyncio.sleep(scale.after_s)
        watched = msgspec.json.decode(answers_file.read_bytes(), type=list[Watched])
        return MeasuredRestart(killed_s=killed_s, listening_s=listening_s, watched=watched)

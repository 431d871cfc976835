"""Kills (SIGKILL) and restarts the loyalty service while widgets are requested.

Once with snapshots in its memory, which are then lost, and once with snapshots on a Valkey.
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import msgspec

from bench.process import run_process
from bench.restart.watch import Watched, WatchPlan
from bench.snapshot_stack import Holding, SnapshotStack, run_snapshot_stack

HOLDINGS: tuple[Holding, ...] = ("memory", "valkey")
_GATEWAY = {"GATEWAY_MAX_STALENESS_S": "3600"}
# One request in so many is for a new member.
_NEW_EVERY = 5


class RestartScale(msgspec.Struct, frozen=True, kw_only=True):
    """Widgets are requested from `before_s` before the kill until `after_s` after the service listens again.

    There are enough `shops` that the load uses up no rate at TRIFFT: 3 requests a second each.
    """

    shops: int = 20
    held: int = 5
    connections: int = 16
    pause_s: float = 0.1
    before_s: float = 15.0
    after_s: float = 25.0


QUICK_RESTART = RestartScale(held=1, connections=2, before_s=0.2, after_s=0.5)


class MeasuredRestart(msgspec.Struct, frozen=True, kw_only=True):
    """`killed_s`, `listening_s`: by the same clock as the answers' times."""

    killed_s: float
    listening_s: float
    watched: list[Watched]


def run_restart_stack(
    folder: Path, holding: Holding, scale: RestartScale
) -> AbstractAsyncContextManager[SnapshotStack]:
    """Raises ProcessError."""
    return run_snapshot_stack(folder, "sqlite", holding, replicas=1, shops=scale.shops, gateway=_GATEWAY)


async def measure_restarts(
    folder: Path, scale: RestartScale, note: Callable[[str], None]
) -> dict[Holding, MeasuredRestart]:
    """Measure with memory, then with a Valkey. Raises ProcessError."""
    measured: dict[Holding, MeasuredRestart] = {}
    for holding in HOLDINGS:
        note(f"the loyalty service killed and started again, snapshots: {holding}")
        place = folder / f"restart-{holding}"
        place.mkdir()
        async with run_restart_stack(place, holding, scale) as stack:
            measured[holding] = await measure_restart(stack, scale)
    return measured


async def measure_restart(stack: SnapshotStack, scale: RestartScale) -> MeasuredRestart:
    """Restart the stack's first loyalty service. Raises ProcessError."""
    watch = WatchPlan(
        port=stack.plan.gateways[0].port,
        credentials=stack.credentials,
        held=scale.held,
        new_every=_NEW_EVERY,
        connections=scale.connections,
        pause_s=scale.pause_s,
    )
    plan_file, answers_file = stack.folder / "watch.json", stack.folder / "watched.json"
    plan_file.write_bytes(msgspec.json.encode(watch))
    arguments = (str(plan_file), str(answers_file))
    async with run_process(stack.folder / "watch.log", "bench.restart.watch", *arguments, settings={}) as watching:
        await watching.wait_for_line("watching")
        await asyncio.sleep(scale.before_s)
        killed_s = time.monotonic()
        await stack.fleet.restart(stack.plan.loyalty[0])
        listening_s = time.monotonic()
        await asyncio.sleep(scale.after_s)
    watched = msgspec.json.decode(answers_file.read_bytes(), type=list[Watched])
    return MeasuredRestart(killed_s=killed_s, listening_s=listening_s, watched=watched)

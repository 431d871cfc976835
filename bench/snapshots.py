"""What is measured of snapshots besides their speed: a day, a restart, an overload, their memory. Each runs alone."""

from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from bench.day.course import MeasuredDay, measure_day, run_day_stack
from bench.day.events import QUICK_DAY, DayScale
from bench.memory import QUICK_MEMORY, MemoryRow, MemoryScale, measure_memory
from bench.overload import QUICK_OVERLOAD, OverloadReport, OverloadScale, measure_overload
from bench.restart.course import QUICK_RESTART, MeasuredRestart, RestartScale, measure_restart, measure_restarts
from bench.snapshot_stack import Holding


class SnapshotScale(msgspec.Struct, frozen=True, kw_only=True):
    """`is_one_stack`: the restart on what the day has run on, which is quicker and tells nothing."""

    day: DayScale = DayScale()
    restart: RestartScale = RestartScale()
    overload: OverloadScale = OverloadScale()
    memory: MemoryScale = MemoryScale()
    is_one_stack: bool = False


QUICK_SNAPSHOTS = SnapshotScale(
    day=QUICK_DAY, restart=QUICK_RESTART, overload=QUICK_OVERLOAD, memory=QUICK_MEMORY, is_one_stack=True
)


class MeasuredSnapshots(msgspec.Struct, frozen=True, kw_only=True):
    day: MeasuredDay
    restarts: Mapping[Holding, MeasuredRestart]
    overload: OverloadReport
    memory: MemoryRow


async def measure_snapshots(folder: Path, scale: SnapshotScale, note: Callable[[str], None]) -> MeasuredSnapshots:
    """One after the other. Raises ProcessError and aiohttp.ClientError."""
    for name in ("day", "overload"):
        (folder / name).mkdir()
    restarts: Mapping[Holding, MeasuredRestart] = {}
    async with run_day_stack(folder / "day", scale.day) as stack:
        day = await measure_day(stack, scale.day, note)
        if scale.is_one_stack:
            restarts = {"valkey": await measure_restart(stack, scale.restart)}
    return MeasuredSnapshots(
        day=day,
        restarts=restarts or await measure_restarts(folder, scale.restart, note),
        overload=await measure_overload(folder / "overload", scale.overload, note),
        memory=await measure_memory(folder, scale.memory, note),
    )

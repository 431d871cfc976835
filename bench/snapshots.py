"""Measures snapshots besides their speed. Each part but the memory also runs alone."""

from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from bench.day.course import MeasuredDay, measure_day, run_day_stack
from bench.day.events import QUICK_DAY, DayScale
from bench.memory import BOUND_MEMBERS, MEMBERS, MemoryRow
from bench.overload import (
    QUICK_OVERLOAD,
    OverloadReport,
    OverloadScale,
    measure_overload,
    run_overload_stack,
)
from bench.process import run_process
from bench.restart.course import (
    HOLDINGS,
    QUICK_RESTART,
    MeasuredRestart,
    RestartScale,
    measure_restart,
    measure_restarts,
)
from bench.snapshot_stack import Holding

# Putting a million members takes minutes on a busy machine.
_MEMORY_S = 600.0


class SnapshotScale(msgspec.Struct, frozen=True, kw_only=True):
    """`members`: held to measure the memory of one, and put to test the bound.

    `is_one_stack`: all parts use the day's stack, which is faster, but gives no useful figures.
    """

    day: DayScale = DayScale()
    restart: RestartScale = RestartScale()
    overload: OverloadScale = OverloadScale()
    members: tuple[int, int] = (MEMBERS, BOUND_MEMBERS)
    is_one_stack: bool = False


QUICK_SNAPSHOTS = SnapshotScale(
    day=QUICK_DAY, restart=QUICK_RESTART, overload=QUICK_OVERLOAD, members=(100, 200), is_one_stack=True
)


class MeasuredSnapshots(msgspec.Struct, frozen=True, kw_only=True):
    day: MeasuredDay
    restarts: Mapping[Holding, MeasuredRestart]
    overload: OverloadReport
    memory: MemoryRow


async def measure_snapshots(folder: Path, scale: SnapshotScale, note: Callable[[str], None]) -> MeasuredSnapshots:
    """Measure the parts one after the other. Raises ProcessError and aiohttp.ClientError."""
    memory = await _measure_memory(folder, scale, note)
    (place := folder / "day").mkdir()
    async with run_day_stack(place, scale.day) as stack:
        day = await measure_day(stack, scale.day, note)
        if scale.is_one_stack:
            overload = await measure_overload(stack, scale.overload, note)
            restarts = {HOLDINGS[-1]: await measure_restart(stack, scale.restart)}
            return MeasuredSnapshots(day=day, restarts=restarts, overload=overload, memory=memory)
    restarts = await measure_restarts(folder, scale.restart, note)
    (place := folder / "overload").mkdir()
    async with run_overload_stack(place) as stack:
        overload = await measure_overload(stack, scale.overload, note)
    return MeasuredSnapshots(day=day, restarts=restarts, overload=overload, memory=memory)


async def _measure_memory(folder: Path, scale: SnapshotScale, note: Callable[[str], None]) -> MemoryRow:
    note("snapshots in memory")
    file = folder / "memory.json"
    arguments = (str(file), *map(str, scale.members))
    async with run_process(folder / "memory.log", "bench.memory", *arguments, settings={}) as process:
        await process.wait(_MEMORY_S)
    return msgspec.json.decode(file.read_bytes(), type=MemoryRow)

"""What is measured of snapshots besides their speed: a day, a restart, an overload. Each also runs alone."""

from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from bench.day.course import MeasuredDay, measure_day
from bench.day.events import QUICK_DAY, DayScale
from bench.overload import QUICK_OVERLOAD, OverloadReport, OverloadScale, measure_overload
from bench.restart.course import QUICK_RESTART, MeasuredRestart, RestartScale, Store, measure_restarts


class SnapshotScale(msgspec.Struct, frozen=True, kw_only=True):
    day: DayScale = DayScale()
    restart: RestartScale = RestartScale()
    overload: OverloadScale = OverloadScale()


QUICK_SNAPSHOTS = SnapshotScale(day=QUICK_DAY, restart=QUICK_RESTART, overload=QUICK_OVERLOAD)


class MeasuredSnapshots(msgspec.Struct, frozen=True, kw_only=True):
    day: MeasuredDay
    restarts: Mapping[Store, MeasuredRestart]
    overload: OverloadReport


async def measure_snapshots(folder: Path, scale: SnapshotScale, note: Callable[[str], None]) -> MeasuredSnapshots:
    """One after the other. Raises ProcessError and aiohttp.ClientError."""
    for name in ("day", "overload"):
        (folder / name).mkdir()
    return MeasuredSnapshots(
        day=await measure_day(folder / "day", scale.day, note),
        restarts=await measure_restarts(folder, scale.restart, note),
        overload=await measure_overload(folder / "overload", scale.overload, note),
    )

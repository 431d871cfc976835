"""Snapshots: measurements → figures → tables, part by part."""

import msgspec

from bench.aims import Aim
from bench.day.report import DayReport, make_day_report, render_day
from bench.memory import MemoryRow, make_aims, render_memory
from bench.overload import OverloadReport, render_overload
from bench.restart.report import RestartReport, make_restart_report, render_restarts
from bench.snapshots import MeasuredSnapshots, SnapshotScale


class SnapshotReport(msgspec.Struct, frozen=True, kw_only=True):
    day: DayReport
    restart: RestartReport
    overload: OverloadReport
    memory: MemoryRow

    @property
    def aims(self) -> list[Aim]:
        return [*self.day.aims, *self.restart.aims, *self.overload.aims, *make_aims(self.memory)]


def make_snapshot_report(measured: MeasuredSnapshots, scale: SnapshotScale) -> SnapshotReport:
    return SnapshotReport(
        day=make_day_report(measured.day, scale.day),
        restart=make_restart_report(measured.restarts),
        overload=measured.overload,
        memory=measured.memory,
    )


def render_snapshots(report: SnapshotReport) -> list[str]:
    """Render as Markdown, part by part."""
    return [
        *render_day(report.day),
        *render_restarts(report.restart),
        *render_overload(report.overload),
        render_memory(report.memory),
    ]

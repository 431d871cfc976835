"""Snapshots: what was measured → figures → tables, part after part."""

import msgspec

from bench.aims import Aim
from bench.day.report import DayReport, make_day_report, render_day
from bench.overload import OverloadReport, render_overload
from bench.restart.report import RestartReport, make_restart_report, render_restarts
from bench.snapshots import MeasuredSnapshots, SnapshotScale


class SnapshotReport(msgspec.Struct, frozen=True, kw_only=True):
    day: DayReport
    restart: RestartReport
    overload: OverloadReport

    @property
    def aims(self) -> list[Aim]:
        return [*self.day.aims, *self.restart.aims, *self.overload.aims]


def make_snapshot_report(measured: MeasuredSnapshots, scale: SnapshotScale) -> SnapshotReport:
    return SnapshotReport(
        day=make_day_report(measured.day, scale.day),
        restart=make_restart_report(measured.restarts),
        overload=measured.overload,
    )


def render_snapshots(report: SnapshotReport) -> list[str]:
    """As Markdown, part by part."""
    return [*render_day(report.day), *render_restarts(report.restart), *render_overload(report.overload)]

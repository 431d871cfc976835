"""Awards: samples → figures → tables."""

import math
import statistics
from collections.abc import Sequence

import msgspec

from bench.aims import Aim
from bench.award_stack import WORKERS
from bench.awards import COMMITS, AwardSamples, MeasuredAwards
from bench.figures import get_percentile, get_rate
from bench.load import Samples
from bench.table import render_table
from bench.trifft import CALL_S

HELD_WIDGETS_AIM = 12.0
ADDED_AIM_MS = 15.0
_UNKNOWN = "-"
_READING = f"""\
Awards go through HTTP, both processes, both databases and TRIFFT, which answers at once. Each award has a new member
and a new ticket. CPU is the processor time of both processes for one award and its note, including the read of TRIFFT
for that note. Beside it: the {COMMITS} commits of an award and its note as bare commits of one small row to the
ledger's database in the same round; and the number of widgets with held snapshots, row (c), that cost as much."""


class AwardRow(msgspec.Struct, frozen=True, kw_only=True):
    """`cpu_us`: for one award and its note; None if the system does not say.

    `commits_cpu_us`: for the same number of bare commits. `held_widgets`: how many of them cost as much.
    """

    engine: str
    shops: int
    awards_per_s: float
    p50_ms: float
    p99_ms: float
    cpu_us: float | None
    gateway_cpu_us: float | None
    loyalty_service_cpu_us: float | None
    commits_cpu_us: float
    held_widgets: float | None


class AddedRow(msgspec.Struct, frozen=True, kw_only=True):
    """Awards by one client, with TRIFFT's call taking 50 ms: the time above that."""

    engine: str
    awards: int
    above_p50_ms: float
    above_p99_ms: float


class AwardReport(msgspec.Struct, frozen=True, kw_only=True):
    rows: list[AwardRow]
    added: list[AddedRow]
    aims: list[Aim]


def make_award_report(measured: MeasuredAwards, held_cpu_us: float) -> AwardReport:
    """`held_cpu_us`: of one widget with a held snapshot, NaN where it is not known."""
    rows = [
        _make_row(engine, shops, rounds, measured.commit_cpu_s[engine], held_cpu_us)
        for (engine, shops), rounds in measured.awards.items()
    ]
    added = [_make_added(engine, rounds) for engine, rounds in measured.slow.items()]
    worst = max(math.inf if row.held_widgets is None else row.held_widgets for row in rows)
    sqlite_ms = next(row.above_p50_ms for row in added if row.engine == "sqlite")
    return AwardReport(
        rows=rows,
        added=added,
        aims=[
            Aim(
                aim=f"an award and its note cost at most {HELD_WIDGETS_AIM:g} held widgets, the worst row",
                measured=worst,
                is_met=worst <= HELD_WIDGETS_AIM,
            ),
            Aim(
                aim=f"an award adds at most {ADDED_AIM_MS:g} ms at the median on SQLite",
                measured=sqlite_ms,
                is_met=sqlite_ms <= ADDED_AIM_MS,
            ),
        ],
    )


def render_awards(report: AwardReport) -> list[str]:
    """Render as Markdown, part by part."""
    head = (
        *("awards", "shops", "awards/s", "p50 ms", "p99 ms", "CPU us", "gateway", "loyalty service"),
        *(f"{COMMITS} commits", "held widgets"),
    )
    added = ("awards one by one", "awards", "above TRIFFT, p50 ms", "above, p99 ms")
    return [
        render_table(head, [_render_row(row) for row in report.rows]),
        render_table(
            added,
            [
                (row.engine, str(row.awards), f"{row.above_p50_ms:.1f}", f"{row.above_p99_ms:.1f}")
                for row in report.added
            ],
        ),
        _READING,
    ]


def _make_row(
    engine: str, shops: int, rounds: Sequence[AwardSamples], commit_cpu_s: Sequence[float], held_cpu_us: float
) -> AwardRow:
    samples = [one.samples for one in rounds]
    gateway_us, loyalty_service_us = (_get_cpu_us(rounds, worker) for worker in WORKERS)
    cpu_us = gateway_us + loyalty_service_us
    return AwardRow(
        engine=engine,
        shops=shops,
        awards_per_s=statistics.median(map(get_rate, samples)),
        p50_ms=statistics.median(get_percentile(one.latencies_ms, 50) for one in samples),
        p99_ms=statistics.median(get_percentile(one.latencies_ms, 99) for one in samples),
        cpu_us=_known(cpu_us),
        gateway_cpu_us=_known(gateway_us),
        loyalty_service_cpu_us=_known(loyalty_service_us),
        commits_cpu_us=statistics.median(commit_cpu_s) * COMMITS * 1e6,
        held_widgets=_known(cpu_us / held_cpu_us),
    )


def _get_cpu_us(rounds: Sequence[AwardSamples], worker: str) -> float:
    """For one award, of all rounds together: the system counts in steps of 10 ms."""
    return sum(one.cpu_s[worker] for one in rounds) / sum(len(one.samples.latencies_ms) for one in rounds) * 1e6


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value


def _make_added(engine: str, rounds: Sequence[Samples]) -> AddedRow:
    latencies_ms = [latency for samples in rounds for latency in samples.latencies_ms]
    return AddedRow(
        engine=engine,
        awards=len(latencies_ms),
        above_p50_ms=get_percentile(latencies_ms, 50) - CALL_S * 1000,
        above_p99_ms=get_percentile(latencies_ms, 99) - CALL_S * 1000,
    )


def _render_row(row: AwardRow) -> tuple[str, ...]:
    return (
        row.engine,
        str(row.shops),
        f"{row.awards_per_s:.0f}",
        f"{row.p50_ms:.1f}",
        f"{row.p99_ms:.1f}",
        _render(row.cpu_us, ".0f"),
        _render(row.gateway_cpu_us, ".0f"),
        _render(row.loyalty_service_cpu_us, ".0f"),
        f"{row.commits_cpu_us:.0f}",
        _render(row.held_widgets, ".1f"),
    )


def _render(figure: float | None, digits: str) -> str:
    return _UNKNOWN if figure is None else format(figure, digits)

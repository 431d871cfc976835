"""Awards: samples → figures → tables."""

import statistics
from collections.abc import Sequence

import msgspec

from bench.aims import Aim
from bench.awards import COMMITS, MeasuredAwards
from bench.figures import get_percentile, get_rate
from bench.load import Samples
from bench.table import render_table
from bench.trifft import CALL_S

RATIO_AIM = 0.7
ADDED_AIM_MS = 15.0
_READING = f"""\
Awards go through HTTP, both processes, both databases and TRIFFT, which answers at once. Each award has a new member
and a new ticket. The floor is bare commits of one small row to the ledger's database in the same round, divided by the
{COMMITS} that an award needs one after the other: the ticket's pending note, so that no crash loses it; the ledger's
row, before TRIFFT is called; the outcome, before the answer. The load, both processes, TRIFFT and the databases share
the machine's cores; the floor has them to itself."""


class AwardRow(msgspec.Struct, frozen=True, kw_only=True):
    """`ratio`: awards a second times an award's commits, divided by commits a second; the median of the rounds."""

    engine: str
    shops: int
    awards_per_s: float
    commits_per_s: float
    ratio: float
    lowest_ratio: float
    highest_ratio: float
    p50_ms: float
    p99_ms: float


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


def make_award_report(measured: MeasuredAwards) -> AwardReport:
    rows = [
        _make_row(engine, shops, rounds, measured.commits_per_s[engine])
        for (engine, shops), rounds in measured.awards.items()
    ]
    added = [_make_added(engine, rounds) for engine, rounds in measured.slow.items()]
    worst = min(row.ratio for row in rows)
    sqlite_ms = next(row.above_p50_ms for row in added if row.engine == "sqlite")
    return AwardReport(
        rows=rows,
        added=added,
        aims=[
            Aim(
                aim=f"awards a second at least {RATIO_AIM} of their commits, the worst row",
                measured=worst,
                is_met=worst >= RATIO_AIM,
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
    head = ("awards", "shops", "awards/s", "bare commits/s", "of the floor", "range", "p50 ms", "p99 ms")
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


def _make_row(engine: str, shops: int, rounds: Sequence[Samples], commits_per_s: Sequence[float]) -> AwardRow:
    rates = [get_rate(samples) for samples in rounds]
    ratios = [rate * COMMITS / commits for rate, commits in zip(rates, commits_per_s, strict=True)]
    return AwardRow(
        engine=engine,
        shops=shops,
        awards_per_s=statistics.median(rates),
        commits_per_s=statistics.median(commits_per_s),
        ratio=statistics.median(ratios),
        lowest_ratio=min(ratios),
        highest_ratio=max(ratios),
        p50_ms=statistics.median(get_percentile(samples.latencies_ms, 50) for samples in rounds),
        p99_ms=statistics.median(get_percentile(samples.latencies_ms, 99) for samples in rounds),
    )


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
        f"{row.commits_per_s:.0f}",
        f"{row.ratio:.2f}",
        f"{row.lowest_ratio:.2f} to {row.highest_ratio:.2f}",
        f"{row.p50_ms:.1f}",
        f"{row.p99_ms:.1f}",
    )

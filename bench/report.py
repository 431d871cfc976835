"""Samples → figures → a table."""

import math
import statistics
from collections.abc import Sequence

import msgspec

from bench.aims import Aim
from bench.award_report import AwardReport, make_award_report, render_awards
from bench.awards import MeasuredAwards
from bench.channels.report import ChannelsReport, render_channels
from bench.checks import ChecksReport, render_checks
from bench.figures import get_percentile, get_rate
from bench.load import Samples
from bench.machine import Machine
from bench.rounds import CHAIN, FLOOR_KEYS, UNSEEN_KEYS, FloorKey, LiveKey, Measured, Scale
from bench.snapshot_report import SnapshotReport, render_snapshots
from bench.stack import QUICK_CALL_S
from bench.table import render_table
from bench.trifft import CALL_S

HELD_TO_FLOOR_AIM = 0.7
UNSEEN_TO_FLOOR_AIM = 0.6
UNSEEN_TO_PEER_AIM = 0.5
ADDED_AIM_MS = 8.0
_LETTERS: dict[FloorKey, str] = {
    "bare": "a",
    "relay": "b",
    "held": "c",
    "unseen": "d",
    "getting": "e",
    "shared": "f",
    "chain": "g",
    "peer": "h",
}
_TITLES: dict[FloorKey, str] = {
    "bare": "bare aiohttp handler, same bytes",
    "relay": "bare aiohttp handler that calls a bare grpc.aio method, same message",
    "held": "the widget, snapshot held",
    "getting": "as (b), the method also GETs as many bytes from a Valkey",
    "shared": "the widget, snapshot held on that Valkey",
    "unseen": f"the widget, member never seen, TRIFFT taking {QUICK_CALL_S * 1000:g} ms a call",
    "chain": "as (b), the method also makes those two calls, one after the other",
    "peer": "FastAPI, uvicorn and httpx: those two calls, nothing held, no limits, a similar answer",
}
_LIVE_TITLES: dict[LiveKey, str] = {
    "alone": "one call of the stand-in itself, for comparison",
    "cold": "(d) the widget, member never seen: find, then coupons",
    "warm": "(d) the widget, member remembered: find beside coupons",
}
_RATIOS: tuple[tuple[FloorKey, FloorKey], ...] = (
    ("held", "relay"),
    ("held", "bare"),
    ("relay", "bare"),
    ("shared", "getting"),
    ("getting", "relay"),
    ("unseen", "chain"),
    ("unseen", "peer"),
    ("unseen", "held"),
)
_UNKNOWN = "-"
_READING = """\
How to read it: only ratios are comparable, and only within one run. All rows ran in turn, round after round, on the
same machine. Requests per second and percentiles are medians of the rounds. A ratio is the median of the rounds' own
ratios, and its range shows the noise. CPU is the processor time of the row's own processes for one request; the ratio
by CPU is steadier while other work runs on the machine. A live row has few requests in a round, so its percentiles are
of all rounds together. The time above the chain is our own: HTTP in and out, the call between the processes, and the
load client. The stand-in's own row shows how much of it is HTTP and the client alone."""


class FloorRow(msgspec.Struct, frozen=True, kw_only=True):
    """`cpu_us`: processor time of the row's own processes for one request, None if the system does not say."""

    row: str
    title: str
    requests_per_s: float
    p50_ms: float
    p99_ms: float
    cpu_us: float | None
    rounds_requests_per_s: list[float]


class Ratio(msgspec.Struct, frozen=True, kw_only=True):
    """A ratio of requests per second: `name` is "c/b".

    `cpu`: the inverse ratio of processor time; below 1 means more cost.
    """

    name: str
    median: float
    lowest: float
    highest: float
    cpu: float | None


class LiveRow(msgspec.Struct, frozen=True, kw_only=True):
    """`chain_ms`: the time of TRIFFT's calls, one after the other. `above`: the rest."""

    row: str
    title: str
    connections: int
    samples: int
    chain_ms: float
    p50_ms: float
    p99_ms: float
    above_p50_ms: float
    above_p99_ms: float


class Others(msgspec.Struct, frozen=True, kw_only=True):
    """All but the widget's own speed."""

    awards: MeasuredAwards
    snapshots: SnapshotReport
    channels: ChannelsReport
    checks: ChecksReport


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """One run. `date` is a day in UTC. `awards` and what follows: None where only the widget was measured."""

    date: str
    machine: Machine
    scale: Scale
    body_bytes: int
    rows: list[FloorRow]
    ratios: list[Ratio]
    live: list[LiveRow]
    awards: AwardReport | None
    snapshots: SnapshotReport | None
    channels: ChannelsReport | None
    checks: ChecksReport | None
    aims: list[Aim]


def make_report(  # noqa: PLR0913 - one argument per part of a report
    measured: Measured, others: Others | None, scale: Scale, machine: Machine, *, date: str, body_bytes: int
) -> Report:
    ratios = [_make_ratio(measured, over, under) for over, under in _RATIOS]
    live = [_make_live_row(key, connections, samples) for (key, connections), samples in measured.live.items()]
    worst_ms = max(row.above_p50_ms for row in live if row.row != "alone")
    awards = make_award_report(others.awards, _get_cpu_us(measured, "held")) if others else None
    parts = (awards, others.snapshots, others.channels, others.checks) if awards and others else ()
    aims = [
        *_make_floor_aims(measured),
        Aim(
            aim=f"(d) adds under {ADDED_AIM_MS:g} ms at the median, the worst of its rows",
            measured=worst_ms,
            is_met=worst_ms < ADDED_AIM_MS,
        ),
        *(aim for part in parts for aim in part.aims),
    ]
    rows = [_make_floor_row(key, measured) for key in (*FLOOR_KEYS, *UNSEEN_KEYS)]
    return Report(
        date=date,
        machine=machine,
        scale=scale,
        body_bytes=body_bytes,
        rows=rows,
        ratios=ratios,
        live=live,
        awards=awards,
        snapshots=others.snapshots if others else None,
        channels=others.channels if others else None,
        checks=others.checks if others else None,
        aims=aims,
    )


def render_report(report: Report) -> str:
    """Render as Markdown."""
    machine, scale = report.machine, report.scale
    packages = ", ".join(f"{name} {version}" for name, version in machine.packages.items())
    parts = [
        f"# Benchmark of {report.date}",
        f"{machine.cores} cores of {machine.processor}, {machine.system}; {machine.python}; {packages}.",
        (
            f"Load before the run: {machine.load:g}. {scale.rounds} rounds; each row with "
            f"{scale.connections} connections, for {scale.seconds:g} s or {scale.unseen_members} members never seen, "
            f"answers of {report.body_bytes} bytes."
        ),
        render_table(
            ("row", "", "requests/s", "p50 ms", "p99 ms", "CPU us"),
            [_render_floor_row(row) for row in report.rows],
        ),
        render_table(
            ("ratio", "median", "range over the rounds", "by CPU"),
            [_render_ratio(ratio) for ratio in report.ratios],
        ),
        f"Live fetches, TRIFFT taking {CALL_S * 1000:g} ms a call:",
        render_table(
            ("", "connections", "requests", "chain ms", "p50 ms", "p99 ms", "above, p50 ms", "above, p99 ms"),
            [_render_live_row(row) for row in report.live],
        ),
        *(render_awards(report.awards) if report.awards else ()),
        *(render_snapshots(report.snapshots) if report.snapshots else ()),
        *(render_channels(report.channels) if report.channels else ()),
        *(render_checks(report.checks) if report.checks else ()),
        "\n".join(f"- {aim.aim}: {aim.measured:.2f}, {'met' if aim.is_met else 'not met'}" for aim in report.aims),
        _READING,
    ]
    return "\n\n".join(parts) + "\n"


def _make_floor_row(key: FloorKey, measured: Measured) -> FloorRow:
    rounds = [one.samples for one in measured.floors[key]]
    rates = [get_rate(samples) for samples in rounds]
    cpu_us = _get_cpu_us(measured, key)
    return FloorRow(
        row=_LETTERS[key],
        title=_TITLES[key],
        requests_per_s=statistics.median(rates),
        p50_ms=statistics.median(get_percentile(samples.latencies_ms, 50) for samples in rounds),
        p99_ms=statistics.median(get_percentile(samples.latencies_ms, 99) for samples in rounds),
        cpu_us=None if math.isnan(cpu_us) else cpu_us,
        rounds_requests_per_s=rates,
    )


def _make_ratio(measured: Measured, over: FloorKey, under: FloorKey) -> Ratio:
    pairs = zip(measured.floors[over], measured.floors[under], strict=True)
    ratios = [get_rate(one.samples) / get_rate(other.samples) for one, other in pairs]
    cpu = _get_cpu_us(measured, under) / _get_cpu_us(measured, over)
    return Ratio(
        name=f"{_LETTERS[over]}/{_LETTERS[under]}",
        median=statistics.median(ratios),
        lowest=min(ratios),
        highest=max(ratios),
        cpu=None if math.isnan(cpu) else cpu,
    )


def _make_floor_aims(measured: Measured) -> list[Aim]:
    """By CPU: NaN, and not met, where the system does not say."""
    pairs: tuple[tuple[FloorKey, FloorKey], ...] = (("held", "relay"), ("shared", "getting"), ("unseen", "chain"))
    held, shared, unseen = (_get_cpu_us(measured, under) / _get_cpu_us(measured, over) for over, under in pairs)
    cost = _get_cpu_us(measured, "unseen") / _get_cpu_us(measured, "peer")
    to_floor, to_peer = f"(d) at least {UNSEEN_TO_FLOOR_AIM} of (g)", f"(d) costs at most {UNSEEN_TO_PEER_AIM} of (h)"
    return [
        Aim(aim=f"(c) at least {HELD_TO_FLOOR_AIM} of (b) by CPU", measured=held, is_met=held >= HELD_TO_FLOOR_AIM),
        Aim(aim=f"(f) at least {HELD_TO_FLOOR_AIM} of (e) by CPU", measured=shared, is_met=shared >= HELD_TO_FLOOR_AIM),
        Aim(aim=f"{to_floor} by CPU", measured=unseen, is_met=unseen >= UNSEEN_TO_FLOOR_AIM),
        Aim(aim=f"{to_peer} by CPU", measured=cost, is_met=cost <= UNSEEN_TO_PEER_AIM),
    ]


def _make_live_row(key: LiveKey, connections: int, rounds: Sequence[Samples]) -> LiveRow:
    latencies_ms = [latency for samples in rounds for latency in samples.latencies_ms]
    chain_ms = CHAIN[key] * CALL_S * 1000
    p50_ms, p99_ms = get_percentile(latencies_ms, 50), get_percentile(latencies_ms, 99)
    return LiveRow(
        row=key,
        title=_LIVE_TITLES[key],
        connections=connections,
        samples=len(latencies_ms),
        chain_ms=chain_ms,
        p50_ms=p50_ms,
        p99_ms=p99_ms,
        above_p50_ms=p50_ms - chain_ms,
        above_p99_ms=p99_ms - chain_ms,
    )


def _get_cpu_us(measured: Measured, key: FloorKey) -> float:
    """The processor time of one request, over all rounds: the system counts in steps of 10 ms."""
    rounds = measured.floors[key]
    used_s = sum(one.cpu_s for one in rounds) or math.nan
    return used_s / (sum(len(one.samples.latencies_ms) for one in rounds) or math.nan) * 1e6


def _render_floor_row(row: FloorRow) -> tuple[str, ...]:
    cpu = _UNKNOWN if row.cpu_us is None else f"{row.cpu_us:.0f}"
    return f"({row.row})", row.title, f"{row.requests_per_s:.0f}", f"{row.p50_ms:.2f}", f"{row.p99_ms:.2f}", cpu


def _render_ratio(ratio: Ratio) -> tuple[str, ...]:
    cpu = _UNKNOWN if ratio.cpu is None else f"{ratio.cpu:.2f}"
    return ratio.name, f"{ratio.median:.2f}", f"{ratio.lowest:.2f} to {ratio.highest:.2f}", cpu


def _render_live_row(row: LiveRow) -> tuple[str, ...]:
    figures = (row.p50_ms, row.p99_ms, row.above_p50_ms, row.above_p99_ms)
    return (
        row.title,
        str(row.connections),
        str(row.samples),
        f"{row.chain_ms:g}",
        *(f"{figure:.1f}" for figure in figures),
    )

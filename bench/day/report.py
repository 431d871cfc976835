"""A simulated day: answers → figures → tables."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from bench.aims import Aim
from bench.day.course import STORE_HOUR, TRIFFT_HOUR, MeasuredDay, get_hour
from bench.day.driver import Reply
from bench.day.events import DayScale, Kind, is_big
from bench.figures import get_percentile
from bench.table import render_table
from bench.trifft import CALL_S
from bench.troubles import pick_answers
from bench.widgets import ANSWER_S, LIVE, OLD, UNAVAILABLE

AFTER_S = 20.0
"""The time after a bad hour that is not counted as good: TRIFFT's window, and the circuit breaker's wait."""
_READING = """\
The idle time between the bursts of a day is left out, but TRIFFT's window and block, hold times and the breaker keep
their seconds: this is harsher than a real day. TRIFFT takes {call_ms:g} ms a call and counts per token, as the real one
does. In its bad hour it refuses, then hangs; the shared store hangs, then is killed and comes back empty. "Live" is as
fresh as requested, "old" is held data with its time, "none" is an answer without data. Nine customers in ten are new,
so nothing is held of them. A big shop's rushes need more than its rate at TRIFFT. Good hours are all others, but for
the first {after_s:g} s after a bad one."""


class Period(msgspec.Struct, frozen=True, kw_only=True):
    """Widgets of a part of the day. Shares are of 1. `because`: those that were not live, by the widget's reason."""

    period: str
    widgets: int
    p50_ms: float
    p99_ms: float
    live: float
    old: float
    none: float
    unanswered: int
    because: dict[str, int]


class Others(msgspec.Struct, frozen=True, kw_only=True):
    """Other requests, by outcome."""

    kind: str
    requests: int
    p50_ms: float
    p99_ms: float
    outcomes: dict[str, int]


class DayReport(msgspec.Struct, frozen=True, kw_only=True):
    """`calls_per_event`: all reads of TRIFFT, divided by the ticket events.

    `peak`: the most requests of one token in 10 s. `kinds`: shares of 1, empty if the services do not count them.
    `counters`: the loyalty services' own.
    """

    scale: DayScale
    events: int
    calls_per_event: float
    reads: int
    writes: int
    throttled: int
    peak: int
    late_ms: float
    kinds: dict[str, float]
    periods: list[Period]
    others: list[Others]
    counters: dict[str, int]
    aims: list[Aim]


def make_day_report(measured: MeasuredDay, scale: DayScale) -> DayReport:
    replies = measured.answers.replies
    widgets = [reply for reply in replies if reply.kind is Kind.TICKET]
    trifft, store = get_hour(scale, TRIFFT_HOUR), get_hour(scale, STORE_HOUR)
    bad = [(from_s, to_s + AFTER_S) for from_s, to_s in (trifft, store)]
    good = [widget for widget in widgets if not any(from_s <= widget.at_s < to_s for from_s, to_s in bad)]
    periods = [
        _make_period("the whole day", widgets),
        _make_period("good hours, big shops", [widget for widget in good if is_big(widget.shop)]),
        _make_period("good hours, others", [widget for widget in good if not is_big(widget.shop)]),
        _make_period("TRIFFT down", _pick(widgets, *trifft)),
        _make_period("the store down", _pick(widgets, *store)),
    ]
    kinds = pick_answers(measured.counters)
    total = sum(kinds.values())
    unanswered = periods[0].unanswered
    tally = measured.tally
    return DayReport(
        scale=scale,
        events=len(widgets),
        calls_per_event=tally.reads / len(widgets),
        reads=tally.reads,
        writes=tally.writes,
        throttled=tally.throttled,
        peak=tally.peak,
        late_ms=measured.answers.late_ms,
        kinds={kind: count / total for kind, count in kinds.items()} if total else {},
        periods=periods,
        others=[_make_others(kind, replies) for kind in (Kind.READER, Kind.BATCH, Kind.AWARD)],
        counters=dict(sorted(measured.counters.items())),
        aims=[
            Aim(aim=f"the day: no widget without a 200 in {ANSWER_S:g} s", measured=unanswered, is_met=unanswered == 0),
        ],
    )


def render_day(report: DayReport) -> list[str]:
    """Render as Markdown, part by part."""
    scale = report.scale
    shares = ", ".join(f"{kind} {share:.1%}" for kind, share in report.kinds.items()) or "not counted"
    return [
        (
            f"A simulated day: {scale.shops} shops, {scale.replicas} of each process, {report.events} ticket events in "
            f"{scale.seconds:g} s, seed {scale.seed}. TRIFFT had {report.reads} reads, {report.calls_per_event:.2f} for"
            f" a ticket event, and {report.writes} awards; at most {report.peak} requests of a shop in 10 s, "
            f"{report.throttled} answers 429. Readers of snapshots, as the service counts: {shares}. The load came "
            f"at most {report.late_ms:.0f} ms late."
        ),
        render_table(
            ("widgets", "requests", "p50 ms", "p99 ms", "live", "old", "none", "unanswered", "old or none because"),
            [_render_period(period) for period in report.periods],
        ),
        render_table(
            ("others", "requests", "p50 ms", "p99 ms", "came to"), [_render_others(others) for others in report.others]
        ),
        _READING.format(call_ms=CALL_S * 1000, after_s=AFTER_S),
    ]


def _pick(widgets: Iterable[Reply], from_s: float, to_s: float) -> list[Reply]:
    return [widget for widget in widgets if from_s <= widget.at_s < to_s]


def _make_period(name: str, widgets: Sequence[Reply]) -> Period:
    outcomes = Counter(widget.outcome for widget in widgets)
    unanswered = sum(not widget.is_answered for widget in widgets)
    count = len(widgets) or 1
    old, none = outcomes[OLD], outcomes[UNAVAILABLE]
    times_ms = [widget.took_ms for widget in widgets] or [0.0]
    return Period(
        period=name,
        widgets=len(widgets),
        p50_ms=get_percentile(times_ms, 50),
        p99_ms=get_percentile(times_ms, 99),
        live=outcomes[LIVE] / count,
        old=old / count,
        none=none / count,
        unanswered=unanswered,
        because=dict(Counter(widget.because for widget in widgets if widget.because).most_common()),
    )


def _make_others(kind: Kind, replies: Iterable[Reply]) -> Others:
    own = [reply for reply in replies if reply.kind is kind]
    times_ms = [reply.took_ms for reply in own] or [0.0]
    outcomes = Counter(outcome for reply in own for outcome in reply.members or [reply.outcome])
    return Others(
        kind={Kind.READER: "readers", Kind.BATCH: "batches, by member", Kind.AWARD: "awards"}[kind],
        requests=len(own),
        p50_ms=get_percentile(times_ms, 50),
        p99_ms=get_percentile(times_ms, 99),
        outcomes=dict(outcomes.most_common()),
    )


def _render_period(period: Period) -> tuple[str, ...]:
    return (
        period.period,
        str(period.widgets),
        f"{period.p50_ms:.1f}",
        f"{period.p99_ms:.1f}",
        f"{period.live:.1%}",
        f"{period.old:.1%}",
        f"{period.none:.1%}",
        str(period.unanswered),
        _render_counts(period.because),
    )


def _render_others(others: Others) -> tuple[str, ...]:
    times = f"{others.p50_ms:.1f}", f"{others.p99_ms:.1f}"
    return others.kind, str(others.requests), *times, _render_counts(others.outcomes)


def _render_counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items())

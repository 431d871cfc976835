"""Customers without an e-mail: answers → figures → tables."""

from collections import Counter
from collections.abc import Iterable, Sequence

import msgspec

from bench.aims import Aim
from bench.channels.course import ChannelScale, MeasuredChannels, Part
from bench.channels.people import Kind
from bench.figures import get_percentile
from bench.table import render_table
from bench.trifft import CALL_S
from bench.widgets import LIVE, Answer

STEADY_AIM = 0.95
SLOWEST_AIM_MS = 2000.0
ALL_LIVE_AIM_S = 300.0
EMAIL_CALLS_AIM = 2.0
_NEVER = "never"
_READING = f"""\
TRIFFT takes {CALL_S * 1000:g} ms a call and allows 50 in 10 s, Gorgias 40 in 20 s, of which panels take half. Calls are
counted where they arrive; each kind has a shop of its own. "First" is a customer's first event, "again" one more,
a second later: the customer's addresses are remembered, the member is read anew. The burst meets a shop of whose
customers nothing is remembered. After it, one event follows each second, of those who were not live until then."""


class KindRow(msgspec.Struct, frozen=True, kw_only=True):
    """Calls per event of TRIFFT and of Gorgias, for the first event of a customer and for another one."""

    kind: Kind
    first_trifft: float
    first_gorgias: float
    again_trifft: float
    again_gorgias: float
    answers: dict[str, int]


class LoadRow(msgspec.Struct, frozen=True, kw_only=True):
    """Events of one part. `refused`: by a 429, of TRIFFT and of Gorgias."""

    part: str
    events: int
    live: int
    unanswered: int
    p50_ms: float
    slowest_ms: float
    trifft: int
    gorgias: int
    refused_by_trifft: int
    refused_by_gorgias: int
    outcomes: dict[str, int]


class ChannelsReport(msgspec.Struct, frozen=True, kw_only=True):
    """`all_live_s`: when all customers of the burst had been live, after it; None: never."""

    customers: int
    kinds: list[KindRow]
    loads: list[LoadRow]
    all_live_s: float | None
    aims: list[Aim]


def make_channels_report(measured: MeasuredChannels, scale: ChannelScale) -> ChannelsReport:
    kinds = [_make_kind_row(kind, *parts) for kind, parts in measured.kinds.items()]
    steady = _make_load_row(f"{scale.per_s:g} a second", measured.steady)
    burst = _make_load_row(f"{scale.burst} at once", measured.burst)
    loads = [steady, burst]
    if measured.single.answers:
        loads.append(_make_load_row("then one by one", measured.single))
    return ChannelsReport(
        customers=scale.customers,
        kinds=kinds,
        loads=loads,
        all_live_s=measured.all_live_s,
        aims=_make_aims(kinds[0], loads, measured.all_live_s),
    )


def render_channels(report: ChannelsReport) -> list[str]:
    """Render as Markdown, part by part."""
    kinds = ("member found by", "first: TRIFFT", "Gorgias", "again: TRIFFT", "Gorgias", "answers")
    loads = (
        "events",
        "count",
        "live",
        "unanswered",
        "p50 ms",
        "slowest ms",
        "TRIFFT calls",
        "429s",
        "Gorgias calls",
        "429s",
        "not live",
    )
    live = _NEVER if report.all_live_s is None else f"{report.all_live_s:.0f} s after the burst"
    return [
        "Calls for one ticket event, by what the member is found:",
        render_table(kinds, [_render_kind(row) for row in report.kinds]),
        f"{report.customers} customers of whom Gorgias knows a phone and no e-mail:",
        render_table(loads, [_render_load(row) for row in report.loads]),
        f"All {report.customers} had been live: {live}.",
        _READING,
    ]


def _make_aims(email: KindRow, loads: Sequence[LoadRow], all_live_s: float | None) -> list[Aim]:
    steady, burst = loads[:2]
    share = steady.live / steady.events
    refused = sum(row.refused_by_trifft + row.refused_by_gorgias for row in loads)
    calls = max(email.first_trifft + email.first_gorgias, email.again_trifft + email.again_gorgias)
    taken_s = float("inf") if all_live_s is None else all_live_s
    return [
        Aim(
            aim=f"channels: at least {STEADY_AIM} live at one event a second",
            measured=share,
            is_met=share >= STEADY_AIM,
        ),
        Aim(aim="channels: no 429 of TRIFFT or Gorgias", measured=refused, is_met=refused == 0),
        Aim(
            aim=f"channels: the slowest panel of a burst under {SLOWEST_AIM_MS:g} ms",
            measured=burst.slowest_ms,
            is_met=burst.slowest_ms < SLOWEST_AIM_MS and not burst.unanswered,
        ),
        Aim(
            aim=f"channels: all live within {ALL_LIVE_AIM_S:g} s after the burst",
            measured=taken_s,
            is_met=taken_s <= ALL_LIVE_AIM_S,
        ),
        Aim(
            aim=f"channels: at most {EMAIL_CALLS_AIM:g} calls where the ticket's e-mail finds the member",
            measured=calls,
            is_met=calls <= EMAIL_CALLS_AIM,
        ),
    ]


def _make_kind_row(kind: Kind, first: Part, again: Part) -> KindRow:
    count = len(first.answers)
    return KindRow(
        kind=kind,
        first_trifft=first.seen.trifft / count,
        first_gorgias=first.seen.gorgias / count,
        again_trifft=again.seen.trifft / count,
        again_gorgias=again.seen.gorgias / count,
        answers=_count(first.answers + again.answers),
    )


def _make_load_row(name: str, part: Part) -> LoadRow:
    took_ms = [answer.took_ms for answer in part.answers]
    return LoadRow(
        part=name,
        events=len(part.answers),
        live=sum(answer.outcome == LIVE for answer in part.answers),
        unanswered=sum(not answer.is_answered for answer in part.answers),
        p50_ms=get_percentile(took_ms, 50),
        slowest_ms=max(took_ms),
        trifft=part.seen.trifft,
        gorgias=part.seen.gorgias,
        refused_by_trifft=part.seen.refused_by_trifft,
        refused_by_gorgias=part.seen.refused_by_gorgias,
        outcomes=_count(answer for answer in part.answers if answer.outcome != LIVE),
    )


def _count(answers: Iterable[Answer]) -> dict[str, int]:
    """By outcome and its reason, the most frequent first."""
    return dict(Counter(answer.because or answer.outcome for answer in answers).most_common())


def _render_kind(row: KindRow) -> tuple[str, ...]:
    figures = (row.first_trifft, row.first_gorgias, row.again_trifft, row.again_gorgias)
    return row.kind, *(f"{figure:.1f}" for figure in figures), _render_counts(row.answers)


def _render_load(row: LoadRow) -> tuple[str, ...]:
    return (
        row.part,
        str(row.events),
        f"{row.live / row.events:.1%}",
        str(row.unanswered),
        f"{row.p50_ms:.0f}",
        f"{row.slowest_ms:.0f}",
        str(row.trifft),
        str(row.refused_by_trifft),
        str(row.gorgias),
        str(row.refused_by_gorgias),
        _render_counts(row.outcomes),
    )


def _render_counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items())

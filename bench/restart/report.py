"""A killed and restarted service: answers → figures → a table."""

from collections.abc import Mapping, Sequence

import msgspec

from bench.aims import Aim
from bench.restart.course import MeasuredRestart
from bench.restart.watch import Watched
from bench.snapshot_stack import Holding
from bench.table import render_table
from bench.widgets import LIVE, OLD

_NEVER = "not yet"
_READING = """\
Widgets are requested all the time, on connections that Gorgias keeps: for members whose snapshots were held before the
kill, and for new members. "First live" is the first widget with data as fresh as requested, "last without" the last
widget without data: after it all are live again. The time between the first two columns is the start of the process
itself."""


class Return(msgspec.Struct, frozen=True, kw_only=True):
    """The recovery of one kind of widgets, in seconds after the service listened again; None: not during the watch.

    `first_live_s` may be below 0: the gateway may notice the service before the bench does.
    """

    members: str
    first_live_s: float | None
    last_without_s: float | None
    without: int


class RestartRow(msgspec.Struct, frozen=True, kw_only=True):
    """`start_s`: from the kill until it listens again. `old`: answers with older data than requested."""

    holding: Holding
    widgets: int
    unanswered: int
    slowest_ms: float
    start_s: float
    old: int
    returns: list[Return]


class RestartReport(msgspec.Struct, frozen=True, kw_only=True):
    rows: list[RestartRow]
    aims: list[Aim]


def make_restart_report(measured: Mapping[Holding, MeasuredRestart]) -> RestartReport:
    rows = [_make_row(holding, one) for holding, one in measured.items()]
    unanswered = sum(row.unanswered for row in rows)
    aim = Aim(aim="a restart: no widget without a 200", measured=unanswered, is_met=unanswered == 0)
    return RestartReport(rows=rows, aims=[aim])


def render_restarts(report: RestartReport) -> list[str]:
    """Render as Markdown, part by part."""
    head = (
        "service killed, snapshots on",
        "listens after s",
        "members",
        "first live after s more",
        "last without after s",
        "without",
        "old",
        "widgets",
        "unanswered",
        "slowest ms",
    )
    return [
        render_table(head, [_render_row(row, one) for row in report.rows for one in row.returns]),
        _READING,
    ]


def _make_row(holding: Holding, measured: MeasuredRestart) -> RestartRow:
    after = [one for one in measured.watched if one.answer.answered_s >= measured.killed_s]
    return RestartRow(
        holding=holding,
        widgets=len(measured.watched),
        unanswered=sum(not one.answer.is_answered for one in measured.watched),
        slowest_ms=max(one.answer.took_ms for one in measured.watched),
        start_s=measured.listening_s - measured.killed_s,
        old=sum(one.answer.outcome == OLD for one in after),
        returns=[
            _make_return("held", [one for one in after if not one.is_new], measured),
            _make_return("new", [one for one in after if one.is_new], measured),
        ],
    )


def _make_return(members: str, after: Sequence[Watched], measured: MeasuredRestart) -> Return:
    """Only requests that were sent after the kill count: one sent before may still be live."""
    sent = [one.answer for one in after if one.answer.sent_s >= measured.killed_s]
    live_s = [answer.answered_s for answer in sent if answer.outcome == LIVE]
    without_s = [answer.answered_s for answer in sent if answer.outcome not in {LIVE, OLD}]
    is_back = not without_s or (live_s and max(live_s) > max(without_s))
    return Return(
        members=members,
        first_live_s=min(live_s) - measured.listening_s if live_s else None,
        last_without_s=max(without_s, default=measured.listening_s) - measured.listening_s if is_back else None,
        without=len(without_s),
    )


def _render_row(row: RestartRow, one: Return) -> tuple[str, ...]:
    return (
        row.holding,
        f"{row.start_s:.2f}",
        one.members,
        *(_NEVER if value is None else f"{value:.2f}" for value in (one.first_live_s, one.last_without_s)),
        str(one.without),
        str(row.old),
        str(row.widgets),
        str(row.unanswered),
        f"{row.slowest_ms:.0f}",
    )

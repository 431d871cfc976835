"""The report of a killed and restarted service, made from invented answers."""

from bench.restart.course import MeasuredRestart
from bench.restart.report import RestartRow, make_restart_report
from bench.restart.watch import Watched
from bench.widgets import LIVE, OLD, UNAVAILABLE, Answer

KILLED_S, LISTENING_S = 100.0, 102.0


def watch(sent_s: float, outcome: str, *, is_new: bool = False, is_answered: bool = True) -> Watched:
    answer = Answer(sent_s=sent_s, answered_s=sent_s + 0.5, outcome=outcome, is_answered=is_answered)
    return Watched(answer=answer, is_new=is_new)


def make_row(*watched: Watched) -> RestartRow:
    measured = MeasuredRestart(killed_s=KILLED_S, listening_s=LISTENING_S, watched=list(watched))
    (row,) = make_restart_report({"memory": measured}).rows
    return row


def test_held_and_new_members_return_at_their_own_times() -> None:
    row = make_row(
        watch(99, LIVE),
        watch(101, UNAVAILABLE),
        watch(102, OLD),
        watch(103, LIVE),
        watch(101, UNAVAILABLE, is_new=True),
        watch(106, UNAVAILABLE, is_new=True),
        watch(104, LIVE, is_new=True),
        watch(107, LIVE, is_new=True),
    )
    held, new = row.returns
    assert (row.start_s, row.old) == (2.0, 1)
    assert (held.first_live_s, held.last_without_s, held.without) == (1.5, -0.5, 1)
    assert (new.first_live_s, new.last_without_s, new.without) == (2.5, 4.5, 2)


def test_an_answer_to_a_request_from_before_the_kill_does_not_count() -> None:
    held, _ = make_row(watch(99.9, LIVE), watch(101, UNAVAILABLE)).returns
    assert (held.first_live_s, held.last_without_s) == (None, None)


def test_one_unanswered_widget_misses_the_aim() -> None:
    watched = [watch(101, "HTTP 500", is_answered=False), watch(103, LIVE)]
    report = make_restart_report({"memory": MeasuredRestart(killed_s=100, listening_s=102, watched=watched)})
    assert [(aim.measured, aim.is_met) for aim in report.aims] == [(1, False)]

"""Our share of an account's rate, on a clock that only the test moves."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.gorgias.budget import PERIOD_S, REQUESTS, Budget, Urgency
from gateway.gorgias.errors import GorgiasThrottledError

BACKGROUND_REQUESTS = 14
PANEL_REQUESTS = 10


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def budget(clock: Clock) -> Budget:
    return Budget(clock)


def take(budget: Budget, count: int, urgency: Urgency) -> int:
    """How many of so many were let through."""
    taken = 0
    for _ in range(count):
        try:
            budget.take(urgency)
        except GorgiasThrottledError:
            break
        taken += 1
    return taken


def test_lookups_go_on_when_the_notes_have_used_their_share(budget: Budget) -> None:
    assert take(budget, 100, Urgency.NOTE) == BACKGROUND_REQUESTS
    assert take(budget, 100, Urgency.PRESS) == REQUESTS - BACKGROUND_REQUESTS


def test_panels_leave_room_for_notes_and_presses(budget: Budget) -> None:
    """A shop whose panels all ask Gorgias must not wait for its awards, nor its tickets for their notes."""
    assert take(budget, 100, Urgency.PANEL) == PANEL_REQUESTS
    assert take(budget, 100, Urgency.NOTE) == BACKGROUND_REQUESTS - PANEL_REQUESTS
    assert take(budget, 100, Urgency.PRESS) == REQUESTS - BACKGROUND_REQUESTS


def test_small_share_keeps_some_of_it_for_presses(clock: Clock) -> None:
    budget = Budget(clock, requests=10)
    assert [take(budget, 100, one) for one in (Urgency.PANEL, Urgency.NOTE, Urgency.PRESS)] == [5, 2, 3]


def test_panels_go_on_after_notes_and_stop_before_presses(budget: Budget) -> None:
    """As the account fills up: by us, by other processes, by others."""
    budget.note_level(24, 40)
    assert [take(budget, 1, one) for one in (Urgency.NOTE, Urgency.PANEL)] == [0, 1]
    budget.note_level(30, 40)
    assert [take(budget, 1, one) for one in (Urgency.PANEL, Urgency.PRESS)] == [0, 1]


def test_notes_wait_for_all_that_was_sent(budget: Budget) -> None:
    assert take(budget, REQUESTS - 1, Urgency.PRESS) == REQUESTS - 1
    assert take(budget, 100, Urgency.NOTE) == 1


def test_wait_is_the_time_until_the_oldest_is_past(budget: Budget, clock: Clock) -> None:
    budget.take(Urgency.NOTE)
    clock.now += 5
    take(budget, BACKGROUND_REQUESTS - 1, Urgency.NOTE)
    assert budget.get_wait_s(Urgency.NOTE) == pytest.approx(PERIOD_S - 5)
    clock.now += PERIOD_S - 5
    assert take(budget, 100, Urgency.NOTE) == 1


@given(st.lists(st.tuples(st.floats(0, 8), st.sampled_from(Urgency)), max_size=80))
def test_no_twenty_seconds_ever_see_more_than_our_share(attempts: list[tuple[float, Urgency]]) -> None:
    clock = Clock()
    budget, sends = Budget(clock), []
    for pause_s, urgency in attempts:
        clock.now += pause_s / 8
        if take(budget, 1, urgency):
            sends.append((clock.now, urgency))
    for end, _ in sends:
        within = [urgency for time, urgency in sends if end - PERIOD_S < time <= end]
        assert len(within) <= REQUESTS
        assert len(within) - within.count(Urgency.PRESS) <= BACKGROUND_REQUESTS
        assert within.count(Urgency.PANEL) <= PANEL_REQUESTS


def test_nothing_is_sent_until_gorgias_allows_it_again(budget: Budget, clock: Clock) -> None:
    budget.note_refusal(5)
    assert take(budget, 1, Urgency.PRESS) == 0
    clock.now += 4.9
    assert take(budget, 1, Urgency.PRESS) == 0
    clock.now += 0.2
    assert take(budget, 1, Urgency.PRESS) == 1


def test_notes_wait_while_others_use_more_than_half_of_the_account(budget: Budget, clock: Clock) -> None:
    """By Gorgias' own count: 30 of 40 are half again after 5 s."""
    budget.note_level(30, 40)
    assert take(budget, 1, Urgency.PRESS) == 1
    assert budget.get_wait_s(Urgency.NOTE) == pytest.approx(5)
    clock.now += 5.01
    assert take(budget, 1, Urgency.NOTE) == 1


def test_agents_wait_too_where_an_account_is_nearly_used_up(clock: Clock) -> None:
    """However many processes there are: each of them hears of the same account."""
    fleet = [Budget(clock) for _ in range(3)]
    for budget in fleet:
        budget.note_level(36, 40)
    assert [take(budget, 1, Urgency.PRESS) for budget in fleet] == [0, 0, 0]
    clock.now += 0.51
    assert [take(budget, 1, Urgency.PRESS) for budget in fleet] == [1, 1, 1]
    fleet[0].note_level(34, 40)
    assert take(fleet[0], 1, Urgency.PRESS) == 1


def test_what_is_begun_goes_on_above_the_level_and_within_our_share(budget: Budget) -> None:
    budget.note_level(30, 40)
    for _ in range(BACKGROUND_REQUESTS):
        budget.take(Urgency.NOTE, is_begun=True)
    with pytest.raises(GorgiasThrottledError):
        budget.take(Urgency.NOTE, is_begun=True)

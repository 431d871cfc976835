"""Our share of an account's rate, on a clock that only the test moves."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.gorgias.budget import BACKGROUND_REQUESTS, PERIOD_S, REQUESTS, Budget
from gateway.gorgias.errors import GorgiasThrottledError


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


def take(budget: Budget, count: int, *, is_urgent: bool) -> int:
    """How many of so many were let through."""
    taken = 0
    for _ in range(count):
        try:
            budget.take(is_urgent=is_urgent)
        except GorgiasThrottledError:
            break
        taken += 1
    return taken


def test_lookups_go_on_when_the_notes_have_used_their_share(budget: Budget) -> None:
    assert take(budget, 100, is_urgent=False) == BACKGROUND_REQUESTS
    assert take(budget, 100, is_urgent=True) == REQUESTS - BACKGROUND_REQUESTS


def test_notes_wait_for_all_that_was_sent(budget: Budget) -> None:
    assert take(budget, REQUESTS - 1, is_urgent=True) == REQUESTS - 1
    assert take(budget, 100, is_urgent=False) == 1


def test_wait_is_the_time_until_the_oldest_is_past(budget: Budget, clock: Clock) -> None:
    budget.take(is_urgent=False)
    clock.now += 5
    take(budget, BACKGROUND_REQUESTS - 1, is_urgent=False)
    assert budget.get_wait_s(is_urgent=False) == pytest.approx(PERIOD_S - 5)
    clock.now += PERIOD_S - 5
    assert take(budget, 100, is_urgent=False) == 1


@given(st.lists(st.tuples(st.floats(0, 8), st.booleans()), max_size=80))
def test_no_twenty_seconds_ever_see_more_than_our_share(attempts: list[tuple[float, bool]]) -> None:
    clock = Clock()
    budget, sends = Budget(clock), []
    for pause_s, is_urgent in attempts:
        clock.now += pause_s / 8
        if take(budget, 1, is_urgent=is_urgent):
            sends.append((clock.now, is_urgent))
    for end, _ in sends:
        within = [is_urgent for time, is_urgent in sends if end - PERIOD_S < time <= end]
        assert len(within) <= REQUESTS
        assert within.count(False) <= BACKGROUND_REQUESTS


def test_nothing_is_sent_until_gorgias_allows_it_again(budget: Budget, clock: Clock) -> None:
    budget.note_refusal(5)
    assert take(budget, 1, is_urgent=True) == 0
    clock.now += 4.9
    assert take(budget, 1, is_urgent=True) == 0
    clock.now += 0.2
    assert take(budget, 1, is_urgent=True) == 1


def test_notes_wait_while_others_use_more_than_half_of_the_account(budget: Budget, clock: Clock) -> None:
    """By Gorgias' own count: 30 of 40 are half again after 5 s."""
    budget.note_level(30, 40)
    assert take(budget, 1, is_urgent=True) == 1
    assert budget.get_wait_s(is_urgent=False) == pytest.approx(5)
    clock.now += 5.01
    assert take(budget, 1, is_urgent=False) == 1


def test_agents_wait_too_where_an_account_is_nearly_used_up(clock: Clock) -> None:
    """However many processes there are: each of them hears of the same account."""
    fleet = [Budget(clock) for _ in range(3)]
    for budget in fleet:
        budget.note_level(36, 40)
    assert [take(budget, 1, is_urgent=True) for budget in fleet] == [0, 0, 0]
    clock.now += 0.51
    assert [take(budget, 1, is_urgent=True) for budget in fleet] == [1, 1, 1]
    fleet[0].note_level(34, 40)
    assert take(fleet[0], 1, is_urgent=True) == 1


def test_what_is_begun_goes_on_above_the_level_and_within_our_share(budget: Budget) -> None:
    budget.note_level(30, 40)
    for _ in range(BACKGROUND_REQUESTS):
        budget.take(is_urgent=False, is_begun=True)
    with pytest.raises(GorgiasThrottledError):
        budget.take(is_urgent=False, is_begun=True)

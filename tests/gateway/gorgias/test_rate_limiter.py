"""Our share of an account's rate, on a clock that only the test moves."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.gorgias.errors import GorgiasThrottledError
from gateway.gorgias.rate_limiter import REQUESTS, WINDOW_S, Priority, RateLimiter

BACKGROUND_REQUESTS = 28
# For notes, and the same for panels: one request a second.
HALF_REQUESTS = 20


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def limiter(clock: Clock) -> RateLimiter:
    return RateLimiter(clock)


def take(limiter: RateLimiter, count: int, priority: Priority) -> int:
    """Try to take so many permits; return the number granted."""
    taken = 0
    for _ in range(count):
        try:
            limiter.take(priority)
        except GorgiasThrottledError:
            break
        taken += 1
    return taken


def test_notes_have_half_and_leave_the_rest_to_panels_and_presses(limiter: RateLimiter) -> None:
    assert take(limiter, 100, Priority.NOTE) == HALF_REQUESTS
    assert take(limiter, 100, Priority.PANEL) == BACKGROUND_REQUESTS - HALF_REQUESTS
    assert take(limiter, 100, Priority.PRESS) == REQUESTS - BACKGROUND_REQUESTS


def test_panels_leave_room_for_notes_and_presses(limiter: RateLimiter) -> None:
    """If all panels of a shop ask Gorgias, its awards and its notes must not wait."""
    assert take(limiter, 100, Priority.PANEL) == HALF_REQUESTS
    assert take(limiter, 100, Priority.NOTE) == BACKGROUND_REQUESTS - HALF_REQUESTS
    assert take(limiter, 100, Priority.PRESS) == REQUESTS - BACKGROUND_REQUESTS


def test_panels_may_always_ask_once_a_second(limiter: RateLimiter, clock: Clock) -> None:
    for _ in range(100):
        assert take(limiter, 1, Priority.PANEL) == 1
        clock.now += 1.0


def test_small_share_keeps_some_of_it_for_presses(clock: Clock) -> None:
    limiter = RateLimiter(clock, requests=10)
    assert [take(limiter, 100, one) for one in (Priority.PANEL, Priority.NOTE, Priority.PRESS)] == [5, 2, 3]


def test_panels_stop_after_notes_and_before_presses_as_the_account_fills(limiter: RateLimiter) -> None:
    """We, our other processes and other programs fill the account."""
    limiter.note_level(24, 40)
    assert [take(limiter, 1, one) for one in (Priority.NOTE, Priority.PANEL)] == [0, 1]
    limiter.note_level(30, 40)
    assert [take(limiter, 1, one) for one in (Priority.PANEL, Priority.PRESS)] == [0, 1]


def test_notes_wait_for_all_that_was_sent(limiter: RateLimiter) -> None:
    assert take(limiter, REQUESTS - 1, Priority.PRESS) == REQUESTS - 1
    assert take(limiter, 100, Priority.NOTE) == 1


def test_wait_lasts_until_the_oldest_request_leaves_the_window(limiter: RateLimiter, clock: Clock) -> None:
    limiter.take(Priority.NOTE)
    clock.now += 5
    take(limiter, HALF_REQUESTS - 1, Priority.NOTE)
    assert limiter.get_wait_s(Priority.NOTE) == pytest.approx(WINDOW_S - 5)
    clock.now += WINDOW_S - 5
    assert take(limiter, 100, Priority.NOTE) == 1


@given(st.lists(st.tuples(st.floats(0, 8), st.sampled_from(Priority)), max_size=120))
def test_requests_of_any_twenty_seconds_are_within_our_share(attempts: list[tuple[float, Priority]]) -> None:
    clock = Clock()
    limiter, sends = RateLimiter(clock), []
    for pause_s, priority in attempts:
        clock.now += pause_s / 8
        if take(limiter, 1, priority):
            sends.append((clock.now, priority))
    for end, _ in sends:
        within = [priority for time, priority in sends if end - WINDOW_S < time <= end]
        assert len(within) <= REQUESTS
        assert len(within) - within.count(Priority.PRESS) <= BACKGROUND_REQUESTS
        assert max(map(within.count, (Priority.PANEL, Priority.NOTE))) <= HALF_REQUESTS


def test_nothing_is_sent_until_gorgias_allows_it_again(limiter: RateLimiter, clock: Clock) -> None:
    limiter.note_refusal(5)
    assert take(limiter, 1, Priority.PRESS) == 0
    clock.now += 4.9
    assert take(limiter, 1, Priority.PRESS) == 0
    clock.now += 0.2
    assert take(limiter, 1, Priority.PRESS) == 1


def test_notes_wait_while_others_use_more_than_half_of_the_account(limiter: RateLimiter, clock: Clock) -> None:
    """Gorgias' own count decides: 30 of 40 are down to half after 5 s."""
    limiter.note_level(30, 40)
    assert take(limiter, 1, Priority.PRESS) == 1
    assert limiter.get_wait_s(Priority.NOTE) == pytest.approx(5)
    clock.now += 5.01
    assert take(limiter, 1, Priority.NOTE) == 1


def test_agents_wait_too_if_an_account_is_nearly_used_up(clock: Clock) -> None:
    """This holds for any number of processes: each reads the same account's level."""
    fleet = [RateLimiter(clock) for _ in range(3)]
    for limiter in fleet:
        limiter.note_level(36, 40)
    assert [take(limiter, 1, Priority.PRESS) for limiter in fleet] == [0, 0, 0]
    clock.now += 0.51
    assert [take(limiter, 1, Priority.PRESS) for limiter in fleet] == [1, 1, 1]
    fleet[0].note_level(34, 40)
    assert take(fleet[0], 1, Priority.PRESS) == 1


def test_started_work_continues_above_the_level_within_our_share(limiter: RateLimiter) -> None:
    limiter.note_level(30, 40)
    for _ in range(HALF_REQUESTS):
        limiter.take(Priority.NOTE, is_begun=True)
    with pytest.raises(GorgiasThrottledError):
        limiter.take(Priority.NOTE, is_begun=True)

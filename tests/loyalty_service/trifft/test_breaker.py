"""A provider that fails or hangs, and who still asks it."""

import pytest

from loyalty_service.domain.errors import (
    LoyaltyError,
    MemberNotFoundError,
    ProviderContractError,
    ProviderCredentialsError,
    ProviderThrottledError,
    ProviderTimeoutError,
    ProviderUnavailableError,
)
from loyalty_service.trifft.breaker import FAILURES, FIRST_WAIT_S, MAX_WAIT_S, WINDOW_S, Breaker
from tests.loyalty_service.scripted import NOON, make_merchant
from tests.loyalty_service.snapshots.scripted import FakeClock

ACME, BLOOM = make_merchant(), make_merchant("bloom")
DOWN = ProviderUnavailableError("down")


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def breaker(clock: FakeClock) -> Breaker:
    return Breaker(clock)


def call(breaker: Breaker, error: Exception | None = None, *, is_forced: bool = False) -> bool:
    """Whether it came to a call, which then ended so."""
    was_called = False
    try:
        with breaker.attempt(ACME, is_forced=is_forced):
            was_called = True
            if error:
                raise error
    except (LoyaltyError, OSError):
        pass
    return was_called


def fail(breaker: Breaker, times: int = FAILURES, error: Exception = DOWN) -> None:
    for _ in range(times):
        assert call(breaker, error)


@pytest.mark.parametrize("error", [DOWN, ProviderTimeoutError("slow"), ConnectionResetError(), TimeoutError()])
def test_failures_in_a_row_open_it(breaker: Breaker, error: Exception) -> None:
    fail(breaker, error=error)
    assert not call(breaker)
    assert breaker.count() == (1, 0)


@pytest.mark.parametrize(("met", "told"), [(DOWN, ProviderUnavailableError), (TimeoutError(), ProviderTimeoutError)])
def test_open_it_tells_what_the_last_one_met(breaker: Breaker, met: Exception, told: type[LoyaltyError]) -> None:
    fail(breaker, error=met)
    with pytest.raises(told, match="was not asked again"), breaker.attempt(ACME):
        pass


@pytest.mark.parametrize(
    "answer",
    [None, MemberNotFoundError(NOON), ProviderCredentialsError(""), ProviderContractError("")],
    ids=lambda answer: type(answer).__name__,
)
def test_any_answer_ends_the_row(breaker: Breaker, answer: Exception | None) -> None:
    for _ in range(3):
        fail(breaker, FAILURES - 1)
        call(breaker, answer)
    assert call(breaker)


def test_what_never_came_to_a_call_counts_for_nothing(breaker: Breaker) -> None:
    fail(breaker, FAILURES - 1)
    for _ in range(10):
        call(breaker, ProviderThrottledError("", 60))
    fail(breaker, 1)
    assert not call(breaker)


def test_failures_that_are_far_apart_open_nothing(breaker: Breaker, clock: FakeClock) -> None:
    for _ in range(20):
        fail(breaker, 1)
        clock.advance(WINDOW_S / (FAILURES - 1) + 1)
    assert call(breaker)


def test_one_merchants_breaker_is_nobody_elses(breaker: Breaker) -> None:
    fail(breaker)
    with breaker.attempt(BLOOM):
        pass
    with breaker.attempt(make_merchant(generation="2")):  # it has got another token
        pass


def test_past_its_time_exactly_one_finds_out(breaker: Breaker, clock: FakeClock) -> None:
    fail(breaker)
    clock.advance(FIRST_WAIT_S)
    assert breaker.count() == (0, 1)
    with breaker.attempt(ACME) as probe:
        assert probe.is_probe
        assert not call(breaker)
    assert call(breaker)
    assert breaker.count() == (0, 0)


def test_probe_that_came_to_no_call_leaves_it_to_the_next(breaker: Breaker, clock: FakeClock) -> None:
    fail(breaker)
    clock.advance(FIRST_WAIT_S)
    assert call(breaker, ProviderThrottledError("", 60))
    assert call(breaker, DOWN)
    assert not call(breaker)


def test_each_probe_that_fails_doubles_the_wait_up_to_a_bound(breaker: Breaker, clock: FakeClock) -> None:
    fail(breaker)
    wait_s = FIRST_WAIT_S
    for _ in range(10):
        clock.advance(wait_s - 0.01)
        assert not call(breaker)
        clock.advance(0.01 + 1e-6)
        assert call(breaker, DOWN)
        wait_s = min(2 * wait_s, MAX_WAIT_S)
    assert wait_s == MAX_WAIT_S


def test_operator_who_asks_goes_through_and_closes_it(breaker: Breaker) -> None:
    fail(breaker)
    assert call(breaker, DOWN, is_forced=True)
    assert not call(breaker)
    assert call(breaker, is_forced=True)
    assert call(breaker)

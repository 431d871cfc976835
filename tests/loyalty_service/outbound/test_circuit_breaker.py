"""The circuit breaker, before a provider that fails or hangs."""

import contextlib
from datetime import timedelta

import pytest

from loyalty_service.domain.errors import ProviderUnavailableError
from loyalty_service.outbound.circuit_breaker import (
    FAILURES,
    FIRST_WAIT_S,
    FORGET_S,
    MAX_WAIT_S,
    WINDOW_S,
    CircuitBreaker,
)
from tests.loyalty_service.scripted import make_merchant
from tests.loyalty_service.snapshots.scripted import FakeClock

ACME, BLOOM = make_merchant(), make_merchant("bloom")


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def breaker(clock: FakeClock) -> CircuitBreaker:
    return CircuitBreaker(clock)


def call(breaker: CircuitBreaker, *outcomes: str, is_forced: bool = False) -> bool:
    """Try a call whose requests have these outcomes; return whether the breaker let it pass."""
    was_called = False
    with contextlib.suppress(ProviderUnavailableError), breaker.attempt(ACME, is_forced=is_forced) as attempt:
        was_called = True
        for outcome in outcomes:
            getattr(attempt, outcome)()
    return was_called


def fail(breaker: CircuitBreaker, times: int = FAILURES) -> None:
    for _ in range(times):
        assert call(breaker, "fail")


@pytest.mark.parametrize("outcomes", [("fail",), ("succeed", "fail"), ("fail", "succeed")])
def test_consecutive_failures_open_the_breaker(breaker: CircuitBreaker, outcomes: tuple[str, ...]) -> None:
    for _ in range(FAILURES):
        assert call(breaker, *outcomes)
    assert not call(breaker)
    assert breaker.count() == (1, 0)


def test_success_restarts_the_count(breaker: CircuitBreaker) -> None:
    for _ in range(3):
        fail(breaker, FAILURES - 1)
        call(breaker, "succeed")
    assert call(breaker)


def test_call_without_a_request_does_not_count(breaker: CircuitBreaker) -> None:
    fail(breaker, FAILURES - 1)
    for _ in range(10):
        call(breaker)
    fail(breaker, 1)
    assert not call(breaker)


def test_failures_far_apart_do_not_open_the_breaker(breaker: CircuitBreaker, clock: FakeClock) -> None:
    for _ in range(20):
        fail(breaker, 1)
        clock.advance(WINDOW_S / (FAILURES - 1) + 1)
    assert call(breaker)


def test_each_shop_has_its_own_breaker(breaker: CircuitBreaker) -> None:
    fail(breaker)
    with breaker.attempt(BLOOM):
        pass
    with breaker.attempt(make_merchant(generation="2")):  # it has a new token
        pass


def test_half_open_breaker_lets_exactly_one_probe_pass(breaker: CircuitBreaker, clock: FakeClock) -> None:
    fail(breaker)
    clock.advance(FIRST_WAIT_S)
    assert breaker.count() == (0, 1)
    with breaker.attempt(ACME) as probe:
        assert probe.is_probe
        assert not call(breaker)
        probe.succeed()
    assert call(breaker)
    assert breaker.count() == (0, 0)


def test_probe_without_a_request_leaves_the_probe_to_the_next_call(breaker: CircuitBreaker, clock: FakeClock) -> None:
    fail(breaker)
    clock.advance(FIRST_WAIT_S)
    assert call(breaker)
    assert call(breaker, "fail")
    assert not call(breaker)


def test_each_failed_probe_doubles_the_wait_up_to_a_bound(breaker: CircuitBreaker, clock: FakeClock) -> None:
    fail(breaker)
    wait_s = FIRST_WAIT_S
    for _ in range(10):
        clock.advance(wait_s - 0.01)
        assert not call(breaker)
        clock.advance(0.01 + 1e-6)
        assert call(breaker, "fail")
        wait_s = min(2 * wait_s, MAX_WAIT_S)
    assert wait_s == MAX_WAIT_S


def test_operator_s_check_passes_and_closes_the_breaker(breaker: CircuitBreaker) -> None:
    fail(breaker)
    assert call(breaker, "fail", is_forced=True)
    assert not call(breaker)
    assert call(breaker, "succeed", is_forced=True)
    assert call(breaker)


def test_open_breaker_reports_its_start_and_end(breaker: CircuitBreaker, clock: FakeClock) -> None:
    assert breaker.describe(ACME) is None
    fail(breaker)
    opened = clock.now()
    clock.advance(FIRST_WAIT_S / 2)

    finding = breaker.describe(ACME)
    assert finding is not None
    assert abs(finding.open_since - opened) < timedelta(milliseconds=1)
    assert abs(finding.retry_time - opened - timedelta(seconds=FIRST_WAIT_S)) < timedelta(milliseconds=1)
    assert breaker.describe(BLOOM) is None

    clock.advance(FIRST_WAIT_S)
    assert breaker.describe(ACME) is not None, "half-open"
    assert call(breaker, "succeed")
    assert breaker.describe(ACME) is None


def test_unused_shop_is_forgotten(breaker: CircuitBreaker, clock: FakeClock) -> None:
    """The shop may be gone, or have another address."""
    fail(breaker)
    clock.advance(FIRST_WAIT_S + FORGET_S - 1)
    assert breaker.count() == (0, 1)
    clock.advance(1)
    assert breaker.count() == (0, 0)

"""A circuit breaker per shop: it stops calls to a provider that fails or hangs.

FAILURES in a row within WINDOW_S open it. Fewer failures can come from a short disturbance, and only FAILURES readers
wait in vain for a provider that hangs. One failed read every ten minutes opens nothing. While the breaker is open, no
call is made. Then it is half-open: one call goes through, the probe. Each time a probe fails, the wait for the next one
doubles, up to MAX_WAIT_S.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import msgspec

from loyalty_service.domain.errors import ProviderUnavailableError
from loyalty_service.domain.findings import BreakerFinding
from loyalty_service.domain.merchant import Merchant
from loyalty_service.domain.ports import Clock

FAILURES = 5
WINDOW_S = 30.0
FIRST_WAIT_S = 1.0
MAX_WAIT_S = 30.0
# A shop's failures are forgotten when no call is made for so long: the shop may be gone, or use another provider URL.
FORGET_S = 600.0


class Attempt:
    """One read or one booking. `is_probe`: its result closes the breaker or keeps it open.

    If neither `succeed` nor `fail` is called, no request was sent and the attempt does not count. One failure makes the
    whole attempt a failure.
    """

    def __init__(self, *, is_probe: bool) -> None:
        self.is_probe = is_probe
        self.has_failed: bool | None = None

    def succeed(self) -> None:
        self.has_failed = self.has_failed or False

    def fail(self) -> None:
        self.has_failed = True


class _Circuit(msgspec.Struct, kw_only=True):
    """The state of one shop since its last success. Closed while `open_until_s` is None; `open_s`: when it opened."""

    failures: int = 0
    first_s: float = 0.0
    open_s: float = 0.0
    open_until_s: float | None = None
    wait_s: float = FIRST_WAIT_S
    is_probed: bool = False


class CircuitBreaker:
    """The circuits of all shops that have failures; a shop without failures takes no memory."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._circuits: dict[tuple[str, str], _Circuit] = {}

    @contextmanager
    def attempt(self, merchant: Merchant, *, is_forced: bool = False) -> Iterator[Attempt]:
        """Wrap one read or booking. Raises ProviderUnavailableError while the breaker is open, unless `is_forced`."""
        key = merchant.merchant_id, merchant.generation
        attempt = Attempt(is_probe=self._enter(key, is_forced=is_forced))
        try:
            yield attempt
        finally:
            self._leave(key, attempt)

    def count(self) -> tuple[int, int]:
        """The number of open circuits and of half-open ones."""
        self._forget()
        now_s = self._clock.monotonic()
        ends = [circuit.open_until_s for circuit in self._circuits.values() if circuit.open_until_s is not None]
        is_open = sum(end_s > now_s for end_s in ends)
        return is_open, len(ends) - is_open

    def describe(self, merchant: Merchant) -> BreakerFinding | None:
        """None: it is closed."""
        circuit = self._circuits.get((merchant.merchant_id, merchant.generation))
        if circuit is None or circuit.open_until_s is None:
            return None
        now, now_s = self._clock.now(), self._clock.monotonic()
        return BreakerFinding(
            open_since=now - timedelta(seconds=now_s - circuit.open_s),
            retry_time=now + timedelta(seconds=max(0.0, circuit.open_until_s - now_s)),
        )

    def _enter(self, key: tuple[str, str], *, is_forced: bool) -> bool:
        """Return whether this attempt is the probe."""
        circuit = self._circuits.get(key)
        if circuit is None or circuit.open_until_s is None:
            return False
        if circuit.is_probed or self._clock.monotonic() < circuit.open_until_s:
            if is_forced:
                return False
            raise ProviderUnavailableError("TRIFFT failed several times in a row, so it was not called")
        circuit.is_probed = True
        return True

    def _leave(self, key: tuple[str, str], attempt: Attempt) -> None:
        if attempt.has_failed is False:
            self._circuits.pop(key, None)
            return
        self._forget()
        circuit = self._circuits.setdefault(key, _Circuit()) if attempt.has_failed else self._circuits.get(key)
        if circuit is None:
            return
        if attempt.has_failed:
            self._count_failure(circuit, is_probe=attempt.is_probe)
        if attempt.is_probe:
            circuit.is_probed = False

    def _forget(self) -> None:
        since_s = self._clock.monotonic() - FORGET_S
        kept = {key: one for key, one in self._circuits.items() if (one.open_until_s or one.first_s) > since_s}
        self._circuits = kept

    def _count_failure(self, circuit: _Circuit, *, is_probe: bool) -> None:
        now_s = self._clock.monotonic()
        if circuit.open_until_s is not None:
            if is_probe:  # other attempts began before the breaker opened
                circuit.wait_s = min(2 * circuit.wait_s, MAX_WAIT_S)
                circuit.open_until_s = now_s + circuit.wait_s
            return
        if not circuit.failures or now_s - circuit.first_s > WINDOW_S:
            circuit.failures, circuit.first_s = 0, now_s
        circuit.failures += 1
        if circuit.failures >= FAILURES:
            circuit.open_s = now_s
            circuit.open_until_s = now_s + circuit.wait_s

"""What keeps a TRIFFT that fails or hangs from being asked over and over, for each merchant on its own.

FAILURES in a row, within WINDOW_S, open it: fewer happen on a bad day that goes on well, and five that hang cost five
readers their whole time, no more. In a shop where one read fails every ten minutes nothing is opened. While it is open,
whoever asks is told at once what the last one met. Then one goes through, and finds out: each time it fails, the next
one waits twice as long, at most MAX_WAIT_S.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import aiohttp

from loyalty_service.domain.errors import (
    MemberAmbiguousError,
    MemberNotFoundError,
    ProviderContractError,
    ProviderCredentialsError,
    ProviderError,
    ProviderRefusedError,
    ProviderTimeoutError,
    ProviderUnavailableError,
)
from loyalty_service.domain.merchant import Merchant
from loyalty_service.domain.ports import Clock
from loyalty_service.trifft.transport import TooLateError

FAILURES = 5
WINDOW_S = 30.0
FIRST_WAIT_S = 1.0
MAX_WAIT_S = 30.0
_SWEEP_AT_LEAST = 64
# What the provider has said: it works.
_ANSWERS = (
    MemberNotFoundError,
    MemberAmbiguousError,
    ProviderCredentialsError,
    ProviderContractError,
    ProviderRefusedError,
)


class _Trouble:
    """Of one merchant, since its last success."""

    def __init__(self) -> None:
        self.failures = 0
        self.first_s = 0.0
        self.last_s = 0.0
        self.open_until_s: float | None = None
        self.wait_s = FIRST_WAIT_S
        self.is_probed = False
        self.error: ProviderError = ProviderUnavailableError("")


class Attempt:
    """One call of the provider. `is_probe`: the one that finds out whether it works again."""

    def __init__(self, *, is_probe: bool) -> None:
        self.is_probe = is_probe
        self.error: ProviderError | None = None
        self.is_success = False

    def fail(self) -> None:
        """It has answered with a failure of its own."""
        self.error = ProviderUnavailableError("TRIFFT fails")


class Breaker:
    """The breakers of all merchants; of one that has no trouble nothing is kept."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._troubles: dict[str, _Trouble] = {}
        self._sweep_at = _SWEEP_AT_LEAST

    @contextmanager
    def attempt(self, merchant: Merchant, *, is_forced: bool = False) -> Iterator[Attempt]:
        """Around one call. Raises the last one's error, in our words, while it is open, unless `is_forced`.

        What leaves the block tells how it ended: not reached, an error of the provider's own and no answer in time are
        failures; any other answer is none; and what never came to a call counts for nothing.
        """
        key = f"{merchant.merchant_id}\0{merchant.generation}"
        attempt = Attempt(is_probe=self._enter(key, is_forced=is_forced))
        try:
            yield attempt
            attempt.is_success = attempt.error is None
        except (ProviderUnavailableError, ProviderTimeoutError) as error:
            attempt.error = error
            raise
        except TooLateError:
            raise
        except TimeoutError as error:
            attempt.error = ProviderTimeoutError(type(error).__name__)
            raise
        except (aiohttp.ClientError, OSError) as error:
            attempt.error = ProviderUnavailableError(type(error).__name__)
            raise
        except _ANSWERS:
            attempt.is_success = True
            raise
        finally:
            self._leave(key, attempt)

    def count(self) -> tuple[int, int]:
        """How many are open, and how many half-open: their time is over, and nobody has found out yet."""
        now_s = self._clock.monotonic()
        ends = [trouble.open_until_s for trouble in self._troubles.values() if trouble.open_until_s is not None]
        is_open = sum(end_s > now_s for end_s in ends)
        return is_open, len(ends) - is_open

    def _enter(self, key: str, *, is_forced: bool) -> bool:
        """Whether it is the probe."""
        trouble = self._troubles.get(key)
        if trouble is None or trouble.open_until_s is None:
            return False
        if trouble.is_probed or self._clock.monotonic() < trouble.open_until_s:
            if is_forced:
                return False
            raise _repeat(trouble.error)
        trouble.is_probed = True
        return True

    def _leave(self, key: str, attempt: Attempt) -> None:
        if attempt.is_success:
            self._troubles.pop(key, None)
            return
        trouble = self._troubles.get(key)
        if attempt.error is not None:
            trouble = trouble or self._add(key)
            self._count_failure(trouble, attempt.error, is_probe=attempt.is_probe)
        if trouble is not None and attempt.is_probe:
            trouble.is_probed = False

    def _count_failure(self, trouble: _Trouble, error: ProviderError, *, is_probe: bool) -> None:
        now_s = self._clock.monotonic()
        if trouble.open_until_s is not None:
            if is_probe:  # others had begun before it was opened
                trouble.wait_s = min(2 * trouble.wait_s, MAX_WAIT_S)
                trouble.open_until_s = now_s + trouble.wait_s
                trouble.error = error
            return
        if not trouble.failures or now_s - trouble.first_s > WINDOW_S:
            trouble.failures, trouble.first_s = 0, now_s
        trouble.failures += 1
        trouble.last_s, trouble.error = now_s, error
        if trouble.failures >= FAILURES:
            trouble.open_until_s = now_s + trouble.wait_s

    def _add(self, key: str) -> _Trouble:
        if len(self._troubles) >= self._sweep_at:
            self._sweep()
        trouble = self._troubles[key] = _Trouble()
        return trouble

    def _sweep(self) -> None:
        """Forget failures that no other followed, and merchants that nobody has asked for since long."""
        now_s = self._clock.monotonic()
        for key, trouble in list(self._troubles.items()):
            end_s = trouble.last_s if trouble.open_until_s is None else trouble.open_until_s
            if now_s - end_s > WINDOW_S and not trouble.is_probed:
                del self._troubles[key]
        self._sweep_at = max(_SWEEP_AT_LEAST, 2 * len(self._troubles))


def _repeat(error: ProviderError) -> ProviderError:
    """Of the same reason, in words that say that nobody has asked."""
    if isinstance(error, ProviderTimeoutError):
        return ProviderTimeoutError("TRIFFT has not answered in time over and over, and was not asked again")
    return ProviderUnavailableError("TRIFFT has failed over and over, and was not asked again")

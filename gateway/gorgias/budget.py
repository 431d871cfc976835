"""How much of an account's rate this process takes: the shop's other integrations live on the rest."""

import time
from collections import deque
from collections.abc import Callable

from gateway.gorgias.errors import GorgiasThrottledError

# Gorgias takes 40 requests in 20 s from an API key (contract: rate). Half of them is ours, and of that half some are
# kept for what an agent waits for.
PERIOD_S = 20.0
REQUESTS = 20
BACKGROUND_REQUESTS = 14
# A share of the account's own count above which what nobody waits for is put off: other processes of ours count there,
# and so does everyone else.
BACKGROUND_LEVEL = 0.5
# The same for what an agent waits for, so that all processes together stay below Gorgias' limit.
URGENT_LEVEL = 0.9


class Budget:
    """At most so many `requests` in any 20 s to one account, 14 of them in the background. Nobody waits here.

    After a 429 nothing is sent until the time that Gorgias named. `clock` gives seconds of any beginning.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, *, requests: int = REQUESTS) -> None:
        self._clock = clock
        self._requests = requests
        self._sends: deque[float] = deque()
        self._background_sends: deque[float] = deque()
        self._refused_until = 0.0
        self._background_until = 0.0
        self._urgent_until = 0.0

    def take(self, *, is_urgent: bool, is_begun: bool = False) -> None:
        """Count one request that is about to be sent. Raises GorgiasThrottledError where it must not be."""
        wait_s = self.get_wait_s(is_urgent=is_urgent, is_begun=is_begun)
        if wait_s > 0:
            raise GorgiasThrottledError(wait_s, is_ours=True)
        now = self._clock()
        self._sends.append(now)
        if not is_urgent:
            self._background_sends.append(now)

    def get_wait_s(self, *, is_urgent: bool, is_begun: bool = False) -> float:
        """Seconds until the next request may be sent; 0: now. `is_begun`: it goes on with what was let through."""
        now = self._clock()
        for sends in (self._sends, self._background_sends):
            while sends and sends[0] <= now - PERIOD_S:
                sends.popleft()
        free_times = [now, self._refused_until, self._urgent_until, _find_free_time(self._sends, self._requests)]
        if not is_urgent:
            free_times.append(_find_free_time(self._background_sends, BACKGROUND_REQUESTS))
            free_times += [] if is_begun else [self._background_until]
        return max(free_times) - now

    def note_refusal(self, retry_after_s: float) -> None:
        """Gorgias answered 429."""
        self._refused_until = max(self._refused_until, self._clock() + retry_after_s)

    def note_level(self, used: int, capacity: int) -> None:
        """What Gorgias says of the account: of its bucket of `capacity`, emptied in 20 s, so much is `used`."""
        now, drain_s = self._clock(), PERIOD_S / capacity
        self._background_until = now + max(0.0, used - capacity * BACKGROUND_LEVEL) * drain_s
        # One request more has to drain: at the level itself, nothing is sent.
        self._urgent_until = now + max(0.0, used + 1 - capacity * URGENT_LEVEL) * drain_s


def _find_free_time(sends: deque[float], most: int) -> float:
    """When there is room again for one more beside these."""
    return sends[-most] + PERIOD_S if len(sends) >= most else 0.0

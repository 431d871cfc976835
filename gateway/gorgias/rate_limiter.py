"""The rate limiter of a Gorgias account: the shop's other integrations share the account's rate."""

import enum
import time
from collections import deque
from collections.abc import Callable

from gateway.gorgias.errors import GorgiasThrottledError

# Gorgias allows 40 requests in 20 s for an API key (contract: rate). Notes use at most half of them, and so do panels.
# 3 in 10 are reserved for presses.
WINDOW_S = 20.0
REQUESTS = 40
BACKGROUND_TENTHS = 7
HALF_TENTHS = 5


class Priority(enum.Enum):
    """The priority of a request: notes are delayed first, then panels, then presses.

    The value is a share of the account's rate. Gorgias says how much of the rate is used, by us and by all others.
    While more than this share is used, the request is delayed.
    """

    NOTE = 0.5
    """Nobody waits for a note."""
    PANEL = 0.7
    """A ticket event waits for a panel; another event will come."""
    PRESS = 0.9
    """An agent waits. Below 1, so that all processes together stay below Gorgias' limit."""


class RateLimiter:
    """Allows at most `requests` in any 20 s to one account, some of them reserved for presses. Never waits.

    After a 429 nothing is sent until the time that Gorgias named. `clock` returns seconds, with an arbitrary zero.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, *, requests: int = REQUESTS) -> None:
        self._clock = clock
        self._requests = requests
        self._sends: deque[float] = deque()
        self._background_sends: deque[float] = deque()
        self._sends_of: dict[Priority, deque[float]] = {one: deque() for one in (Priority.NOTE, Priority.PANEL)}
        self._refused_until = 0.0
        self._level_until = dict.fromkeys(Priority, 0.0)

    def take(self, priority: Priority, *, is_begun: bool = False) -> None:
        """Count one request that is about to be sent. Raises GorgiasThrottledError if it must not be sent."""
        wait_s = self.get_wait_s(priority, is_begun=is_begun)
        if wait_s > 0:
            raise GorgiasThrottledError(wait_s, is_ours=True)
        now = self._clock()
        for sends, _ in self._list_bounds(priority):
            sends.append(now)

    def get_wait_s(self, priority: Priority, *, is_begun: bool = False) -> float:
        """Seconds until the next request may be sent; 0: now. `is_begun`: it continues work that has begun."""
        now = self._clock()
        level_until = self._level_until[Priority.PRESS if is_begun else priority]
        free_times = [now, self._refused_until, level_until]
        for sends, most in self._list_bounds(priority):
            while sends and sends[0] <= now - WINDOW_S:
                sends.popleft()
            free_times.append(_find_free_time(sends, most))
        return max(free_times) - now

    def _list_bounds(self, priority: Priority) -> list[tuple[deque[float], int]]:
        """The windows that a request counts in, each with its bound for any 20 s."""
        bounds = [(self._sends, self._requests)]
        if priority is not Priority.PRESS:
            bounds.append((self._background_sends, _find_share(self._requests, BACKGROUND_TENTHS)))
            bounds.append((self._sends_of[priority], _find_share(self._requests, HALF_TENTHS)))
        return bounds

    def note_refusal(self, retry_after_s: float) -> None:
        """Note that Gorgias answered 429."""
        self._refused_until = max(self._refused_until, self._clock() + retry_after_s)

    def note_level(self, used: int, capacity: int) -> None:
        """Note what Gorgias says: `used` of the account's leaky bucket of `capacity`, which empties in 20 s."""
        now, drain_s = self._clock(), WINDOW_S / capacity
        for priority in Priority:
            # One more request must drain: at the level itself nothing is sent.
            above = used - capacity * priority.value + (priority is Priority.PRESS)
            self._level_until[priority] = now + max(0.0, above) * drain_s


def _find_share(requests: int, tenths: int) -> int:
    return max(1, requests * tenths // 10)


def _find_free_time(sends: deque[float], most: int) -> float:
    """The time at which one more request fits beside these."""
    return sends[-most] + WINDOW_S if len(sends) >= most else 0.0

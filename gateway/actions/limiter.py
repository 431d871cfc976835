"""Limits a shop's button presses per minute, so that one shop does not slow the others."""

import math
import time
from collections.abc import Callable

from aiohttp import web

from gateway.errors import RateLimitedError

_WINDOW_S = 60.0


class ActionsLimiter:
    """A fixed window per merchant, in this process. It stays small, since only authenticated merchants count."""

    def __init__(self, actions_per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = actions_per_minute
        self._clock = clock
        self._windows: dict[str, tuple[float, int]] = {}

    def take(self, merchant_id: str) -> None:
        """Raises RateLimitedError, with the seconds until the window ends."""
        now = self._clock()
        began, used = self._windows.get(merchant_id, (now, 0))
        if now - began >= _WINDOW_S:
            began, used = now, 0
        if used >= self._most:
            raise RateLimitedError(math.ceil(began + _WINDOW_S - now))
        self._windows[merchant_id] = (began, used + 1)


LIMITER = web.AppKey("limiter", ActionsLimiter)

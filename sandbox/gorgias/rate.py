"""Gorgias' rate limits: leaky buckets, one per credential."""

import math
from collections.abc import Callable

import msgspec


class Limit(msgspec.Struct, frozen=True, kw_only=True):
    """`capacity` requests; a full bucket empties in `period_s`."""

    capacity: int
    period_s: float


API_KEY_LIMIT = Limit(capacity=40, period_s=20.0)
OAUTH2_LIMIT = Limit(capacity=80, period_s=20.0)
RETRY_AFTER_S = 5


class LeakyBucket:
    """`clock` returns seconds, with an arbitrary zero."""

    def __init__(self, limit: Limit, clock: Callable[[], float]) -> None:
        self.limit = limit
        self._clock = clock
        self._level = 0.0
        self._level_time = clock()

    def admit(self) -> bool:
        """Admit one request, unless the bucket would overflow."""
        now = self._clock()
        leaked = (now - self._level_time) * self.limit.capacity / self.limit.period_s
        self._level = max(0.0, self._level - leaked)
        self._level_time = now
        if self._level + 1 > self.limit.capacity:
            return False
        self._level += 1
        return True

    def get_level(self) -> str:
        """The level as the header shows it: "10/40"."""
        return f"{math.ceil(self._level)}/{self.limit.capacity}"

"""Times of events in this process."""

import math

from loyalty_service.domain.ports import Clock


class Stamps:
    """In seconds, each above every one before it, so that no two events are at the same time."""

    def __init__(self, clock: Clock) -> None:
        self._monotonic = clock.monotonic
        self._last_s = -math.inf

    def make(self) -> float:
        now_s = self._monotonic()
        if now_s <= self._last_s:
            now_s = math.nextafter(self._last_s, math.inf)
        self._last_s = now_s
        return now_s

    def look(self) -> float:
        """The time, and no event."""
        return self._monotonic()

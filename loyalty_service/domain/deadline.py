"""How long an attempt may still be sent."""

from loyalty_service.domain.ports import Clock


class Deadline:
    """So many seconds from now, by two clocks: the one that people read, and the one that never goes back.

    A process that was stopped, or a machine that slept, is late by one of them at least.
    """

    def __init__(self, clock: Clock, length_s: float) -> None:
        self._clock = clock
        self._length_s = length_s
        self._begin_s = clock.monotonic()
        self._begin_time = clock.now()

    def left_s(self) -> float:
        """Below 0: it is over."""
        gone_s = self._clock.monotonic() - self._begin_s
        return self._length_s - max(gone_s, (self._clock.now() - self._begin_time).total_seconds())

"""The time until which an attempt may be sent."""

from loyalty_service.domain.ports import Clock


class Deadline:
    """A number of seconds from now, by two clocks: the wall clock, and the monotonic clock.

    After a stopped process or a sleeping machine, at least one of them shows the delay.
    """

    def __init__(self, clock: Clock, length_s: float) -> None:
        self._clock = clock
        self._length_s = length_s
        self._begin_s = clock.monotonic()
        self._begin_time = clock.now()

    def left_s(self) -> float:
        """Below 0: the deadline has passed."""
        gone_s = self._clock.monotonic() - self._begin_s
        return self._length_s - max(gone_s, (self._clock.now() - self._begin_time).total_seconds())

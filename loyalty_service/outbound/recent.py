"""Counts what happened lately."""

from datetime import datetime

from loyalty_service.domain.ports import Clock

_HOUR_S = 3600.0


class RecentCount:
    """How often something happened in the running hour and the hour before."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._hour = 0
        self._now = self._before = 0
        self._last_time: datetime | None = None

    def add(self) -> None:
        self._turn()
        self._now += 1
        self._last_time = self._clock.now()

    @property
    def count(self) -> int:
        self._turn()
        return self._now + self._before

    @property
    def last_time(self) -> datetime | None:
        """None: not lately."""
        return self._last_time if self.count else None

    def _turn(self) -> None:
        hour = int(self._clock.monotonic() // _HOUR_S)
        if hour != self._hour:
            self._before = self._now if hour == self._hour + 1 else 0
            self._hour, self._now = hour, 0

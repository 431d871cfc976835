"""The machine's own clocks."""

import time
from datetime import UTC, datetime


class SystemClock:
    """The clock as a value, so that tests can replace it."""

    def monotonic(self) -> float:
        """Seconds, for measuring time spans."""
        return time.monotonic()

    def now(self) -> datetime:
        """The time in UTC, for people."""
        return datetime.now(UTC)

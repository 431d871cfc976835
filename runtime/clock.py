"""The machine's own clocks."""

import time
from datetime import UTC, datetime


class SystemClock:
    """A value that is handed in, so that a test can hand in another."""

    def monotonic(self) -> float:
        """Seconds, for what is measured."""
        return time.monotonic()

    def now(self) -> datetime:
        """UTC, for people."""
        return datetime.now(UTC)

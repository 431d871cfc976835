"""What a 429 does to a token: closed for a time, then one set of requests to find out."""

import math

from loyalty_service.trifft.slots import Busy

# When to ask again while a probe is on its way: it is over within a read's time.
PROBE_AGAIN_S = 1.0


class Gate:
    """Of one token, as this process knows it. Times are of one monotonic clock, in seconds.

    Open, until a 429 closes it; past that time half-open: one set of requests may go, the probe, and all others wait
    for what it finds.
    """

    def __init__(self) -> None:
        self._closed_until_s = -math.inf
        self._is_open = True
        self._probe_until_s = -math.inf

    @property
    def is_open(self) -> bool:
        return self._is_open

    def find_obstacle(self, now_s: float) -> Busy | None:
        """None: what is asked for may go; where the gate is not open, as the probe."""
        if self._is_open:
            return None
        if now_s < self._closed_until_s:
            left_s = self._closed_until_s - now_s
            return Busy(earliest_s=left_s, expected_s=left_s, is_refused=True)
        if now_s < self._probe_until_s:
            return Busy(earliest_s=0, expected_s=PROBE_AGAIN_S, is_refused=True)
        return None

    def get_closed_s(self, now_s: float) -> float:
        """How long it stays closed yet; 0 where it is open or half-open."""
        return max(0.0, self._closed_until_s - now_s)

    def begin_probe(self, until_s: float) -> None:
        """`until_s`: when it is over, whatever becomes of it."""
        self._probe_until_s = until_s

    def end_probe(self) -> None:
        """It has found out nothing: the next one may."""
        self._probe_until_s = -math.inf

    def close(self, until_s: float) -> None:
        self._is_open = False
        self._closed_until_s = max(self._closed_until_s, until_s)
        self._probe_until_s = -math.inf

    def open(self) -> None:
        self._is_open = True
        self._closed_until_s = self._probe_until_s = -math.inf

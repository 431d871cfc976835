"""TRIFFT's rate limit: 50 requests in 10 s; after that every new request is refused for 60 s."""

from collections import defaultdict, deque

MAX_REQUESTS = 50
WINDOW_S = 10.0
BLOCK_S = 60.0


class RateRule:
    """Counts arrivals per token in a sliding window. Times are seconds of the caller's clock."""

    def __init__(self) -> None:
        self._arrivals: defaultdict[str, deque[float]] = defaultdict(deque)
        self._blocked_until: dict[str, float] = {}

    def admit(self, token: str, now: float) -> bool:
        """Count one arrival; False: refused. A refused request does not count and does not lengthen the block."""
        if now < self._blocked_until.get(token, now):
            return False
        arrivals = self._prune(token, now)
        if len(arrivals) >= MAX_REQUESTS:
            self._blocked_until[token] = now + BLOCK_S
            return False
        arrivals.append(now)
        return True

    def count(self, token: str, now: float) -> int:
        """The number of counted requests in the last 10 s."""
        return len(self._prune(token, now))

    def blocked_for(self, token: str, now: float) -> float:
        """The remaining seconds of the block; 0 without one."""
        return max(0.0, self._blocked_until.get(token, now) - now)

    def clear(self) -> None:
        self._arrivals.clear()
        self._blocked_until.clear()

    def _prune(self, token: str, now: float) -> deque[float]:
        arrivals = self._arrivals[token]
        while arrivals and arrivals[0] <= now - WINDOW_S:
            arrivals.popleft()
        return arrivals

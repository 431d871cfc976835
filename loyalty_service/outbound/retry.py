"""When a read that failed quickly is tried again: never an award."""

import asyncio
import random

from loyalty_service.domain.ports import Clock

# What fails later than this would fail the reader's deadline, too, if it were tried again.
QUICK_S = 0.3
# Before the first retry and the second and last, at most; at least half of it. So those that failed at once come back
# apart.
PAUSES_S = (0.1, 0.3)


class Retries:
    """Of one read, all its requests together, which ends at `deadline_s`."""

    def __init__(self, clock: Clock, deadline_s: float) -> None:
        self._clock = clock
        self._deadline_s = deadline_s
        self._pauses_s = list(PAUSES_S)

    def get_left_s(self) -> float:
        return self._deadline_s - self._clock.monotonic()

    async def pause(self, took_s: float) -> bool:
        """Wait, after a request that failed in `took_s`. False: it is not to be tried again."""
        if not self._pauses_s or took_s > QUICK_S:
            return False
        pause_s = self._pauses_s.pop(0) * random.uniform(0.5, 1)  # noqa: S311 - nothing secret
        if self.get_left_s() < pause_s + 2 * took_s:
            return False
        await asyncio.sleep(pause_s)
        return True

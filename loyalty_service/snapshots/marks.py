"""When something was last invalidated."""

import math
from collections import OrderedDict


class Marks:
    """Times by key, at most `capacity`, each kept for at least `keep_s` unless there are too many.

    A mark that had to go raises the floor, below which everything counts as invalidated: forgetting costs a read more,
    never an old answer.
    """

    def __init__(self, *, capacity: int, keep_s: float) -> None:
        self._capacity = capacity
        self._keep_s = keep_s
        self._floor_s = -math.inf
        self._times: OrderedDict[str, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._times)

    def set(self, key: str, time_s: float) -> None:
        """`time_s` is not below that of any mark set before."""
        self._times[key] = time_s
        self._times.move_to_end(key)
        while len(self._times) > self._capacity or next(iter(self._times.values())) < time_s - self._keep_s:
            _, gone_s = self._times.popitem(last=False)
            self._floor_s = gone_s

    def get(self, key: str) -> float:
        """The last time; -inf if it never was."""
        return max(self._floor_s, self._times.get(key, -math.inf))

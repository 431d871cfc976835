"""When something was last invalidated."""

import math
from collections import OrderedDict


class Marks:
    """Times by key, of the last `capacity` keys.

    A mark that had to go raises the floor, below which everything counts as invalidated: forgetting costs a read more,
    never an old answer.
    """

    def __init__(self, *, capacity: int) -> None:
        self._capacity = capacity
        self._floor_s = -math.inf
        self._times: OrderedDict[str, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._times)

    def set(self, key: str, time_s: float) -> None:
        """`time_s` is not below that of any mark set before."""
        self._times[key] = time_s
        self._times.move_to_end(key)
        while len(self._times) > self._capacity:
            _, self._floor_s = self._times.popitem(last=False)

    def get(self, key: str) -> float:
        """The last time; -inf if it never was."""
        return max(self._floor_s, self._times.get(key, -math.inf))

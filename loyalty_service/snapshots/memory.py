"""An in-memory aiocache cache with a bound."""

import math
import struct
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from aiocache.base import BaseCache

_EXPIRY = struct.Struct("<d")  # s, the clock's


class MemoryCache(BaseCache):  # type: ignore[misc]  # aiocache publishes no types
    """At most `capacity` values, the least recently used goes first; an expired value is found out when it is read.

    aiocache's own memory cache has no bound, and a timer per key. No operation here ever suspends. A value and its
    expiry are one object: many small ones would take more than what they hold.
    """

    NAME = "memory"

    def __init__(self, *, capacity: int, monotonic: Callable[[], float], serializer: object) -> None:
        super().__init__(serializer=serializer, timeout=None)
        self._capacity = capacity
        self._monotonic = monotonic
        self._values: OrderedDict[str, bytes] = OrderedDict()

    def __len__(self) -> int:
        return len(self._values)

    async def get(self, key: str, default: object = None, **_options: object) -> Any:  # noqa: ANN401 - what was set
        """Past aiocache's decorators (time-out, plugins, a look into the environment): they cost more than the rest."""
        value = self.serializer.loads(await self._get(key))
        return default if value is None else value

    async def _get(self, key: str, encoding: str | None = None, _conn: object = None) -> memoryview | None:  # noqa: ARG002
        held = self._values.get(key)
        if held is None:
            return None
        if _EXPIRY.unpack_from(held)[0] <= self._monotonic():
            del self._values[key]
            return None
        self._values.move_to_end(key)
        return memoryview(held)[_EXPIRY.size :]

    async def _set(
        self, key: str, value: bytes, ttl: float | None = None, _cas_token: object = None, _conn: object = None
    ) -> bool:
        self._values[key] = _EXPIRY.pack(math.inf if ttl is None else self._monotonic() + ttl) + value
        self._values.move_to_end(key)
        while len(self._values) > self._capacity:
            self._values.popitem(last=False)
        return True

    async def _delete(self, key: str, _conn: object = None) -> int:
        return 0 if self._values.pop(key, None) is None else 1

    async def _clear(self, namespace: str | None = None, _conn: object = None) -> bool:  # noqa: ARG002
        self._values.clear()
        return True

    async def _close(self, *_args: Any, **_options: Any) -> None:  # noqa: ANN401 - aiocache's signature
        self._values.clear()

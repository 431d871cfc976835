"""A real shared store, with a clock that a test moves."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from redis import Redis as BlockingRedis
from redis.exceptions import ConnectionError  # noqa: A004 - the client's

from loyalty_service.snapshots import SharedStore
from loyalty_service.valkey import Valkey, open_valkey
from runtime.clock import SystemClock
from tests.loyalty_service.snapshots.scripted import FakeClock

SECRET = b"a secret that the fleet shares"
_TIME_KEY = "test:time"
_CLOCK = f"local function get_now() return redis.call('INCR', '{_TIME_KEY}') end"


class SharedClock(FakeClock):
    """The clock of the server and of each process: all of them see the same microseconds."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.url = url
        self.server = BlockingRedis.from_url(url, driver_info=None)
        self.empty()

    def empty(self) -> None:
        """Empty the server."""
        self.server.flushall()
        self.server.set(_TIME_KEY, round(self.time_s * 1_000_000))

    def monotonic(self) -> float:
        self.time_s = int(self.server.incr(_TIME_KEY)) / 1_000_000
        return self.time_s

    def advance(self, seconds: float) -> None:
        self.server.incrby(_TIME_KEY, round(seconds * 1_000_000))
        self.monotonic()


class Link:
    """Controls the link of one process to the store.

    While it is cut, each call fails `before` it reaches the store, or `after` that. Pings never count as busy.
    """

    def __init__(self, valkey: Valkey) -> None:
        self._valkey = valkey
        self._count = 0
        self._cut = ""
        self._execute: Any = valkey.client.execute_command
        valkey.client.execute_command = self._call  # type: ignore[method-assign]

    @property
    def is_cut(self) -> bool:
        return bool(self._cut)

    def is_busy(self) -> bool:
        return self._count > 0

    def cut(self, mode: str) -> None:
        self._cut = mode

    async def restore(self) -> None:
        """Restore the link, and wait until the process has noticed it and repeated its invalidations."""
        self._cut = ""
        while not self._valkey.is_up or self._count:  # noqa: ASYNC110 - no event would tell
            await asyncio.sleep(0.001)

    async def _call(self, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - the client's own
        is_ping = args[0] == "SET"
        self._count += not is_ping
        try:
            answer = None if self._cut == "before" else await self._execute(*args, **options)
            if self._cut:
                raise ConnectionError("cut")
            return answer
        finally:
            self._count -= not is_ping


@asynccontextmanager
async def open_shared(
    url: str,
    *,
    timeout_s: float = 10.0,
    ping_s: float = 0.01,
    **options: Any,  # noqa: ANN401 - any field of SharedStore
) -> AsyncIterator[tuple[SharedStore, Link]]:
    """Open one process's link to the store. Its time-out is generous for a busy machine, and it pings often."""
    settings: dict[str, Any] = {"secret": SECRET, "server_clock": _CLOCK} | options
    async with open_valkey(url, SystemClock(), timeout_s=timeout_s, ping_s=ping_s) as valkey:
        yield SharedStore(valkey=valkey, **settings), Link(valkey)

"""A store that processes share, for real, with a clock that a test moves."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from redis import Redis as BlockingRedis
from redis.asyncio import Redis
from redis.exceptions import ConnectionError  # noqa: A004 - the client's

from loyalty_service.snapshots import Fleet
from loyalty_service.valkey import open_valkey
from tests.loyalty_service.snapshots.scripted import FakeClock

SECRET = b"a secret that the fleet shares"
_TIME_KEY = "test:time"
_CLOCK = f"local function clock() return tonumber(redis.call('GET', '{_TIME_KEY}')) end"


_ADVANCE = """
redis.call('SET', KEYS[1], ARGV[1])
for _, key in ipairs(redis.call('KEYS', '*')) do
  local left = redis.call('PTTL', key)  -- a lease is renewed as long as its holder lives
  if left > 0 and not string.find(key, 'lease', 1, true) then redis.call('PEXPIRE', key, left - tonumber(ARGV[2])) end
end
"""


class SharedClock(FakeClock):
    """The server's clock, too: both stand still until they are moved."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.url = url
        self.empty()

    def empty(self) -> None:
        """Whatever the server held."""
        with BlockingRedis.from_url(self.url) as server:
            server.flushall()
        self.advance(0)

    def advance(self, seconds: float) -> None:
        super().advance(seconds)
        with BlockingRedis.from_url(self.url) as server:
            server.eval(_ADVANCE, 1, _TIME_KEY, round(self.time_s * 1_000_000), round(seconds * 1000))


class Calls:
    """Calls of one process to the store: those under way, and `steps`, how many were answered.

    Neither looks at another's flight nor probes count: they never end.
    While it is cut each of them fails, `before` it reaches the store or `after` that.
    """

    def __init__(self, valkey: Redis) -> None:
        self.steps = 0
        self._count = 0
        self._cut = ""
        self._is_left_alone = False
        self._execute: Any = valkey.execute_command
        valkey.execute_command = self._call  # type: ignore[method-assign]

    @property
    def is_cut(self) -> bool:
        return bool(self._cut)

    def is_busy(self) -> bool:
        return self._count > 0

    def cut(self, mode: str) -> None:
        self._cut = mode

    async def restore(self) -> None:
        """Until it was noticed, and what had to be told was told."""
        self._cut = ""
        while self._is_left_alone or self._count:  # noqa: ASYNC110 - of nothing that could tell
            await asyncio.sleep(0.001)

    async def _call(self, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - the client's own
        is_step = args[0] not in {"MGET", "SET"}
        self._count += is_step
        try:
            answer = None if self._cut == "before" else await self._execute(*args, **options)
            if self._cut:
                self._is_left_alone = True
                raise ConnectionError("cut")
        finally:
            self._count -= is_step
        self.steps += is_step
        self._is_left_alone = self._is_left_alone and args[0] != "SET"
        return answer


@asynccontextmanager
async def open_fleet(url: str, **options: Any) -> AsyncIterator[tuple[Fleet, Calls]]:  # noqa: ANN401 - of Fleet
    """One process's door to the store. It waits as long as a busy machine takes, and looks and probes often."""
    settings: dict[str, Any] = {"secret": SECRET, "clock": _CLOCK, "lease_s": 60.0, "timeout_s": 10.0}
    settings |= {"look_s": 0.001, "pause_s": 0.01} | options
    async with open_valkey(url, FakeClock(), timeout_s=settings["timeout_s"]) as valkey:
        yield Fleet(valkey=valkey.client, **settings), Calls(valkey.client)

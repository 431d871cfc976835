"""The store that a fleet shares, one Valkey or Redis server, and whether it is up."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

import structlog
from redis import exceptions
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import OutOfMemoryError, RedisError

from loyalty_service.domain.ports import Clock
from loyalty_service.valkey_url import check_valkey_url

# A store that is slower than this counts as one that fails.
TIMEOUT_S = 0.25
# While the store is down, this process asks it once in this time whether it is back.
PING_S = 1.0
_CONNECTIONS = 32
_PING_KEY = "loyalty:ping"

# What a call may fail with through no fault of its own.
VALKEY_ERRORS = (RedisError, OSError)
# How that is counted, by the first class that it is of.
_FAILURES: tuple[tuple[type[Exception], str], ...] = (
    (exceptions.TimeoutError, "timeout"),
    (TimeoutError, "timeout"),
    (exceptions.BusyLoadingError, "loading"),
    (exceptions.AuthenticationError, "refused"),
    (exceptions.NoPermissionError, "refused"),
    (exceptions.AuthorizationError, "refused"),
    (exceptions.OutOfMemoryError, "full"),
    (exceptions.ReadOnlyError, "read_only"),
    (exceptions.ConnectionError, "unreachable"),
    (OSError, "unreachable"),
)

T = TypeVar("T")
_log = structlog.get_logger(__name__)


class ValkeyDownError(Exception):
    """The store does not answer, or has refused this call."""


class Valkey:
    """One link to the store, for all who use it.

    `is_up` turns False with a call that fails or takes longer than TIMEOUT_S. Then nobody calls the store until it
    answers a ping. A store that is full refuses a call and stays up: it still answers what needs no memory.
    """

    def __init__(
        self, client: Redis, clock: Clock, *, timeout_s: float, ping_s: float, count_failure: Callable[[str], None]
    ) -> None:
        self.client = client
        self.is_up = True
        self._clock = clock
        self._timeout_s = timeout_s
        self._ping_s = ping_s
        self._count_failure = count_failure
        self._callbacks: list[Callable[[], Awaitable[None]]] = []
        self._pinging: asyncio.Task[None] | None = None

    async def run(self, call: Callable[[Redis], Awaitable[T]]) -> T:
        """What the call returns. Raises ValkeyDownError: at once while the store is down, and where the call fails."""
        if not self.is_up:
            raise ValkeyDownError
        cancels = _count_cancels()
        try:
            async with asyncio.timeout(self._timeout_s):
                answer = await call(self.client)
        except VALKEY_ERRORS as error:
            self._count_failure(name_failure(error))
            if not isinstance(error, OutOfMemoryError):
                self._lose(error)
            raise ValkeyDownError from error
        if _count_cancels() > cancels:  # Python 3.11's wait_for, in the client, forgets one that comes with the answer
            raise asyncio.CancelledError
        return answer

    def on_up(self, callback: Callable[[], Awaitable[None]]) -> None:
        """`callback` is awaited before `is_up` turns True again. It uses `client`, and may raise VALKEY_ERRORS."""
        self._callbacks.append(callback)

    async def start(self) -> None:
        """Ask the store once; where it does not answer, go on asking in the background."""
        if (error := await self._ping()) is not None:
            self._lose(error)

    async def stop(self) -> None:
        if self._pinging is not None:
            self._pinging.cancel()
            await asyncio.gather(self._pinging, return_exceptions=True)

    def _lose(self, error: Exception) -> None:
        if self.is_up:
            self.is_up = False
            _log.warning("valkey_down", failure=name_failure(error))
            self._pinging = asyncio.create_task(self._recover())

    async def _recover(self) -> None:
        """The first ping goes at once: it may have been this process that was slow."""
        begin_s = self._clock.monotonic()
        while await self._ping() is not None:  # noqa: ASYNC110 - of a server, not of an event
            await asyncio.sleep(self._ping_s)
        self.is_up = True
        _log.info("valkey_up", down_s=round(self._clock.monotonic() - begin_s, 3))

    async def _ping(self) -> Exception | None:
        """The failure, or None. It writes, since a replica that takes no writes would answer a PING."""
        try:
            async with asyncio.timeout(self._timeout_s):
                await _write(self.client)
            for callback in self._callbacks:
                await callback()
        except VALKEY_ERRORS as error:
            self._count_failure(name_failure(error))
            return error
        return None


@asynccontextmanager
async def open_valkey(
    url: str,
    clock: Clock,
    *,
    timeout_s: float = TIMEOUT_S,
    ping_s: float = PING_S,
    count_failure: Callable[[str], None] = lambda _: None,
) -> AsyncIterator[Valkey]:
    """A link to the server of a URL as in check_valkey_url. A server that is down keeps nobody from starting.

    No call is tried again. `count_failure` is given a word of name_failure. Raises ValkeyUrlError.
    """
    check_valkey_url(url)
    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=_CONNECTIONS,
        timeout=timeout_s,
        socket_timeout=timeout_s,
        socket_connect_timeout=timeout_s,
        retry=Retry(NoBackoff(), 0),
        protocol=2,
    )
    async with Redis(connection_pool=pool) as client:
        valkey = Valkey(client, clock, timeout_s=timeout_s, ping_s=ping_s, count_failure=count_failure)
        try:
            await valkey.start()
            yield valkey
        finally:
            await valkey.stop()
            await pool.disconnect()


def name_failure(error: Exception) -> str:
    """One of few words: timeout, loading, refused, full, read_only, unreachable, other."""
    return next((name for kind, name in _FAILURES if isinstance(error, kind)), "other")


async def _write(client: Redis) -> None:
    try:
        await client.set(_PING_KEY, b"", px=1)
    except OutOfMemoryError:
        return


def _count_cancels() -> int:
    """How often the running task was told to end."""
    task = asyncio.current_task()
    return 0 if task is None else task.cancelling()

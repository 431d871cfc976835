"""The store that a fleet shares, one Valkey or Redis server, and whether it is up."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

import structlog
from redis import DriverInfo, exceptions
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import OutOfMemoryError, RedisError

from loyalty_service.domain.ports import Clock
from loyalty_service.valkey_url import check_valkey_url

# A slower call of the store counts as a failure.
TIMEOUT_S = 0.25
# While the store is down, this process pings it at this interval.
PING_S = 1.0
_CONNECTIONS = 32
_PING_KEY = "loyalty:ping"
# What the server is told about its client. By itself each new connection would read it from files, which takes longer
# than all else that it does.
_DRIVER = DriverInfo()

# Errors of a call that mean that the store does not work.
VALKEY_ERRORS = (RedisError, OSError)
# The words for counting these errors; the first matching class counts.
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
    """The store does not answer, or refused this call."""


class Valkey:
    """The link to the store, shared by all its users.

    `is_up` becomes False when a call fails or takes longer than TIMEOUT_S. Then no call is sent until the store answers
    a ping. A full store refuses a call but stays up: calls that need no memory still work.
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
        """Return the call's result. Raises ValkeyDownError, at once while the store is down."""
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
        if (
            _count_cancels() > cancels
        ):  # in Python 3.11, the client's wait_for loses a cancellation that comes with the answer
            raise asyncio.CancelledError
        return answer

    def on_up(self, callback: Callable[[], Awaitable[None]]) -> None:
        """`callback` is awaited before `is_up` becomes True again. It uses `client`, and may raise VALKEY_ERRORS."""
        self._callbacks.append(callback)

    async def start(self) -> None:
        """Ping the store once; if it does not answer, continue in the background."""
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
        """Ping until the store answers. The first ping goes at once: perhaps only this process was slow."""
        begin_s = self._clock.monotonic()
        while await self._ping() is not None:  # noqa: ASYNC110 - it polls a server, not an event
            await asyncio.sleep(self._ping_s)
        self.is_up = True
        _log.info("valkey_up", down_s=round(self._clock.monotonic() - begin_s, 3))

    async def _ping(self) -> Exception | None:
        """Return the failure, or None. It writes, since a read-only replica would answer a PING."""
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
    """Open a link to the server of a URL, as in check_valkey_url. A server that is down does not prevent the start.

    No call is retried. `count_failure` gets a word of name_failure. Raises ValkeyUrlError.
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
        driver_info=_DRIVER,
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
    """Name a failure: timeout, loading, refused, full, read_only, unreachable or other."""
    return next((name for kind, name in _FAILURES if isinstance(error, kind)), "other")


async def _write(client: Redis) -> None:
    try:
        await client.set(_PING_KEY, b"", px=1)
    except OutOfMemoryError:
        return


def _count_cancels() -> int:
    """The number of cancellations of the running task."""
    task = asyncio.current_task()
    return 0 if task is None else task.cancelling()

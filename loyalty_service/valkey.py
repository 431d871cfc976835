"""The store that a fleet shares: one Valkey or Redis server."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from redis import exceptions
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from loyalty_service.valkey_url import check_valkey_url

# A store that is slower than this counts as one that fails.
TIMEOUT_S = 0.25
_CONNECTIONS = 32

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


def name_failure(error: Exception) -> str:
    """One of few words: timeout, loading, refused, full, read_only, unreachable, other."""
    return next((name for kind, name in _FAILURES if isinstance(error, kind)), "other")


@asynccontextmanager
async def open_valkey(url: str, *, timeout_s: float = TIMEOUT_S) -> AsyncIterator[Redis]:
    """A client of a URL as in check_valkey_url.

    Nothing is sent yet: a server that is down is met by the calls, each of which fails within `timeout_s` and is not
    tried again. Raises ValkeyUrlError.
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
        try:
            yield client
        finally:
            await pool.disconnect()

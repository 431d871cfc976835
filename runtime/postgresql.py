"""PostgreSQL as both processes use it."""

import asyncio
import contextlib
import re
from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

import asyncpg
from sqlalchemy import Connection, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from runtime.database_url import PostgresqlUrl

POOL_SIZE = 10
# The statements that SQLAlchemy keeps prepared on a connection, unless the driver's cache is off.
_STATEMENT_CACHE_SIZE = 100
_CONNECT_TIMEOUT_S = 5
_READ_TIMEOUT_S = 10.0
_DISPOSE_TIMEOUT_S = 1
# SQLAlchemy's prefix of the driver's message.
_DRIVERS_CLASS = re.compile(r"^<class '[\w.]+'>: ")

T = TypeVar("T")


class PostgresqlRefusedError(ConnectionError):
    """No connection. The message is the server's or the system's, in one line without a password."""


class PostgresqlEngine:
    # The driver's errors that SQLAlchemy does not wrap.
    failures: ClassVar[tuple[type[Exception], ...]] = (asyncpg.PostgresError, asyncpg.InterfaceError)

    def __init__(self, url: PostgresqlUrl) -> None:
        self._url = url
        self._engine = _create_engine(url)
        self._reader = self._engine.execution_options(isolation_level="AUTOCOMMIT")
        event.listen(self._engine.sync_engine, "checkout", _refuse_closed)

    async def prepare(self) -> None:
        """Do nothing: PostgreSQL needs no preparation."""

    async def read(self, work: Callable[[Connection], T]) -> T:
        # Without a transaction: in one, too, READ COMMITTED shows each statement its own moment, for two more trips.
        return await self._work(self._reader, work, _READ_TIMEOUT_S)

    async def write(self, work: Callable[[Connection], T], *, timeout_s: float | None) -> T:
        return await self._work(self._engine, work, timeout_s)

    async def _work(self, engine: AsyncEngine, work: Callable[[Connection], T], timeout_s: float | None) -> T:
        async with asyncio.timeout(timeout_s), engine.begin() as connection:
            return await connection.run_sync(work)

    async def dispose(self) -> None:
        with contextlib.suppress(TimeoutError):  # a silent server does not confirm the end
            async with asyncio.timeout(_DISPOSE_TIMEOUT_S):
                await self._engine.dispose()

    def explain(self, error: BaseException) -> str:
        """Explain in the server's words."""
        cause = getattr(error, "orig", None) or error
        reason = self._url.hide_passwords(_DRIVERS_CLASS.sub("", str(cause))) or type(cause).__name__
        return f"cannot be used: PostgreSQL at {self._url.place}: {reason}"


def _refuse_closed(_connection: object, record: Any, _proxy: object) -> None:  # noqa: ANN401 - the pool's record
    """Refuse a closed connection, which the driver notices. That saves a ping of the server each time."""
    if record.driver_connection.is_closed():
        raise DisconnectionError


def _create_engine(url: PostgresqlUrl) -> AsyncEngine:
    """With `statement_cache_size` 0, neither the driver nor SQLAlchemy leaves a prepared statement on the server.

    With PgBouncer in transaction mode, the next transaction may use another server connection.
    """
    arguments = {"timeout": _CONNECT_TIMEOUT_S, **url.arguments}
    cache_size = _STATEMENT_CACHE_SIZE if arguments.get("statement_cache_size", 1) else 0

    async def connect() -> asyncpg.Connection:
        # The driver reads the URL as libpq does, with sockets, sslmode and several hosts.
        try:
            return await asyncpg.connect(url.dsn, **arguments)
        except TimeoutError as error:
            raise PostgresqlRefusedError("no answer in time") from error
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, ValueError) as error:
            reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
            raise PostgresqlRefusedError(url.hide_passwords(reason) or type(error).__name__) from error

    def create() -> DBAPIConnection:
        # Like SQLAlchemy's own connect for an `async_creator`, which cannot set the size of its cache.
        dialect: Any = engine.sync_engine.dialect
        connection: DBAPIConnection = dialect.dbapi.connect(
            async_creator_fn=connect, prepared_statement_cache_size=cache_size
        )
        return connection

    engine = create_async_engine(
        "postgresql+asyncpg://", creator=create, hide_parameters=True, pool_size=POOL_SIZE, max_overflow=0
    )
    return engine

"""PostgreSQL as both processes use it: the engine of a URL, and why a server cannot be used."""

import re
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from runtime.database_url import PostgresqlUrl

# How many statements SQLAlchemy keeps prepared on a connection, unless the driver is to keep none.
_STATEMENT_CACHE_SIZE = 100
# What SQLAlchemy writes before the driver's own words.
_DRIVERS_CLASS = re.compile(r"^<class '[\w.]+'>: ")


class PostgresqlRefusedError(ConnectionError):
    """No connection. The message is the server's own words, or the system's, in one line without a password."""


def create_postgresql_engine(url: PostgresqlUrl, *, arguments: Mapping[str, float], **options: Any) -> AsyncEngine:  # noqa: ANN401 - SQLAlchemy's
    """`arguments`: the driver's, where the URL has none of its own. `options`: of the pool, as in create_engine.

    With `statement_cache_size` 0 no statement is left prepared on the server, neither by the driver nor by SQLAlchemy:
    behind PgBouncer in transaction mode the next transaction may be on another server connection.
    """
    import asyncpg  # noqa: PLC0415 - slow to load, and only needed here

    arguments = {**arguments, **url.arguments}
    cache_size = _STATEMENT_CACHE_SIZE if arguments.get("statement_cache_size", 1) else 0

    async def connect() -> asyncpg.Connection:
        # The driver reads the URL as libpq does: sockets, sslmode and several hosts work as people know them.
        try:
            return await asyncpg.connect(url.dsn, **arguments)
        except TimeoutError as error:
            raise PostgresqlRefusedError("no answer in time") from error
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, ValueError) as error:
            reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
            raise PostgresqlRefusedError(url.hide_passwords(reason) or type(error).__name__) from error

    def create() -> DBAPIConnection:
        # What SQLAlchemy makes of an `async_creator`, to which it cannot tell the size of its own cache.
        dialect: Any = engine.sync_engine.dialect
        connection: DBAPIConnection = dialect.dbapi.connect(
            async_creator_fn=connect, prepared_statement_cache_size=cache_size
        )
        return connection

    engine = create_async_engine("postgresql+asyncpg://", creator=create, hide_parameters=True, **options)
    return engine


def find_obstacle(connection: Connection) -> str | None:
    """Why this database must not be used; completes "SETTING …"."""
    if connection.scalar(text("SHOW synchronous_commit")) == "off":
        return (
            "has synchronous_commit off, so a crash of its server loses what was confirmed: "
            "ALTER DATABASE … SET synchronous_commit = on"
        )
    return None


def explain_failure(url: PostgresqlUrl, error: BaseException) -> str:
    """In the server's words why it cannot be used; completes "SETTING …"."""
    cause = getattr(error, "orig", None) or error
    reason = url.hide_passwords(_DRIVERS_CLASS.sub("", str(cause))) or type(cause).__name__
    return f"cannot be used: PostgreSQL at {url.place}: {reason}"

"""The gateway's database: SQLite or PostgreSQL from a plain URL, migrated before it is used."""

import asyncio
import sqlite3
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

from sqlalchemy import URL, BigInteger, Connection, event, inspect, make_url, text
from sqlalchemy.exc import ArgumentError, IntegrityError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.expression import ColumnElement
from sqlalchemy.sql.functions import FunctionElement

SETTING = "GATEWAY_DATABASE_URL"
VERSION_TABLE = "gateway_schema_version"
SCHEMA_VERSION = "0002"
POOL_SIZE = 10
_MIGRATIONS = Path(__file__).parent / "migrations"
# Any number will do, as long as nothing else in the same PostgreSQL database takes it.
MIGRATION_LOCK = 1_953_982_327
_MIGRATION_LOCK_TIMEOUT_S = 30
_CONNECT_TIMEOUT_S = 5
_COMMAND_TIMEOUT_S = 40
_BUSY_TIMEOUT_S = 5
_BUSY_POLL_S = 0.05


class DatabaseError(Exception):
    """The database cannot be used. The message is one line and holds no password."""


class now_ms(FunctionElement[int]):  # noqa: N801 - spelled like the SQL function that it is
    """The database's own clock: milliseconds since 1970, the same for every process that asks."""

    type = BigInteger()
    inherit_cache = True


@compiles(now_ms, "sqlite")
def _now_ms_sqlite(_element: ColumnElement[int], _compiler: object, **_: object) -> str:
    # unixepoch('subsec') would read better, and is too new for the SQLite of Debian 12.
    return "CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER)"


@compiles(now_ms, "postgresql")
def _now_ms_postgresql(_element: ColumnElement[int], _compiler: object, **_: object) -> str:
    return "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)"


@asynccontextmanager
async def open_transaction(engine: AsyncEngine, *, reads_first: bool = False) -> AsyncGenerator[AsyncConnection]:
    """Commits at the end. `reads_first`: what it writes depends on what it reads. Raises DatabaseError.

    An IntegrityError goes through: it is what the statement came to, and no failure.
    """
    try:
        async with engine.connect() as connection:
            if reads_first:
                await connection.execution_options(sqlite_begin="IMMEDIATE")
            async with connection.begin():
                yield connection
    except IntegrityError:
        raise
    except (SQLAlchemyError, OSError) as error:
        raise DatabaseError("the gateway's database does not answer") from error


@asynccontextmanager
async def open_database(url: str) -> AsyncGenerator[AsyncEngine]:
    """An engine on a migrated database; `url` is `sqlite:///path` or `postgresql://user:password@host/name`.

    Several processes may open one database at once: one of them migrates it. Raises DatabaseError.
    """
    parsed = _parse_url(url)
    if parsed.drivername == "sqlite":
        await _open_file(parsed)
        engine = _create_sqlite_engine(parsed)
    else:
        engine = _create_postgresql_engine(url)
    try:
        await _migrate(engine, parsed)
        yield engine
    finally:
        await engine.dispose()


def _parse_url(url: str) -> URL:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        parsed = URL.create("")
    is_file = parsed.drivername == "sqlite" and not parsed.host and parsed.database not in {None, "", ":memory:"}
    if not is_file and parsed.drivername != "postgresql":
        raise DatabaseError(f"{SETTING} must be sqlite:///path or postgresql://user:password@host/name")
    if "@" in (parsed.host or ""):
        raise DatabaseError(f"{SETTING}: an @ in the user or the password must be written as %40")
    return parsed


async def _open_file(url: URL) -> None:
    """Make the file, and switch it to WAL for good. SQLite's busy time-out does not cover that switch."""

    def switch() -> None:
        with closing(sqlite3.connect(str(url.database), timeout=_BUSY_TIMEOUT_S)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")

    for is_last in (*[False] * int(_BUSY_TIMEOUT_S / _BUSY_POLL_S), True):
        try:
            return await asyncio.to_thread(switch)
        except sqlite3.Error as error:
            if is_last or "locked" not in str(error):
                raise DatabaseError(_explain(url, error)) from error
            await asyncio.sleep(_BUSY_POLL_S)
    return None


def _create_sqlite_engine(url: URL) -> AsyncEngine:
    engine = create_async_engine(
        url.set(drivername="sqlite+aiosqlite"),
        # None: the driver opens no transaction of its own, late and never around DDL. Each BEGIN is ours.
        connect_args={"isolation_level": None, "timeout": _BUSY_TIMEOUT_S},
        pool_size=POOL_SIZE,
        max_overflow=0,
        hide_parameters=True,
    )
    event.listen(engine.sync_engine, "connect", _prepare_sqlite)
    event.listen(engine.sync_engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: object) -> None:  # noqa: ANN401 - a driver's connection has no public type
    cursor = connection.cursor()
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    """Begin with `sqlite_begin="IMMEDIATE"` where a read comes before the write: upgrading its lock could fail."""
    connection.exec_driver_sql(f"BEGIN {connection.get_execution_options().get('sqlite_begin', 'DEFERRED')}")


def _create_postgresql_engine(url: str) -> AsyncEngine:
    import asyncpg  # noqa: PLC0415 - slow to load, and only needed here

    async def connect() -> asyncpg.Connection:
        # The driver reads the URL as libpq does: sockets, sslmode and several hosts work as people know them.
        try:
            return await asyncpg.connect(url, timeout=_CONNECT_TIMEOUT_S, command_timeout=_COMMAND_TIMEOUT_S)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, ValueError) as error:
            raise ConnectionError(f"{type(error).__name__}: {error}") from error

    return create_async_engine(
        "postgresql+asyncpg://",
        async_creator=connect,
        pool_size=POOL_SIZE,
        max_overflow=0,
        pool_pre_ping=True,
        hide_parameters=True,
    )


async def _migrate(engine: AsyncEngine, url: URL) -> None:
    """Bring the schema up to date under a lock that all processes on this database respect."""
    try:
        async with engine.connect() as connection:
            await connection.execution_options(sqlite_begin="IMMEDIATE")
            async with connection.begin():
                if connection.dialect.name == "postgresql":
                    await connection.execute(text(f"SET LOCAL lock_timeout = '{_MIGRATION_LOCK_TIMEOUT_S}s'"))
                    await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
                await connection.run_sync(_upgrade)
    except (SQLAlchemyError, OSError, sqlite3.Error) as error:
        raise DatabaseError(_explain(url, error)) from error


def _upgrade(connection: Connection) -> None:
    if inspect(connection).has_table(VERSION_TABLE):
        version = connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar_one_or_none()  # noqa: S608 - a constant
        if version == SCHEMA_VERSION:
            return
    from alembic import command  # noqa: PLC0415 - slow to load, and most starts find nothing to do
    from alembic.config import Config  # noqa: PLC0415 - likewise
    from alembic.util import CommandError  # noqa: PLC0415 - likewise

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise DatabaseError(f"{SETTING}: made by a newer release ({error}): start that release") from error


def _explain(url: URL, error: Exception) -> str:
    cause = getattr(error, "orig", None) or error
    reason = " ".join(str(cause).split()) or type(cause).__name__
    if url.password:
        reason = reason.replace(str(url.password), "***")
    if url.drivername == "sqlite":
        return f"{SETTING}: {url.database} cannot be used ({reason}): its folder must exist and be writable"
    return (
        f"{SETTING}: PostgreSQL at {url.host or 'its socket'} cannot be used ({reason}): check the URL and the server"
    )

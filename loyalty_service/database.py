"""The database: SQLite or PostgreSQL behind one pair of calls, migrated before it is used."""

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal, Protocol, TypeVar, cast

import asyncpg
from sqlalchemy import URL, Connection, Engine, Table, create_engine, event, inspect, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import (
    DataError,
    DBAPIError,
    DisconnectionError,
    IntegrityError,
    SQLAlchemyError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.expression import ColumnElement
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import BigInteger

from loyalty_service.batches import Batches
from runtime.database_url import DatabaseUrl, DatabaseUrlError, PostgresqlUrl, SqliteUrl, parse_database_url
from runtime.postgresql import create_postgresql_engine, explain_failure, find_obstacle

BUSY_TIMEOUT_S = 5
CONNECT_TIMEOUT_S = 5
WRITE_TIMEOUT_S = 10
DISPOSE_TIMEOUT_S = 1
POOL_SIZE = 10
# Threads that read SQLite: enough that one long read does not hold up the short ones.
READERS = 4
MIGRATIONS = Path(__file__).parent / "migrations"
# The newest revision in there; a test holds them together.
SCHEMA_VERSION = "0006"
# Any number will do, so long as no other user of the same PostgreSQL database takes it.
MIGRATION_LOCK = 7_245_391_068


# What a transaction may fail with through no fault of its statements: the driver's, before SQLAlchemy wraps it, too.
DATABASE_ERRORS = (SQLAlchemyError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError)
# Those that may be over when the same is tried again, and those of them that never are: the statement is at fault.
_OUTAGES = (DBAPIError, DisconnectionError, PoolTimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError)
_FAULTS = (DataError, IntegrityError)

T = TypeVar("T")


class DatabaseUnavailableError(Exception):
    """The database cannot be opened or migrated. The message says why and holds no secret."""


def is_outage(error: Exception) -> bool:
    """Whether the database did not answer, or refused its work: no statement of ours is at fault."""
    return isinstance(error, _OUTAGES) and not isinstance(error, _FAULTS)


class now_ms(FunctionElement[int]):  # noqa: N801  spelled like the SQL function that it is
    """The database's own clock: milliseconds since 1970, the same for every process that asks."""

    type = BigInteger()
    inherit_cache = True


def make_insert(connection: Connection, table: Table) -> postgresql.Insert | sqlite.Insert:
    """An INSERT that may go on to say what happens ON CONFLICT, in the spelling of this connection's engine."""
    return postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)


@compiles(now_ms, "sqlite")
def _now_ms_sqlite(_element: ColumnElement[int], _compiler: object, **_: object) -> str:
    # unixepoch('subsec') would read better, and is too new for the SQLite of Debian 12.
    return "CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER)"


@compiles(now_ms, "postgresql")
def _now_ms_postgresql(_element: ColumnElement[int], _compiler: object, **_: object) -> str:
    return "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)"


class Database(Protocol):
    """Transactions on one database. The work of one runs in one go: no caller who goes away leaves it half open."""

    async def read(self, work: Callable[[Connection], T]) -> T:
        """The result of `work`, which only reads."""
        ...

    async def write(self, work: Callable[[Connection], T], *, timeout_s: float | None = WRITE_TIMEOUT_S) -> T:
        """The same of a `work` that writes: committed at its end, undone by an exception of its own.

        `timeout_s`: on PostgreSQL, for all of it; None: as long as it takes. SQLite has BUSY_TIMEOUT_S instead.
        """
        ...

    async def dispose(self) -> None:
        """Close all connections, once what runs is over."""
        ...


class PostgresqlDatabase:
    def __init__(self, url: PostgresqlUrl) -> None:
        self._engine = create_postgresql_engine(
            url, arguments={"timeout": CONNECT_TIMEOUT_S}, pool_size=POOL_SIZE, max_overflow=0
        )
        event.listen(self._engine.sync_engine, "checkout", _refuse_closed)

    async def read(self, work: Callable[[Connection], T]) -> T:
        return await self.write(work)

    async def write(self, work: Callable[[Connection], T], *, timeout_s: float | None = WRITE_TIMEOUT_S) -> T:
        async with asyncio.timeout(timeout_s), self._engine.begin() as connection:
            return await connection.run_sync(work)

    async def dispose(self) -> None:
        with contextlib.suppress(TimeoutError):  # a server that has fallen silent says no goodbye
            async with asyncio.timeout(DISPOSE_TIMEOUT_S):
                await self._engine.dispose()


class SqliteDatabase:
    """Works run in threads of our own, since an asyncio driver would hop to a thread and back for each statement.

    One writer at a time in this process: writers queue, none is refused, and what waits is written in one transaction.
    """

    def __init__(self, url: SqliteUrl) -> None:
        self._reader = _make_sqlite_engine(url, begin="BEGIN", pool_size=READERS)
        self._writer = _make_sqlite_engine(url, begin="BEGIN IMMEDIATE", pool_size=1)
        self._reading = ThreadPoolExecutor(READERS, thread_name_prefix="sqlite-read")
        self._writing = ThreadPoolExecutor(1, thread_name_prefix="sqlite-write")
        self._works: Batches[Callable[[Connection], Any], Any] = Batches(self._write_all)

    async def read(self, work: Callable[[Connection], T]) -> T:
        def run() -> T:
            with self._reader.begin() as connection:
                return work(connection)

        return await asyncio.get_running_loop().run_in_executor(self._reading, run)

    async def write(self, work: Callable[[Connection], T], *, timeout_s: float | None = WRITE_TIMEOUT_S) -> T:  # noqa: ARG002  the port's
        return cast("T", await self._works.put("", work))

    async def dispose(self) -> None:
        for threads, engine in ((self._reading, self._reader), (self._writing, self._writer)):
            await asyncio.to_thread(threads.shutdown)
            engine.dispose()

    async def _write_all(self, works: Sequence[Callable[[Connection], Any]]) -> list[Any]:
        def run_all() -> list[Any]:
            with self._writer.begin() as connection:
                return [_try(connection, work) for work in works]

        return await asyncio.get_running_loop().run_in_executor(self._writing, run_all)


def _try(connection: Connection, work: Callable[[Connection], Any]) -> Any:  # noqa: ANN401  what `work` returns
    """The result of `work`, or its own exception and nothing written. Where the database fails, all has failed."""
    connection.exec_driver_sql("SAVEPOINT work")
    try:
        result = work(connection)
    except DATABASE_ERRORS:
        raise
    except Exception as error:  # noqa: BLE001  its caller gets it
        connection.exec_driver_sql("ROLLBACK TO work")
        return error
    connection.exec_driver_sql("RELEASE work")
    return result


@contextlib.asynccontextmanager
async def open_database(database_url: str) -> AsyncIterator[Database]:
    """Open and migrate the database of a URL as in runtime.database_url. Raises DatabaseUnavailableError."""
    database = make_database(database_url)
    try:
        await _migrate(database, parse_database_url(database_url))
        yield database
    finally:
        await database.dispose()


def make_database(database_url: str) -> Database:
    """The same, as it is: not migrated. Dispose of it. Raises DatabaseUnavailableError."""
    try:
        url = parse_database_url(database_url)
    except DatabaseUrlError as error:
        raise DatabaseUnavailableError(str(error)) from None
    return SqliteDatabase(url) if isinstance(url, SqliteUrl) else PostgresqlDatabase(url)


def _refuse_closed(_connection: object, record: Any, _proxy: object) -> None:  # noqa: ANN401  the pool's
    """Instead of asking the server each time: the driver notices when the server has gone."""
    if record.driver_connection.is_closed():
        raise DisconnectionError


def _make_sqlite_engine(url: SqliteUrl, *, begin: Literal["BEGIN", "BEGIN IMMEDIATE"], pool_size: int) -> Engine:
    engine = create_engine(
        URL.create("sqlite+pysqlite", database=url.path),
        # None: the driver opens no transaction by itself; `begin` does, in the way that is wanted.
        connect_args={"isolation_level": None, "timeout": BUSY_TIMEOUT_S},
        pool_size=pool_size,
        max_overflow=0,
        hide_parameters=True,
    )

    @event.listens_for(engine, "connect")
    def _set_up(connection: sqlite3.Connection, _record: object) -> None:
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


async def _migrate(database: Database, url: DatabaseUrl) -> None:
    """Bring the schema up to date. Processes that start at once queue: the first migrates, the rest find it done."""
    try:
        if isinstance(url, SqliteUrl):
            await _keep_write_ahead_log(url)
        await database.write(_upgrade, timeout_s=None)
    except (*DATABASE_ERRORS, sqlite3.Error) as error:
        raise DatabaseUnavailableError(_explain(url, error)) from error


def _explain(url: DatabaseUrl, error: Exception) -> str:
    if isinstance(url, PostgresqlUrl):
        return explain_failure(url, error)
    cause = getattr(error, "orig", None) or error
    return f"cannot be opened ({cause}): the file and its folder must exist and be writable"


async def _keep_write_ahead_log(url: SqliteUrl) -> None:
    """Switch the file to WAL, for good. SQLite's busy time-out does not cover this switch, so it is tried again."""

    def switch() -> None:
        connection = sqlite3.connect(url.path, timeout=BUSY_TIMEOUT_S)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        finally:
            connection.close()

    for _ in range(BUSY_TIMEOUT_S * 20):
        try:
            await asyncio.to_thread(switch)
        except sqlite3.OperationalError as error:
            if "locked" not in str(error):
                raise
            await asyncio.sleep(0.05)
        else:
            return
    raise DatabaseUnavailableError("is locked by another process")


def _upgrade(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        if obstacle := find_obstacle(connection):
            raise DatabaseUnavailableError(obstacle)
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": MIGRATION_LOCK})
    if inspect(connection).has_table("alembic_version"):
        versions = connection.scalars(text("SELECT version_num FROM alembic_version")).all()
        if versions == [SCHEMA_VERSION]:
            return
    from alembic import command  # noqa: PLC0415  slow to load, and most starts find nothing to do
    from alembic.config import Config as AlembicConfig  # noqa: PLC0415  likewise
    from alembic.util import CommandError  # noqa: PLC0415  likewise

    config = AlembicConfig()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise DatabaseUnavailableError(f"was made by a newer release ({error}): start that release") from error

"""The gateway's database: SQLite or PostgreSQL behind one pair of calls, migrated before it is used."""

import asyncio
import sqlite3
from collections.abc import AsyncGenerator, Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path
from typing import Literal, Protocol, TypeVar

from sqlalchemy import URL, BigInteger, Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.expression import ColumnElement
from sqlalchemy.sql.functions import FunctionElement

from runtime.database_url import DatabaseUrl, DatabaseUrlError, PostgresqlUrl, SqliteUrl, parse_database_url
from runtime.postgresql import create_postgresql_engine, explain_failure, find_obstacle

SETTING = "GATEWAY_DATABASE_URL"
VERSION_TABLE = "gateway_schema_version"
SCHEMA_VERSION = "0003"
POOL_SIZE = 10
# Threads that read SQLite: enough that one long read does not hold up the short ones.
READERS = 4
_MIGRATIONS = Path(__file__).parent / "migrations"
# Any number will do, as long as nothing else in the same PostgreSQL database takes it.
MIGRATION_LOCK = 1_953_982_327
_MIGRATION_LOCK_TIMEOUT_S = 30
# Seconds for a connection, and for a statement, where the URL says nothing else.
_DRIVER_TIMES = {"timeout": 5, "command_timeout": 40}
_BUSY_TIMEOUT_S = 5
_BUSY_POLL_S = 0.05

T = TypeVar("T")


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


class Database(Protocol):
    """Transactions on one database. The work of one runs in one go: no caller who goes away leaves it half open.

    Raises DatabaseError. An IntegrityError goes through: it is what the statement came to, and no failure.
    """

    async def read(self, work: Callable[[Connection], T]) -> T:
        """The result of `work`, which only reads."""
        ...

    async def write(self, work: Callable[[Connection], T]) -> T:
        """The same of a `work` that writes: committed at its end, undone by an exception of its own."""
        ...

    async def dispose(self) -> None:
        """Close all connections, once what runs is over."""
        ...


class _PostgresqlDatabase:
    def __init__(self, url: PostgresqlUrl) -> None:
        self._engine = create_postgresql_engine(
            url, arguments=_DRIVER_TIMES, pool_size=POOL_SIZE, max_overflow=0, pool_pre_ping=True
        )

    async def read(self, work: Callable[[Connection], T]) -> T:
        return await self.write(work)

    async def write(self, work: Callable[[Connection], T]) -> T:
        with _telling_failures():
            async with self._engine.begin() as connection:
                return await connection.run_sync(work)

    async def dispose(self) -> None:
        await self._engine.dispose()


class _SqliteDatabase:
    """Works run in threads of our own, since an asyncio driver would hop to a thread and back for each statement.

    One writer at a time in this process: writers queue, and none is refused.
    """

    def __init__(self, url: SqliteUrl) -> None:
        self._reader = _create_sqlite_engine(url, begin="BEGIN", pool_size=READERS)
        self._writer = _create_sqlite_engine(url, begin="BEGIN IMMEDIATE", pool_size=1)
        self._reading = ThreadPoolExecutor(READERS, thread_name_prefix="sqlite-read")
        self._writing = ThreadPoolExecutor(1, thread_name_prefix="sqlite-write")

    async def read(self, work: Callable[[Connection], T]) -> T:
        return await _run(self._reading, self._reader, work)

    async def write(self, work: Callable[[Connection], T]) -> T:
        # A caller who goes away does not take it back.
        return await asyncio.shield(_run(self._writing, self._writer, work))

    async def dispose(self) -> None:
        for threads, engine in ((self._reading, self._reader), (self._writing, self._writer)):
            await asyncio.to_thread(threads.shutdown)
            engine.dispose()


def _run(threads: ThreadPoolExecutor, engine: Engine, work: Callable[[Connection], T]) -> asyncio.Future[T]:
    def run() -> T:
        with _telling_failures(), engine.begin() as connection:
            return work(connection)

    return asyncio.get_running_loop().run_in_executor(threads, run)


@contextmanager
def _telling_failures() -> Generator[None]:
    try:
        yield
    except IntegrityError:
        raise
    except (SQLAlchemyError, OSError) as error:
        raise DatabaseError("the gateway's database does not answer") from error


@asynccontextmanager
async def open_database(url: str) -> AsyncGenerator[Database]:
    """A migrated database; `url` as in runtime.database_url.

    Several processes may open one database at once: one of them migrates it. Raises DatabaseError.
    """
    try:
        parsed = parse_database_url(url)
    except DatabaseUrlError as error:
        raise DatabaseError(f"{SETTING} {error}") from None
    database: Database
    if isinstance(parsed, SqliteUrl):
        await _open_file(parsed)
        database = _SqliteDatabase(parsed)
    else:
        database = _PostgresqlDatabase(parsed)
    try:
        await _migrate(database, parsed)
        yield database
    finally:
        await database.dispose()


async def _open_file(url: SqliteUrl) -> None:
    """Make the file, and switch it to WAL for good. SQLite's busy time-out does not cover that switch."""

    def switch() -> None:
        with closing(sqlite3.connect(url.path, timeout=_BUSY_TIMEOUT_S)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")

    for is_last in (*[False] * int(_BUSY_TIMEOUT_S / _BUSY_POLL_S), True):
        try:
            return await asyncio.to_thread(switch)
        except sqlite3.Error as error:
            if is_last or "locked" not in str(error):
                raise DatabaseError(_explain(url, error)) from error
            await asyncio.sleep(_BUSY_POLL_S)
    return None


def _create_sqlite_engine(url: SqliteUrl, *, begin: Literal["BEGIN", "BEGIN IMMEDIATE"], pool_size: int) -> Engine:
    engine = create_engine(
        URL.create("sqlite+pysqlite", database=url.path),
        # None: the driver opens no transaction of its own, late and never around DDL. Each BEGIN is ours.
        connect_args={"isolation_level": None, "timeout": _BUSY_TIMEOUT_S},
        pool_size=pool_size,
        max_overflow=0,
        hide_parameters=True,
    )

    @event.listens_for(engine, "connect")
    def _prepare(connection: sqlite3.Connection, _record: object) -> None:
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


async def _migrate(database: Database, url: DatabaseUrl) -> None:
    """Bring the schema up to date under a lock that all processes on this database respect."""
    try:
        await database.write(_upgrade)
    except DatabaseError as error:
        if isinstance(error.__cause__, SQLAlchemyError | OSError):
            raise DatabaseError(_explain(url, error.__cause__)) from error.__cause__
        raise


def _upgrade(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        if obstacle := find_obstacle(connection):
            raise DatabaseError(f"{SETTING} {obstacle}")
        connection.execute(text(f"SET LOCAL lock_timeout = '{_MIGRATION_LOCK_TIMEOUT_S}s'"))
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
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


def _explain(url: DatabaseUrl, error: Exception) -> str:
    if isinstance(url, PostgresqlUrl):
        return f"{SETTING} {explain_failure(url, error)}"
    cause = getattr(error, "orig", None) or error
    reason = " ".join(str(cause).split()) or type(cause).__name__
    return f"{SETTING}: {url.path} cannot be used ({reason}): its folder must exist and be writable"

"""The database: SQLite or PostgreSQL behind one pair of transactions, migrated before it is used."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, Literal, TypeVar, cast

import asyncpg
from alembic import command
from alembic.config import Config as AlembicConfig
from sqlalchemy import URL, Connection, Engine, Table, create_engine, event, make_url, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError, DBAPIError, DisconnectionError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.expression import ColumnElement
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import BigInteger

from loyalty_service.batches import Batches

BUSY_TIMEOUT_S = 5
CONNECT_TIMEOUT_S = 5
# How long a transaction of `Database.run` may take on PostgreSQL. SQLite has its own: BUSY_TIMEOUT_S.
RUN_TIMEOUT_S = 10
POOL_SIZE = 10
MIGRATIONS = Path(__file__).parent / "migrations"
# Any number will do, so long as no other user of the same PostgreSQL database takes it.
MIGRATION_LOCK = 7_245_391_068


# What a transaction may fail with through no fault of its statements: the driver's, before SQLAlchemy wraps it, too.
DATABASE_ERRORS = (SQLAlchemyError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError)


T = TypeVar("T")


class DatabaseUnavailableError(Exception):
    """The database cannot be opened or migrated. The message says why and holds no secret."""


class now_ms(FunctionElement[int]):  # noqa: N801  spelled like the SQL function that it is
    """The database's own clock: milliseconds since 1970, the same for every process that asks."""

    type = BigInteger()
    inherit_cache = True


def make_insert(connection: AsyncConnection, table: Table) -> postgresql.Insert | sqlite.Insert:
    """An INSERT that may go on to say what happens ON CONFLICT, in the spelling of this connection's engine."""
    return postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)


@compiles(now_ms, "sqlite")
def _now_ms_sqlite(_element: ColumnElement[int], _compiler: object, **_: object) -> str:
    # unixepoch('subsec') would read better, and is too new for the SQLite of Debian 12.
    return "CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER)"


@compiles(now_ms, "postgresql")
def _now_ms_postgresql(_element: ColumnElement[int], _compiler: object, **_: object) -> str:
    return "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)"


class Database:
    """Transactions on one database."""

    def __init__(self, reader: AsyncEngine, writer: AsyncEngine) -> None:
        self._reader = reader
        self._writer = writer

    def read(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """A transaction that only reads."""
        return self._reader.begin()

    def write(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """A transaction that writes: committed at the end of the block, rolled back by an exception."""
        return self._writer.begin()

    async def run(self, work: Callable[[Connection], T]) -> T:
        """The same for all of `work` in one go, which is quicker; an exception of its own undoes what it has written.

        A caller who goes away does not cancel it.
        """
        async with asyncio.timeout(RUN_TIMEOUT_S), self._writer.begin() as connection:
            return await connection.run_sync(work)

    async def dispose(self) -> None:
        """Close all connections; without it their threads hold the process."""
        await self._reader.dispose()
        await self._writer.dispose()


class SqliteDatabase(Database):
    """One writer at a time in this process: writers queue, none is refused.

    `run` has a thread of its own, since otherwise each statement would wait for a thread and back; what waits for it is
    written in one transaction.
    """

    def __init__(self, url: URL) -> None:
        super().__init__(
            _make_sqlite_engine(url, begin="BEGIN", pool_size=POOL_SIZE),
            _make_sqlite_engine(url, begin="BEGIN IMMEDIATE", pool_size=1),
        )
        self._runner = create_engine(url.set(drivername="sqlite+pysqlite"), **_spell_sqlite_options(pool_size=1))
        _set_up_sqlite(self._runner, "BEGIN IMMEDIATE")
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sqlite")
        self._turn = asyncio.Lock()
        self._works: Batches[Callable[[Connection], Any], Any] = Batches(self._run_all)

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        async with self._turn, self._writer.begin() as connection:
            yield connection

    async def run(self, work: Callable[[Connection], T]) -> T:
        return cast("T", await self._works.put("", work))

    async def dispose(self) -> None:
        await super().dispose()
        await asyncio.to_thread(self._thread.shutdown)
        self._runner.dispose()

    async def _run_all(self, works: Sequence[Callable[[Connection], Any]]) -> list[Any]:
        def run_all() -> list[Any]:
            with self._runner.begin() as connection:
                return [_try(connection, work) for work in works]

        async with self._turn:
            return await asyncio.get_running_loop().run_in_executor(self._thread, run_all)


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


@asynccontextmanager
async def open_database(database_url: str) -> AsyncIterator[Database]:
    """Open and migrate the database of a plain URL (`sqlite:///path`, `postgresql://…`).

    Raises DatabaseUnavailableError.
    """
    database = _make_database(database_url)
    try:
        await _migrate(database, database_url)
        yield database
    finally:
        await database.dispose()


def _make_database(database_url: str) -> Database:
    try:
        url = make_url(database_url)
    except (ArgumentError, ValueError):
        raise DatabaseUnavailableError("is no URL: use sqlite:///path or postgresql://…") from None
    if url.drivername == "sqlite":
        if not url.database or url.database == ":memory:" or url.host:
            raise DatabaseUnavailableError("must name a file: sqlite:///relative/path or sqlite:////absolute/path")
        return SqliteDatabase(url)
    if url.drivername in {"postgresql", "postgres"}:
        engine = _make_postgresql_engine(database_url)
        return Database(engine, engine)
    raise DatabaseUnavailableError("must begin with sqlite:/// or postgresql://")


def _make_sqlite_engine(url: URL, *, begin: Literal["BEGIN", "BEGIN IMMEDIATE"], pool_size: int) -> AsyncEngine:
    engine = create_async_engine(url.set(drivername="sqlite+aiosqlite"), **_spell_sqlite_options(pool_size))
    _set_up_sqlite(engine.sync_engine, begin)
    return engine


def _spell_sqlite_options(pool_size: int) -> dict[str, Any]:
    return {
        # None: the driver opens no transaction by itself; `begin` does, in the way that is wanted.
        "connect_args": {"isolation_level": None, "timeout": BUSY_TIMEOUT_S},
        "pool_size": pool_size,
        "max_overflow": 0,
        "hide_parameters": True,
    }


def _set_up_sqlite(engine: Engine, begin: Literal["BEGIN", "BEGIN IMMEDIATE"]) -> None:
    @event.listens_for(engine, "connect")
    def _set_up(connection: Any, _record: object) -> None:  # noqa: ANN401  the driver's adapter has no public type
        cursor = connection.cursor()
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin)


def _make_postgresql_engine(database_url: str) -> AsyncEngine:
    async def connect() -> asyncpg.Connection:
        # The driver reads the URL as libpq would: sockets, sslmode and several hosts work as people know them.
        return await asyncpg.connect(database_url, timeout=CONNECT_TIMEOUT_S)

    engine = create_async_engine(
        "postgresql+asyncpg://",
        async_creator=connect,
        pool_size=POOL_SIZE,
        max_overflow=0,
        hide_parameters=True,
    )

    @event.listens_for(engine.sync_engine, "checkout")
    def _refuse_closed(_connection: object, record: Any, _proxy: object) -> None:  # noqa: ANN401  the pool's
        # Instead of asking the server each time: the driver notices when the server has gone.
        if record.driver_connection.is_closed():
            raise DisconnectionError

    return engine


async def _migrate(database: Database, database_url: str) -> None:
    """Bring the schema up to date. Processes that start at once queue: the first migrates, the rest find it done."""
    try:
        if database_url.startswith("sqlite"):
            await _keep_write_ahead_log(make_url(database_url))
        async with database.write() as connection:
            if connection.dialect.name == "postgresql":
                await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": MIGRATION_LOCK})
            await connection.run_sync(_upgrade)
    except (DBAPIError, sqlite3.Error) as error:
        cause = getattr(error, "orig", None) or error
        if database_url.startswith("sqlite"):
            raise DatabaseUnavailableError(
                f"cannot be opened ({cause}): the file and its folder must exist and be writable"
            ) from error
        raise DatabaseUnavailableError(f"was refused by PostgreSQL ({type(cause).__name__})") from error
    except (*DATABASE_ERRORS, ValueError) as error:
        raise DatabaseUnavailableError(
            f"cannot be reached ({type(error).__name__}): check host, port, name, user and password"
        ) from error


async def _keep_write_ahead_log(url: URL) -> None:
    """Switch the file to WAL, for good. SQLite's busy time-out does not cover this switch, so it is tried again."""

    def switch() -> None:
        connection = sqlite3.connect(str(url.database), timeout=BUSY_TIMEOUT_S)
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
    config = AlembicConfig()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")

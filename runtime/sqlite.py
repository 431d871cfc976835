"""SQLite as both processes use it."""

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import ClassVar, TypeVar

from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, event

from runtime.database_url import SqliteUrl

# The reading threads: enough that one long read does not delay the short ones.
READERS = 4
_BUSY_TIMEOUT_S = 5
_BUSY_POLL_S = 0.05

T = TypeVar("T")


class SqliteEngine:
    """Transactions run in our own threads: an asyncio driver would switch threads for each statement.

    This process has one writer at a time: writers wait for each other, and none is refused.
    """

    failures: ClassVar[tuple[type[Exception], ...]] = (sqlite3.Error,)

    def __init__(self, url: SqliteUrl) -> None:
        self._path = url.path
        self._readers = _Workers(_create_engine(url), READERS, "sqlite-read")
        self._writer = _Workers(_begin_immediately(_create_engine(url)), 1, "sqlite-write")

    async def prepare(self) -> None:
        """Create the file and switch it to WAL permanently. SQLite's busy timeout does not cover that switch."""
        tries_left = int(_BUSY_TIMEOUT_S / _BUSY_POLL_S)
        while True:
            try:
                return await asyncio.to_thread(self._switch_to_wal)
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or not tries_left:
                    raise
            tries_left -= 1
            await asyncio.sleep(_BUSY_POLL_S)

    async def read(self, work: Callable[[Connection], T]) -> T:
        return await self._readers.run(work)

    async def write(self, work: Callable[[Connection], T], *, timeout_s: float | None) -> T:  # noqa: ARG002 - SQLite has its busy timeout
        # A cancelled caller does not cancel the transaction.
        return await asyncio.shield(self._writer.run(work))

    async def dispose(self) -> None:
        for workers in (self._readers, self._writer):
            await asyncio.to_thread(workers.close)

    def explain(self, error: BaseException) -> str:
        cause = getattr(error, "orig", None) or error
        reason = " ".join(str(cause).split()) or type(cause).__name__
        return f"cannot be used: {self._path}: {reason}: the file and its folder must exist and be writable"

    def _switch_to_wal(self) -> None:
        with closing(sqlite3.connect(self._path, timeout=_BUSY_TIMEOUT_S)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")


class _Workers:
    """Threads with a connection each, kept open: SQLAlchemy's pool costs more time than a read."""

    def __init__(self, engine: Engine, count: int, name: str) -> None:
        self._engine = engine
        self._threads = ThreadPoolExecutor(count, thread_name_prefix=name)
        self._idle: list[Connection] = []

    def run(self, work: Callable[[Connection], T]) -> asyncio.Future[T]:
        return asyncio.get_running_loop().run_in_executor(self._threads, self._run, work)

    def close(self) -> None:
        """Waits for the works that are under way."""
        self._threads.shutdown()
        for connection in self._idle:
            connection.close()

    def _run(self, work: Callable[[Connection], T]) -> T:
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = self._engine.connect()
        try:
            with connection.begin():
                result = work(connection)
        except BaseException:
            connection.close()  # its state is not known
            raise
        self._idle.append(connection)
        return result


def _create_engine(url: SqliteUrl) -> Engine:
    engine = create_engine(
        URL.create("sqlite+pysqlite", database=url.path),
        # None: the driver opens no transactions itself, which it does late and never for DDL. We send each BEGIN.
        connect_args={"isolation_level": None, "timeout": _BUSY_TIMEOUT_S},
        poolclass=NullPool,
        hide_parameters=True,
    )

    @event.listens_for(engine, "connect")
    def _prepare(connection: sqlite3.Connection, _record: object) -> None:
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")

    return engine


def _begin_immediately(engine: Engine) -> Engine:
    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine

"""SQLite as both processes use it."""

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import ClassVar, Literal, TypeVar

from sqlalchemy import URL, Connection, Engine, create_engine, event

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
        self._reader = _create_engine(url, begin="BEGIN", pool_size=READERS)
        self._writer = _create_engine(url, begin="BEGIN IMMEDIATE", pool_size=1)
        self._reading = ThreadPoolExecutor(READERS, thread_name_prefix="sqlite-read")
        self._writing = ThreadPoolExecutor(1, thread_name_prefix="sqlite-write")

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
        return await _run(self._reading, self._reader, work)

    async def write(self, work: Callable[[Connection], T], *, timeout_s: float | None) -> T:  # noqa: ARG002 - SQLite has its busy timeout
        # A cancelled caller does not cancel the transaction.
        return await asyncio.shield(_run(self._writing, self._writer, work))

    async def dispose(self) -> None:
        for threads, engine in ((self._reading, self._reader), (self._writing, self._writer)):
            await asyncio.to_thread(threads.shutdown)
            engine.dispose()

    def explain(self, error: BaseException) -> str:
        cause = getattr(error, "orig", None) or error
        reason = " ".join(str(cause).split()) or type(cause).__name__
        return f"cannot be used: {self._path}: {reason}: the file and its folder must exist and be writable"

    def _switch_to_wal(self) -> None:
        with closing(sqlite3.connect(self._path, timeout=_BUSY_TIMEOUT_S)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")


def _run(threads: ThreadPoolExecutor, engine: Engine, work: Callable[[Connection], T]) -> asyncio.Future[T]:
    def run() -> T:
        with engine.begin() as connection:
            return work(connection)

    return asyncio.get_running_loop().run_in_executor(threads, run)


def _create_engine(url: SqliteUrl, *, begin: Literal["BEGIN", "BEGIN IMMEDIATE"], pool_size: int) -> Engine:
    engine = create_engine(
        URL.create("sqlite+pysqlite", database=url.path),
        # None: the driver opens no transactions itself, which it does late and never for DDL. We send each BEGIN.
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

"""A process's database: SQLite or PostgreSQL behind one pair of calls, migrated before it is used."""

from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from typing import ClassVar, Protocol, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DataError, IntegrityError, SQLAlchemyError

from runtime.database_url import DatabaseUrl, DatabaseUrlError, SqliteUrl, parse_database_url
from runtime.migrations import Schema, SchemaError, upgrade

WRITE_TIMEOUT_S = 10.0
# What a statement comes to by its own fault, and what its caller may have meant to find out.
_FAULTS = (DataError, IntegrityError)

T = TypeVar("T")


class DatabaseError(Exception):
    """The database cannot be opened, does not answer, or refuses its work.

    The message is one line that names the setting with the database's URL, and holds no password.
    """


class Engine(Protocol):
    """What each kind of database does in its own way."""

    # What its calls fail with through no fault of ours, beside SQLAlchemyError and OSError.
    failures: ClassVar[tuple[type[Exception], ...]]

    async def prepare(self) -> None:
        """What comes before the first transaction."""
        ...

    async def read(self, work: Callable[[Connection], T]) -> T: ...

    async def write(self, work: Callable[[Connection], T], *, timeout_s: float | None) -> T: ...

    async def dispose(self) -> None: ...

    def explain(self, error: BaseException) -> str:
        """Why it cannot be used; completes "SETTING …"."""
        ...


class Database:
    """Transactions on one database. The work of one runs in one go: no caller who goes away leaves it half open.

    Raises DatabaseError. An IntegrityError or a DataError goes through: it is about the statement's values.
    """

    def __init__(self, engine: Engine, setting: str) -> None:
        self._engine = engine
        self._setting = setting

    async def read(self, work: Callable[[Connection], T]) -> T:
        """The result of `work`, which only reads. Each statement sees the rows as they are at its own moment."""
        with self._telling_failures():
            return await self._engine.read(work)

    async def write(self, work: Callable[[Connection], T], *, timeout_s: float | None = WRITE_TIMEOUT_S) -> T:
        """The same of a `work` that writes: committed at its end, undone by an exception of its own.

        `timeout_s`: on PostgreSQL, for all of it. On SQLite a busy file is waited for 5 s.
        """
        with self._telling_failures():
            return await self._engine.write(work, timeout_s=timeout_s)

    @contextmanager
    def _telling_failures(self) -> Generator[None]:
        try:
            yield
        except _FAULTS:
            raise
        except _list_failures(self._engine) as error:
            raise DatabaseError(f"{self._setting}: the database does not answer") from error


@asynccontextmanager
async def open_database(url: str, schema: Schema) -> AsyncGenerator[Database]:
    """A migrated database; `url` as in runtime.database_url.

    Several processes may open one database at once: one of them migrates it. Raises DatabaseError.
    """
    try:
        engine = _create_engine(parse_database_url(url))
    except DatabaseUrlError as error:
        raise DatabaseError(f"{schema.setting} {error}") from None
    try:
        await _migrate(engine, schema)
        yield Database(engine, schema.setting)
    finally:
        await engine.dispose()


def _create_engine(url: DatabaseUrl) -> Engine:
    if isinstance(url, SqliteUrl):
        from runtime.sqlite import SqliteEngine  # noqa: PLC0415 - one engine is enough for a process

        return SqliteEngine(url)
    from runtime.postgresql import PostgresqlEngine  # noqa: PLC0415 - likewise, and its driver is slow to load

    return PostgresqlEngine(url)


def _list_failures(engine: Engine) -> tuple[type[Exception], ...]:
    return (SQLAlchemyError, OSError, *engine.failures)


async def _migrate(engine: Engine, schema: Schema) -> None:
    """Processes that start at once queue: the first migrates, the rest find it done."""
    try:
        await engine.prepare()
        await engine.write(lambda connection: upgrade(connection, schema), timeout_s=None)
    except SchemaError as error:
        raise DatabaseError(f"{schema.setting} {error}") from error
    except _list_failures(engine) as error:
        raise DatabaseError(f"{schema.setting} {engine.explain(error)}") from error

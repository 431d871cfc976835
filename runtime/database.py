"""A process's database: SQLite or PostgreSQL behind one pair of calls, migrated before it is used."""

from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from typing import ClassVar, Protocol, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DataError, IntegrityError, SQLAlchemyError

from runtime.database_url import DatabaseUrl, DatabaseUrlError, SqliteUrl, parse_database_url
from runtime.migrations import Schema, SchemaError, upgrade

WRITE_TIMEOUT_S = 10.0
# Errors of a statement's own values: a caller may expect them.
_FAULTS = (DataError, IntegrityError)

T = TypeVar("T")


class DatabaseError(Exception):
    """The database cannot be opened, does not answer, or fails.

    The message is one line that names the setting with the database's URL. It contains no password.
    """


class Engine(Protocol):
    """The operations that differ between SQLite and PostgreSQL."""

    # Errors of the driver that mean "does not answer", besides SQLAlchemyError and OSError.
    failures: ClassVar[tuple[type[Exception], ...]]

    async def prepare(self) -> None:
        """Prepare the database before the first transaction."""
        ...

    async def read(self, work: Callable[[Connection], T]) -> T: ...

    async def write(self, work: Callable[[Connection], T], *, timeout_s: float | None) -> T: ...

    async def dispose(self) -> None: ...

    def explain(self, error: BaseException) -> str:
        """Say why the database cannot be used; completes "SETTING …"."""
        ...


class Database:
    """Transactions on one database.

    If its caller is cancelled, a write still runs to its end on SQLite; on PostgreSQL it is rolled back, unless its
    commit is under way.

    Raises DatabaseError. An IntegrityError or a DataError is passed on: it is about the statement's values.
    """

    def __init__(self, engine: Engine, setting: str) -> None:
        self._engine = engine
        self._setting = setting

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Return the result of `work`, which only reads. Each statement sees the rows as of its own moment."""
        with self._telling_failures():
            return await self._engine.read(work)

    async def write(self, work: Callable[[Connection], T], *, timeout_s: float | None = WRITE_TIMEOUT_S) -> T:
        """Return the result of `work`, which writes. Committed at its end, rolled back if it raises.

        `timeout_s`: for the transaction on PostgreSQL. SQLite waits 5 s for a busy file.
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
    """Open a database and migrate it; `url` as in runtime.database_url.

    Several processes may open one database at once; one of them migrates it. Raises DatabaseError.
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
        from runtime.sqlite import SqliteEngine  # noqa: PLC0415 - a process needs only one engine

        return SqliteEngine(url)
    from runtime.postgresql import PostgresqlEngine  # noqa: PLC0415 - as above, and its driver is slow to load

    return PostgresqlEngine(url)


def _list_failures(engine: Engine) -> tuple[type[Exception], ...]:
    return (SQLAlchemyError, OSError, *engine.failures)


async def _migrate(engine: Engine, schema: Schema) -> None:
    """Migrate the schema. Processes that start at once wait for each other: the first one migrates."""
    try:
        await engine.prepare()
        await engine.write(lambda connection: upgrade(connection, schema), timeout_s=None)
    except SchemaError as error:
        raise DatabaseError(f"{schema.setting} {error}") from error
    except _list_failures(engine) as error:
        raise DatabaseError(f"{schema.setting} {engine.explain(error)}") from error

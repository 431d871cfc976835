"""Databases that are made once and lent to one test at a time: on the PostgreSQL server, and a SQLite file."""

import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg

from runtime.database import Database

# A description of all that a test may change besides rows: tables, columns, triggers, settings of the database.
_SHAPE = """
SELECT (SELECT array_agg(format('%s.%s', relname, attname) ORDER BY relname, attname) FROM pg_class
        JOIN pg_attribute ON attrelid = pg_class.oid WHERE relnamespace = 'public'::regnamespace),
       (SELECT array_agg(format('%s %s', tgname, tgenabled) ORDER BY tgname) FROM pg_trigger WHERE NOT tgisinternal),
       (SELECT array_agg(setconfig) FROM pg_db_role_setting
        WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database()))
"""
_END_OTHERS = """
SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""


@dataclass(frozen=True)
class OpenDatabase:
    """A database that stays open, and its URL."""

    url: str
    database: Database


@dataclass(frozen=True)
class OpenPostgres(OpenDatabase):
    """`cleaner` deletes the rows of the last test."""

    cleaner: asyncpg.Connection


class LentDatabase:
    """One migrated database, which one test at a time uses. Its rows are deleted afterwards.

    That takes a tenth of the time of a new database, which is only made if a test has changed more than rows.
    """

    def __init__(self, server_url: str, name: str) -> None:
        self._server_url = server_url
        self._model = f"{name}_model"
        self._name = name
        self._shape: object = None
        self._is_made = False

    async def migrate(self, migrate: Callable[[str], Awaitable[None]]) -> None:
        """Call it once, first."""
        await _execute(self._server_url, f"CREATE DATABASE {self._model}")
        url = _name_database(self._server_url, self._model)
        await migrate(url)
        async with open_connection(url) as connection:
            self._shape = await connection.fetchrow(_SHAPE)

    async def copy(self, name: str) -> str:
        """Return the URL of a new migrated database, which stays. `name` differs from those of its other copies."""
        copy = f"{self._name}_{name}"
        await _execute(self._server_url, f"CREATE DATABASE {copy} TEMPLATE {self._model} STRATEGY FILE_COPY")
        return _name_database(self._server_url, copy)

    @asynccontextmanager
    async def lend(self) -> AsyncIterator[str]:
        url = _name_database(self._server_url, self._name)
        if not self._is_made:
            await _execute(self._server_url, f"DROP DATABASE IF EXISTS {self._name} WITH (FORCE)")
            await _execute(self._server_url, f"CREATE DATABASE {self._name} TEMPLATE {self._model} STRATEGY FILE_COPY")
        self._is_made = False
        yield url
        async with open_connection(url) as connection:
            await connection.execute(_END_OTHERS)
            if await connection.fetchrow(_SHAPE) == self._shape:
                await delete_rows(connection)
                self._is_made = True


async def delete_rows(connection: asyncpg.Connection) -> None:
    """Delete all rows. Triggers that would refuse it are off."""
    tables = await connection.fetch(
        "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename NOT LIKE '%version'"
    )
    deletes = [f"DELETE FROM {name}" for (name,) in tables]  # noqa: S608  its own tables
    await connection.execute("; ".join(["SET session_replication_role = replica", *deletes]))


def restore_sqlite(path: Path, model: Path) -> None:
    """Make an open database equal to the model again, with its schema and rows."""
    with closing(sqlite3.connect(model)) as source, closing(sqlite3.connect(path)) as target:
        source.backup(target)


@asynccontextmanager
async def open_connection(url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(url)
    try:
        yield connection
    finally:
        await connection.close()


async def _execute(url: str, statement: str) -> None:
    async with open_connection(url) as connection:
        await connection.execute(statement)


def _name_database(url: str, name: str) -> str:
    return url.replace(urlsplit(url).path + "?", f"/{name}?", 1)

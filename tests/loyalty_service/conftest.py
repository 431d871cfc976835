"""A running service with a scripted provider, on a database that was migrated once for all tests."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from loyalty_service.database import open_database
from tests.databases import LentDatabase
from tests.loyalty_service.running import Client, StartService, run_service
from tests.loyalty_service.scripted import ScriptedProvider


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
    """What is asked over the wire is the same on either engine; the ledger and the stores are tried on both."""
    return new_sqlite_url


@pytest.fixture(params=["sqlite", "postgres"])
def each_database_url(request: pytest.FixtureRequest) -> str:
    """Once of each engine."""
    return str(request.getfixturevalue(f"new_{request.param}_url"))


@pytest.fixture(autouse=True)
def _patient_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine is no provider that cannot be reached, and a port that nobody listens on refuses at once."""
    monkeypatch.setattr("loyalty_service.outbound.transport.CONNECT_TIMEOUT_S", 20.0)


@pytest.fixture
def provider() -> ScriptedProvider:
    return ScriptedProvider()


@pytest.fixture
def start_service(database_url: str, provider: ScriptedProvider) -> StartService:
    """Starts a service on this test's database and provider; the settings are those of Config."""
    return lambda **settings: run_service(database_url, provider, **settings)


@pytest.fixture
async def client(start_service: StartService) -> AsyncIterator[Client]:
    """A running service with the merchant acme."""
    async with start_service() as client:
        await client.add_merchant()
        yield client

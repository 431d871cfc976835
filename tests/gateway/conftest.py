"""A store of installations on a database that was migrated once for all tests, and the helpdesk stand-in."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import grpc
import pytest
import pytest_asyncio
from cryptography.fernet import Fernet

from gateway.database import open_database
from gateway.gorgias.client import GorgiasClient
from gateway.installation.store import InstallationStore, Target
from gateway.loyalty_client import LoyaltyClient
from runtime.database import Database
from runtime.encryption import SecretKeys
from tests.databases import LentDatabase, restore_sqlite
from tests.gateway.edge.shops import install_acme
from tests.gateway.helpdesk import Helpdesk, run_helpdesk
from tests.gateway.outbox.room import Room, TicketLoyalty, open_room

OpenSqlite = tuple[Path, Database]


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("migrated") / "migrated.db"
    asyncio.run(migrate(f"sqlite:///{path}"))
    return path


@pytest.fixture(scope="session")
def installed_file(tmp_path_factory: pytest.TempPathFactory, migrated_file: Path) -> Path:
    path = tmp_path_factory.mktemp("installed") / "installed.db"
    asyncio.run(install_acme(Path(shutil.copy(migrated_file, path))))
    return path


@pytest.fixture(scope="session")
def lent_postgres(postgres_url: str) -> LentDatabase:
    lent = LentDatabase(postgres_url, "gateway")
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
def keys() -> SecretKeys:
    return SecretKeys([Fernet.generate_key().decode()])


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def open_sqlite(tmp_path_factory: pytest.TempPathFactory, migrated_file: Path) -> AsyncIterator[OpenSqlite]:
    path = Path(shutil.copy(migrated_file, tmp_path_factory.mktemp("open") / "open.db"))
    async with open_database(f"sqlite:///{path}") as opened:
        yield path, opened


@pytest.fixture
async def database(open_sqlite: OpenSqlite, migrated_file: Path) -> AsyncIterator[Database]:
    """As it was when it was migrated. It stays open, since to open one and to compile its statements takes time."""
    path, opened = open_sqlite
    restore_sqlite(path, migrated_file)
    yield opened
    await opened.write(lambda _: None)  # after all writes whose callers were cancelled


@pytest.fixture
def store(database: Database, keys: SecretKeys) -> InstallationStore:
    return InstallationStore(database, keys)


@pytest.fixture
async def helpdesk() -> AsyncIterator[Helpdesk]:
    async with run_helpdesk() as running:
        yield running


@pytest.fixture
def target(helpdesk: Helpdesk) -> Target:
    return helpdesk.make_target()


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as opened:
        yield opened


@pytest.fixture
def gorgias(session: aiohttp.ClientSession, target: Target) -> GorgiasClient:
    return GorgiasClient(session, target.gorgias_url, target.gorgias_user, target.gorgias_key)


@pytest.fixture
async def installations(database: Database, keys: SecretKeys, target: Target) -> InstallationStore:
    store = InstallationStore(database, keys)
    await store.add("acme", target)
    return store


@pytest.fixture
async def loyalty_server() -> AsyncIterator[tuple[TicketLoyalty, str]]:
    scripted = TicketLoyalty()
    server = grpc.aio.server(options=(("grpc.so_reuseport", 0),))
    scripted.add_to_server(server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield scripted, f"127.0.0.1:{port}"
    await server.stop(None)


@pytest.fixture
async def room(
    database: Database,
    installations: InstallationStore,
    helpdesk: Helpdesk,
    loyalty_server: tuple[TicketLoyalty, str],
) -> AsyncIterator[Room]:
    loyalty, address = loyalty_server
    async with (
        LoyaltyClient(address, "inner-key") as client,
        open_room(database, installations, helpdesk, loyalty, client) as opened,
    ):
        yield opened

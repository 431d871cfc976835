"""All tests of the gateway share these: databases, the stand-in of Gorgias, and a loyalty service.

Each test gets them in their initial state.
"""

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from functools import partial
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio
from cryptography.fernet import Fernet

from gateway.database import open_database
from gateway.gorgias.client import GorgiasClient
from gateway.installation.store import InstallationStore, Target
from gateway.loyalty_client import LoyaltyClient
from runtime.database import Database
from runtime.encryption import SecretKeys
from tests.databases import LentDatabase, OpenDatabase, OpenPostgres, delete_rows, open_connection, restore_sqlite
from tests.gateway.edge.scripted import run_scripts
from tests.gateway.edge.shops import install_acme
from tests.gateway.helpdesk import Helpdesk, KeptHelpdesk
from tests.gateway.outbox.room import Room, TicketLoyalty, open_room
from tests.gateway.outbox.stage import Enter, Stage
from tests.gateway.patience import PATIENCE_S, WAITS


def pytest_itemcollected(item: pytest.Item) -> None:
    """Tests run in the event loop of the session, as their shared fixtures do."""
    if pytest_asyncio.is_async_test(item):
        item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest.fixture(scope="session", autouse=True)
def _patient_gateways() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for module, name in WAITS:
            patch.setattr(f"{module}.{name}", PATIENCE_S)
        yield


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


@pytest_asyncio.fixture(loop_scope="session")
async def new_postgres_url(lent_postgres: LentDatabase) -> AsyncIterator[str]:
    async with lent_postgres.lend() as url:
        yield url


@pytest.fixture
def keys() -> SecretKeys:
    return SecretKeys([Fernet.generate_key().decode()])


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def open_sqlite(tmp_path_factory: pytest.TempPathFactory, migrated_file: Path) -> AsyncIterator[OpenDatabase]:
    path = Path(shutil.copy(migrated_file, tmp_path_factory.mktemp("open") / "open.db"))
    async with open_database(f"sqlite:///{path}") as opened:
        yield OpenDatabase(f"sqlite:///{path}", opened)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def open_postgres(lent_postgres: LentDatabase) -> AsyncIterator[OpenPostgres]:
    url = await lent_postgres.copy("kept")
    async with open_database(url) as database, open_connection(url) as cleaner:
        yield OpenPostgres(url, database, cleaner)


@pytest_asyncio.fixture(loop_scope="session")
async def each_sqlite(open_sqlite: OpenDatabase, migrated_file: Path) -> AsyncIterator[OpenDatabase]:
    """An open database, as it was after its migration. It stays open: opening and compiling statements take time."""
    restore_sqlite(Path(open_sqlite.url.removeprefix("sqlite:///")), migrated_file)
    yield open_sqlite
    await open_sqlite.database.write(lambda _: None)  # wait for writes whose callers were cancelled


@pytest_asyncio.fixture(loop_scope="session")
async def each_postgres(open_postgres: OpenPostgres) -> OpenDatabase:
    """An open database without rows. A test may change rows only, and sequences go on counting."""
    await delete_rows(open_postgres.cleaner)
    return open_postgres


@pytest.fixture(params=["sqlite", "postgres"])
def each_open(request: pytest.FixtureRequest) -> OpenDatabase:
    """An empty database, once for each engine."""
    opened: OpenDatabase = request.getfixturevalue(f"each_{request.param}")
    return opened


@pytest.fixture
def database(each_sqlite: OpenDatabase) -> Database:
    return each_sqlite.database


@pytest.fixture
def store(database: Database, keys: SecretKeys) -> InstallationStore:
    return InstallationStore(database, keys)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def kept_helpdesk() -> AsyncIterator[KeptHelpdesk]:
    kept = KeptHelpdesk()
    async with kept.run():
        yield kept


@pytest.fixture
def helpdesk(kept_helpdesk: KeptHelpdesk) -> Helpdesk:
    """Gorgias with its own rate limit."""
    return kept_helpdesk.renew(has_room=False)


@pytest.fixture
def target(helpdesk: Helpdesk) -> Target:
    return helpdesk.make_target()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as opened:
        yield opened


@pytest.fixture
def gorgias(session: aiohttp.ClientSession, target: Target) -> GorgiasClient:
    return GorgiasClient(session, target.gorgias_url, target.gorgias_user, target.gorgias_key)


@pytest_asyncio.fixture(loop_scope="session")
async def installations(database: Database, keys: SecretKeys, target: Target) -> InstallationStore:
    store = InstallationStore(database, keys)
    await store.add("acme", target)
    return store


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def stage() -> AsyncIterator[Stage]:
    async with (
        run_scripts(lambda _merchant_id: opened.loyalty) as target,
        LoyaltyClient(target, "inner-key") as client,
    ):
        opened = Stage(TicketLoyalty(), target, client)
        yield opened


@pytest.fixture
def loyalty(stage: Stage) -> TicketLoyalty:
    stage.loyalty = TicketLoyalty()
    return stage.loyalty


@pytest.fixture
def enter(
    database: Database, installations: InstallationStore, helpdesk: Helpdesk, loyalty: TicketLoyalty, stage: Stage
) -> Enter:
    """Return a function that opens a room."""
    return partial(open_room, database, installations, helpdesk, loyalty, stage.client)


@pytest_asyncio.fixture(loop_scope="session")
async def room(enter: Enter) -> AsyncIterator[Room]:
    async with enter() as opened:
        yield opened

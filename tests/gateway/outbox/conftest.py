"""One stand-in of Gorgias and one loyalty service for a file, and one database of each engine for all tests.

What the engines may do differently, the tests of the rows and of rival workers run on each.
"""

from collections.abc import AsyncIterator, Iterator
from functools import partial
from pathlib import Path

import pytest
import pytest_asyncio

from gateway.database import open_database
from gateway.installation.store import InstallationStore, Target
from gateway.loyalty_client import LoyaltyClient
from runtime.database import Database
from runtime.encryption import SecretKeys
from tests.databases import LentDatabase, delete_rows, open_connection, restore_sqlite
from tests.gateway.edge.scripted import run_scripts
from tests.gateway.helpdesk import Helpdesk, KeptHelpdesk
from tests.gateway.outbox.room import PATIENCE_S, Room, TicketLoyalty, open_room
from tests.gateway.outbox.stage import Enter, OpenDatabase, OpenPostgres, Stage

OpenSqlite = tuple[Path, Database]


def pytest_itemcollected(item: pytest.Item) -> None:
    """Tests run in the event loop of the session, as the stage does."""
    if pytest_asyncio.is_async_test(item):
        item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest.fixture(scope="module", autouse=True)
def _patience() -> Iterator[None]:
    """A busy machine is no loyalty service that does not answer. Nor does anybody wait for a worker that rests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gateway.outbox.service._LEAST_POLL_S", 0.01)
        for room in ("gateway.notes.service", "gateway.outbox.subject"):
            patch.setattr(f"{room}.TIMEOUT_S", PATIENCE_S)
        yield


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def stage() -> AsyncIterator[Stage]:
    """For one file: gRPC would disturb the tests of other files that start processes."""
    kept_helpdesk = KeptHelpdesk()
    async with (
        kept_helpdesk.run(),
        run_scripts(lambda _merchant_id: opened.loyalty) as target,
        LoyaltyClient(target, "inner-key") as client,
    ):
        opened = Stage(kept_helpdesk, TicketLoyalty(), target, client)
        yield opened


@pytest.fixture
def helpdesk(stage: Stage) -> Helpdesk:
    """Its accounts may become full."""
    return stage.kept_helpdesk.renew(has_room=False)


@pytest.fixture
def loyalty(stage: Stage) -> TicketLoyalty:
    stage.loyalty = TicketLoyalty()
    return stage.loyalty


@pytest.fixture
def client(stage: Stage) -> LoyaltyClient:
    return stage.client


@pytest_asyncio.fixture(loop_scope="session")
async def installations(database: Database, keys: SecretKeys, target: Target) -> InstallationStore:
    store = InstallationStore(database, keys)
    await store.add("acme", target)
    return store


@pytest.fixture
def enter(
    database: Database,
    installations: InstallationStore,
    helpdesk: Helpdesk,
    loyalty: TicketLoyalty,
    client: LoyaltyClient,
) -> Enter:
    """Open a room."""
    return partial(open_room, database, installations, helpdesk, loyalty, client)


@pytest_asyncio.fixture(loop_scope="session")
async def room(enter: Enter) -> AsyncIterator[Room]:
    async with enter() as opened:
        yield opened


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def open_postgres(lent_postgres: LentDatabase) -> AsyncIterator[OpenPostgres]:
    url = await lent_postgres.copy("outbox")
    async with open_database(url) as database, open_connection(url) as cleaner:
        yield OpenPostgres(url, database, cleaner)


@pytest_asyncio.fixture(loop_scope="session")
async def each_postgres(open_postgres: OpenPostgres) -> OpenDatabase:
    """Without rows. Its sequences go on counting."""
    await delete_rows(open_postgres.cleaner)
    return open_postgres


@pytest_asyncio.fixture(loop_scope="session")
async def each_sqlite(open_sqlite: OpenSqlite, migrated_file: Path) -> AsyncIterator[OpenDatabase]:
    path, opened = open_sqlite
    restore_sqlite(path, migrated_file)
    yield OpenDatabase(f"sqlite:///{path}", opened)
    await opened.write(lambda _: None)  # after all writes whose callers were cancelled


@pytest.fixture(params=["sqlite", "postgres"])
def each_open(request: pytest.FixtureRequest) -> OpenDatabase:
    """An empty database, once for each engine."""
    opened: OpenDatabase = request.getfixturevalue(f"each_{request.param}")
    return opened


@pytest.fixture
def database(each_sqlite: OpenDatabase) -> Database:
    return each_sqlite.database

"""An operator with the real loyalty service and the two stand-ins."""

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.gateway.cli.books import Books, run_books
from tests.gateway.cli.desk import Desk
from tests.gateway.cli.front import Front, run_front
from tests.gateway.cli.operating import Operator
from tests.gateway.cli.prepared import KEY, Prepared, migrate_ledger, open_operator, prepare
from tests.gateway.cli.whole_shop import let_gorgias_call
from tests.gateway.edge.shops import NOWHERE
from tests.gateway.helpdesk import Helpdesk, KeptHelpdesk


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def migrated_ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The database of a loyalty service, migrated by one start."""
    path = tmp_path_factory.mktemp("migrated") / "loyalty.db"
    await migrate_ledger(path)
    return path


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def front() -> AsyncIterator[Front]:
    async with run_front() as running:
        yield running


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def prepared(
    tmp_path_factory: pytest.TempPathFactory,
    kept_helpdesk: KeptHelpdesk,
    front: Front,
    migrated_file: Path,
    migrated_ledger: Path,
) -> Prepared:
    folder = tmp_path_factory.mktemp("prepared")
    return await prepare(
        kept_helpdesk.renew(), folder, ledger=migrated_ledger, gateway=migrated_file, public_url=front.url
    )


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def called(
    tmp_path_factory: pytest.TempPathFactory, prepared: Prepared, kept_helpdesk: KeptHelpdesk, front: Front
) -> Prepared:
    return await let_gorgias_call(prepared, tmp_path_factory.mktemp("called"), kept_helpdesk.renew(), front)


@pytest.fixture
def helpdesk(kept_helpdesk: KeptHelpdesk) -> Helpdesk:
    return kept_helpdesk.renew()


@pytest_asyncio.fixture(loop_scope="session")
async def operator(tmp_path: Path, migrated_file: Path, migrated_ledger: Path) -> AsyncIterator[Operator]:
    """An operator without a shop."""
    async with open_operator(tmp_path, ledger=migrated_ledger, gateway=migrated_file, public_url=NOWHERE) as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="session")
async def added(tmp_path: Path, migrated_file: Path, prepared: Prepared) -> AsyncIterator[Operator]:
    """An operator with the shop acme, not installed."""
    async with open_operator(tmp_path, ledger=prepared.ledger, gateway=migrated_file, public_url=NOWHERE) as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="session")
async def installed(tmp_path: Path, prepared: Prepared, helpdesk: Helpdesk) -> AsyncIterator[Operator]:
    """An operator with the shop acme, installed."""
    async with prepared.open_installed(tmp_path, helpdesk) as opened:
        yield opened


@pytest.fixture
def books() -> Iterator[Books]:
    with run_books() as running:
        yield running


@pytest.fixture
def desk(
    books: Books,
    tmp_path: Path,
    migrated_file: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Desk:
    settings = {
        "GATEWAY_DATABASE_URL": f"sqlite:///{shutil.copy(migrated_file, tmp_path / 'gateway.db')}",
        "GATEWAY_SECRET_KEYS": KEY,
        "GATEWAY_LOYALTY_TARGET": f"127.0.0.1:{books.port}",
        "GATEWAY_PUBLIC_URL": NOWHERE,
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    return Desk(books, tmp_path, settings, capsys)

"""An operator with the real loyalty service and the two stand-ins."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from loyalty_service.config import Config
from loyalty_service.server import serve
from loyalty_service.trifft.client import TrifftProvider
from runtime.clock import SystemClock
from runtime.settings import Listen
from tests.gateway.cli.books import Books, run_books
from tests.gateway.cli.desk import Desk
from tests.gateway.cli.operating import Operator
from tests.gateway.edge.shops import NOWHERE


def make_key() -> str:
    return Fernet.generate_key().decode()


@asynccontextmanager
async def run_loyalty(database: Path) -> AsyncIterator[int]:
    clock = SystemClock()
    config = Config(
        listen=Listen("127.0.0.1", 0),
        database_url=f"sqlite:///{database}",
        secret_keys=(make_key(),),
        api_key="inner-key",
        read_timeout_s=30.0,  # a busy machine is no TRIFFT that hangs
    )
    async with TrifftProvider(clock) as provider, serve(config, provider, clock, None) as port:
        yield port


@pytest.fixture(scope="session")
def migrated_ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The database of a loyalty service, migrated by one start."""

    async def start_once() -> None:
        async with run_loyalty(path):
            pass

    path = tmp_path_factory.mktemp("migrated") / "loyalty.db"
    asyncio.run(start_once())
    return path


@pytest.fixture
async def operator(tmp_path: Path, migrated_file: Path, migrated_ledger: Path) -> AsyncIterator[Operator]:
    ledger = Path(shutil.copy(migrated_ledger, tmp_path / "loyalty.db"))
    async with run_loyalty(ledger) as port:
        settings = {
            "GATEWAY_DATABASE_URL": f"sqlite:///{shutil.copy(migrated_file, tmp_path / 'gateway.db')}",
            "GATEWAY_SECRET_KEYS": make_key(),
            "GATEWAY_LOYALTY_TARGET": f"127.0.0.1:{port}",
            "GATEWAY_LOYALTY_KEY": "inner-key",
            "GATEWAY_PUBLIC_URL": NOWHERE,
        }
        yield Operator(settings, tmp_path)


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
        "GATEWAY_SECRET_KEYS": make_key(),
        "GATEWAY_LOYALTY_TARGET": f"127.0.0.1:{books.port}",
        "GATEWAY_PUBLIC_URL": NOWHERE,
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    return Desk(books, tmp_path, settings, capsys)

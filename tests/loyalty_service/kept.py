"""A database and a service that stay open for many tests: opening them takes longer than most tests."""

import shutil
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any, cast

from loyalty_service.database import open_database
from loyalty_service.domain.ports import LoyaltyProvider
from protos.loyalty.v1 import loyalty_pb2 as pb
from runtime.database import Database
from tests.databases import delete_rows, open_connection
from tests.loyalty_service.running import Client, run_service, wait_until


class KeptDatabase:
    """An open database. `empty` restores its state after the migration."""

    def __init__(self, url: str, database: Database, empty: Callable[[], Awaitable[None]]) -> None:
        self.url = url
        self.database = database
        self.empty = empty


@asynccontextmanager
async def keep_sqlite(migrated_file: Path, path: Path) -> AsyncIterator[KeptDatabase]:
    shutil.copy(migrated_file, path)
    url = f"sqlite:///{path}"
    async with open_database(url) as database:
        yield KeptDatabase(url, database, lambda: empty_sqlite(migrated_file, path))


async def empty_sqlite(migrated_file: Path, path: Path) -> None:
    """Empty it by copying the empty file over it, beside all open connections: triggers refuse to delete rows."""
    with closing(sqlite3.connect(migrated_file)) as source, closing(sqlite3.connect(path)) as target:
        target.execute("PRAGMA synchronous = OFF")
        source.backup(target)


@asynccontextmanager
async def keep_postgres(url: str) -> AsyncIterator[KeptDatabase]:
    async with open_database(url) as database, open_connection(url) as connection:
        yield KeptDatabase(url, database, lambda: delete_rows(connection))


class _ProviderOfTheTest:
    """Passes each call on to the provider of the present test."""

    def __init__(self) -> None:
        self.provider: LoyaltyProvider | None = None

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  the port's
        return getattr(self.provider, name)


class KeptService:
    """A running service. Each test gets it without a merchant, and with its own provider."""

    def __init__(self, client: Client, of_the_test: _ProviderOfTheTest, migrated_file: Path, path: Path) -> None:
        self._client = client
        self._of_the_test = of_the_test
        self._migrated_file = migrated_file
        self._path = path

    @asynccontextmanager
    async def lend(self, provider: LoyaltyProvider) -> AsyncIterator[Client]:
        self._of_the_test.provider = provider
        try:
            yield self._client
            await self._wait_for_awards()
        finally:
            await self._forget_all()

    async def _wait_for_awards(self) -> None:
        """Wait until no award is pending, so that none is booked in the next test."""
        pending = "SELECT 1 FROM awards WHERE state = 'pending'"
        with closing(sqlite3.connect(self._path)) as connection:
            await wait_until(lambda: connection.execute(pending).fetchone() is None)

    async def _forget_all(self) -> None:
        """Delete all merchants and rows. The service holds merchants in memory, too, and reconciles awards in doubt."""
        listed = await self._client.merchants.ListMerchants(pb.ListMerchantsRequest())
        for merchant in listed.merchants:
            request = pb.DeleteMerchantRequest(merchant_id=merchant.merchant_id)
            await self._client.merchants.DeleteMerchant(request)
        await empty_sqlite(self._migrated_file, self._path)


@asynccontextmanager
async def keep_service(migrated_file: Path, path: Path) -> AsyncIterator[KeptService]:
    shutil.copy(migrated_file, path)
    of_the_test = _ProviderOfTheTest()
    async with run_service(f"sqlite:///{path}", cast("LoyaltyProvider", of_the_test)) as client:
        yield KeptService(client, of_the_test, migrated_file, path)

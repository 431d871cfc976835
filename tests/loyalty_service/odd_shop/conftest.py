"""One service and one stand-in for the tests of a file; each test has a shop there."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.loyalty_service.odd_shop.shop import OddShop, OddShops, open_odd_shops


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shops(migrated_file: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[OddShops]:
    path = shutil.copy(migrated_file, tmp_path_factory.mktemp("odd") / "odd.db")
    async with open_odd_shops(f"sqlite:///{path}") as shops:
        yield shops


@pytest_asyncio.fixture(loop_scope="module")
async def shop(shops: OddShops) -> OddShop:
    return await shops.open()

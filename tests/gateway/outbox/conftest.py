"""The outbox on each engine, with `acme` installed in the stand-in of Gorgias."""

from collections.abc import AsyncIterator

import pytest

from gateway.database import open_database
from runtime.database import Database


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with open_database(database_url) as opened:
        yield opened

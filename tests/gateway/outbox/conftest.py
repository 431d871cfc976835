"""What the engines may do differently, the tests of the rows and of rival workers run on each."""

from collections.abc import AsyncIterator

import pytest

from gateway.database import open_database
from runtime.database import Database


@pytest.fixture
async def each_database(database_url: str) -> AsyncIterator[Database]:
    async with open_database(database_url) as opened:
        yield opened


@pytest.fixture(autouse=True)
def many_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for a worker that rests between two presses."""
    monkeypatch.setattr("gateway.outbox.service._LEAST_POLL_S", 0.01)

"""What the engines may do differently, the tests of the rows and of rival workers run on each."""

from collections.abc import AsyncIterator

import pytest

from gateway.database import open_database
from runtime.database import Database
from tests.gateway.outbox.room import PATIENCE_S


@pytest.fixture
async def each_database(database_url: str) -> AsyncIterator[Database]:
    async with open_database(database_url) as opened:
        yield opened


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine is no loyalty service that does not answer. Nor does anybody wait for a worker that rests."""
    monkeypatch.setattr("gateway.outbox.service._LEAST_POLL_S", 0.01)
    for room in ("gateway.notes.service", "gateway.outbox.subject"):
        monkeypatch.setattr(f"{room}.TIMEOUT_S", PATIENCE_S)

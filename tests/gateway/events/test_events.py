"""Noted events are written later, kept while the database is down, and bounded."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
import pytest_asyncio
from prometheus_client import CollectorRegistry

from gateway.events.event import Event
from gateway.events.service import MAX_MESSAGE_CHARS, Events
from gateway.events.store import EventStore
from gateway.installation.activity import Activity
from gateway.installation.store import Installation, InstallationStore
from runtime.database import Database, DatabaseError
from runtime.encryption import SecretKeys
from tests.statements import execute

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
DROPPED = "gateway_ticket_events_dropped_total"


def make_event(second: int = 0, **changes: Any) -> Event:  # noqa: ANN401 - any field of Event
    time_ms = int((NOON + timedelta(seconds=second)).timestamp() * 1000)
    fields: dict[str, Any] = {
        "merchant_id": "acme",
        "ticket_id": 4711,
        "status": "member",
        "request_id": f"call-{second}",
    }
    return Event(**({"time_ms": time_ms} | fields | changes))


@pytest.fixture
def events_store(database: Database, keys: SecretKeys) -> EventStore:
    return EventStore(database, keys, now=lambda: NOON)


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest_asyncio.fixture(loop_scope="session")
async def events(
    events_store: EventStore, installations: InstallationStore, registry: CollectorRegistry
) -> AsyncIterator[Events]:
    async with Events(events_store, installations, registry, capacity=3, now=lambda: NOON) as opened:
        yield opened


class AwayInstallations(InstallationStore):
    """Its database fails. `meanwhile` runs during each write; `counts` has the number of shops in each write."""

    def __init__(self, database: Database, keys: SecretKeys) -> None:
        super().__init__(database, keys)
        self.meanwhile: Callable[[], None] = lambda: None
        self.counts = list[int]()

    async def record_activity(self, activities: dict[str, Activity]) -> None:
        self.counts.append(len(activities))
        self.meanwhile()
        raise DatabaseError


async def get(store: InstallationStore) -> Installation:
    installation = await store.get("acme")
    assert installation is not None
    return installation


async def list_requests(store: EventStore, merchant_id: str = "acme") -> list[str]:
    return [event.request_id for event in await store.list_newest(merchant_id, limit=100)]


async def test_noted_events_are_written_at_the_end(
    events_store: EventStore, installations: InstallationStore, registry: CollectorRegistry
) -> None:
    async with Events(events_store, installations, registry, now=lambda: NOON) as events:
        failed = make_event(1, status="unavailable", reason="PROVIDER_TIMEOUT", message="x\0" + "y" * MAX_MESSAGE_CHARS)
        events.note(failed)
        events.note(make_event(2))
        events.note(make_event(3, merchant_id="nobody"))
        events.note_webhook("acme", "wallet_credited")
    assert (await list_requests(events_store), await list_requests(events_store, "nobody")) == (
        ["call-2", "call-1"],
        [],
    )
    [_, oldest] = await events_store.list_newest("acme", limit=2)
    assert (oldest.message[:2], len(oldest.message)) == ("xy", MAX_MESSAGE_CHARS)
    installation = await get(installations)
    assert (installation.last_event_time, installation.last_status) == (NOON + timedelta(seconds=2), "member")
    assert installation.last_error_time == NOON + timedelta(seconds=1)
    assert installation.last_error == f"PROVIDER_TIMEOUT: {oldest.message}"
    assert (installation.last_webhook_time, installation.last_webhook) == (NOON, "wallet_credited")


async def test_events_wait_while_the_database_is_down_and_lost_ones_are_counted(
    events: Events,
    events_store: EventStore,
    installations: InstallationStore,
    registry: CollectorRegistry,
    database: Database,
) -> None:
    await execute(database, "ALTER TABLE installations RENAME TO away")
    events.note(make_event(1, status="member", reason="PROVIDER_THROTTLED"))
    events.note(make_event(2))
    events.note_webhook("acme", "wallet_credited")
    await events.flush()
    events.note(make_event(3))
    events.note(make_event(4, status="not_member", reason="MEMBER_NOT_FOUND"))
    assert registry.get_sample_value(DROPPED) == 1.0
    await execute(database, "ALTER TABLE away RENAME TO installations")
    await events.flush()
    assert await list_requests(events_store) == ["call-4", "call-3", "call-2"]
    installation = await get(installations)
    assert (installation.last_status, installation.last_error) == ("not_member", None)
    assert installation.last_webhook == "wallet_credited"


async def test_old_data_is_the_shops_last_error(events: Events, installations: InstallationStore) -> None:
    events.note(make_event(1, reason="PROVIDER_THROTTLED"))
    await events.flush()
    installation = await get(installations)
    assert (installation.last_status, installation.last_error) == ("member", "PROVIDER_THROTTLED")
    assert installation.last_error_time == installation.last_event_time


async def test_event_that_the_database_refuses_is_lost_alone(events: Events, events_store: EventStore) -> None:
    """The writer goes on with the next event."""
    events.note(make_event(1, ticket_id=2**70))
    with pytest.raises(OverflowError):
        await events.flush()
    events.note(make_event(2))
    await events.flush()
    assert await list_requests(events_store) == ["call-2"]


async def test_unknown_shops_do_not_pile_up_while_the_database_is_down(
    events_store: EventStore, database: Database, keys: SecretKeys, registry: CollectorRegistry
) -> None:
    """This holds for shops that come during a write, too."""
    installations, numbers = AwayInstallations(database, keys), count()

    async with Events(events_store, installations, registry, now=lambda: NOON) as opened:

        def invent() -> None:
            for _ in range(150):
                opened.note_refused_webhook(f"nobody-{next(numbers)}")

        installations.meanwhile = invent
        for _ in range(5):
            invent()
            await opened.flush()
        assert installations.counts == [100] * 5
        opened.note_webhook("acme", "wallet_credited")
        await opened.flush()
        assert installations.counts[-1] == 101

"""The table of ticket events on both engines: it is bounded, and forgets people."""

import pytest
import pytest_asyncio

from gateway.events.store import EVENTS, KEPT, EventStore
from gateway.installation.store import InstallationStore, Target
from runtime.database import Database
from runtime.encryption import SecretKeys
from tests.databases import OpenDatabase
from tests.gateway.events.test_events import NOON, list_requests, make_event
from tests.statements import fetch_rows

OLD_KEY, NEW_KEY = "A" * 43 + "=", "B" * 43 + "="


@pytest.fixture
def opened(each_open: OpenDatabase) -> Database:
    return each_open.database


@pytest_asyncio.fixture(loop_scope="session")
async def shops(opened: Database) -> InstallationStore:
    store = InstallationStore(opened, SecretKeys([OLD_KEY]))
    for merchant_id in ("acme", "bloom"):
        url = f"https://{merchant_id}.gorgias.com"
        await store.add(
            merchant_id,
            Target(gorgias_url=url, gorgias_user="u", gorgias_key="k", template="list", public_url="https://e.example"),
        )
    return store


def make_store(opened: Database, *keys: str) -> EventStore:
    return EventStore(opened, SecretKeys(keys or [OLD_KEY]), now=lambda: NOON)


@pytest.mark.usefixtures("shops")
async def test_shop_keeps_its_newest_events_of_seven_days(opened: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy shop takes no room from others."""
    monkeypatch.setattr("gateway.events.store.MOST", 3)
    store, week_s = make_store(opened), round(KEPT.total_seconds())
    await store.add([make_event(second) for second in (-week_s - 1, -week_s)])
    assert await list_requests(store) == [f"call-{-week_s}"]
    await store.expire()
    assert len(await fetch_rows(opened, "SELECT id FROM ticket_events")) == 1
    await store.add([make_event(0, merchant_id="bloom")])
    await store.add([make_event(second) for second in range(5)])
    await store.trim("acme")
    assert await list_requests(store) == ["call-4", "call-3", "call-2"]
    assert await list_requests(store, "bloom") == ["call-0"]


@pytest.mark.usefixtures("shops")
async def test_events_of_a_ticket_and_of_a_customer(opened: Database) -> None:
    store = make_store(opened)
    first, second = make_event(1, customer_id=101), make_event(2, ticket_id=4712, customer_id=101)
    await store.add([first, second, make_event(3, ticket_id=None, customer_id=None)])
    assert await store.list_newest("acme", ticket_id=4711, limit=5) == [first]
    assert await store.list_newest("acme", customer_id=101, limit=5) == [second, first]


@pytest.mark.usefixtures("shops")
async def test_forgotten_member_is_in_no_event_of_any_key(opened: Database) -> None:
    """All events of the same Gorgias customer go, even those that found no member. Another shop's events stay."""
    await make_store(opened).add([make_event(1, customer_id=101, member_id="member-1")])
    store = make_store(opened, NEW_KEY, OLD_KEY)
    await store.add(
        [
            make_event(2, member_id="member-1"),
            make_event(3, customer_id=101, status="unavailable", reason="PROVIDER_TIMEOUT"),
            make_event(4, customer_id=102, member_id="member-2"),
            make_event(5, merchant_id="bloom", customer_id=101, member_id="member-1"),
        ]
    )
    assert "member-1" not in str(await fetch_rows(opened, "SELECT * FROM ticket_events"))
    assert await store.forget_member("acme", "member-1") == 3
    assert await list_requests(store) == ["call-4"]
    assert await list_requests(store, "bloom") == ["call-5"]


async def test_uninstalled_shop_leaves_no_event(opened: Database, shops: InstallationStore) -> None:
    store = make_store(opened)
    await store.add([make_event(1), make_event(1, merchant_id="bloom")])
    await shops.delete("acme")
    await store.add([make_event(2)])
    rows = await fetch_rows(opened, "SELECT merchant_id FROM ticket_events")
    assert [row["merchant_id"] for row in rows] == ["bloom"]


async def test_table_is_the_migrations(opened: Database) -> None:
    query = EVENTS.select().limit(0)
    keys = await opened.read(lambda connection: list(connection.execute(query).keys()))
    assert keys == list(EVENTS.c.keys())

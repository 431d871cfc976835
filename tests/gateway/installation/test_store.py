from datetime import UTC, datetime, timedelta, timezone

import pytest
from cryptography.fernet import Fernet

from gateway.database import open_database
from gateway.installation.activity import Activity
from gateway.installation.store import InstallationStore, Target, hash_credential
from runtime.database import Database, DatabaseError
from runtime.encryption import SecretKeyError, SecretKeys
from tests.databases import OpenDatabase
from tests.statements import execute, fetch_rows, note_statements

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
TARGET = Target(
    gorgias_url="https://acme.gorgias.com",
    gorgias_user="ops@acme.example",
    gorgias_key="gorgias-key",
    template="list",
    public_url="https://edge.example",
)


@pytest.fixture
def database(each_open: OpenDatabase) -> Database:
    """A database of each engine in turn: the store's promises hold on both."""
    return each_open.database


@pytest.fixture
def store(database: Database, keys: SecretKeys) -> InstallationStore:
    return InstallationStore(database, keys, now=lambda: NOON)


async def test_installation_is_stored_whole(store: InstallationStore) -> None:
    assert await store.add("acme", TARGET)
    installation = await store.get("acme")
    assert installation is not None
    assert len(installation.credential) == len("tg_") + 43
    assert installation.credential.startswith("tg_")
    assert (installation.gorgias_url, installation.gorgias_user, installation.gorgias_key) == (
        TARGET.gorgias_url,
        TARGET.gorgias_user,
        TARGET.gorgias_key,
    )
    assert (installation.integration_id, installation.widget_id) == (None, None)
    assert (installation.create_time, installation.update_time) == (NOON, NOON)


async def test_installation_added_twice_stays_as_it_was(store: InstallationStore) -> None:
    await store.add("acme", TARGET)
    before = await store.get("acme")
    assert not await store.add("acme", TARGET)
    assert await store.get("acme") == before


async def test_installation_is_found_by_its_credential_alone(store: InstallationStore) -> None:
    await store.add("acme", TARGET)
    await store.add("bloom", TARGET)
    acme, bloom = await store.get("acme"), await store.get("bloom")
    assert acme is not None
    assert bloom is not None
    assert await store.find_merchant_id(hash_credential(acme.credential)) == "acme"
    assert await store.find_merchant_id(hash_credential(bloom.credential)) == "bloom"
    assert await store.find_merchant_id(hash_credential("tg_other")) is None


async def test_secrets_are_never_readable(store: InstallationStore, database: Database) -> None:
    """They are readable neither in the database nor in a log."""
    await store.add("acme", TARGET)
    installation = await store.get("acme")
    assert installation is not None
    stored = repr(await fetch_rows(database, "SELECT * FROM installations"))
    for shown in (stored, repr(installation), repr(TARGET)):
        assert TARGET.gorgias_key not in shown
        assert installation.credential not in shown
    assert TARGET.gorgias_user not in repr(installation) + repr(TARGET)


async def test_secrets_survive_a_new_key_and_are_encrypted_with_it_when_written(database: Database) -> None:
    old, new = (Fernet.generate_key().decode() for _ in range(2))
    await InstallationStore(database, SecretKeys([old])).add("acme", TARGET)
    rotated = InstallationStore(database, SecretKeys([new, old]))
    before = await rotated.get("acme")
    await rotated.update("acme", TARGET)
    after = await InstallationStore(database, SecretKeys([new])).get("acme")
    assert before is not None
    assert after is not None
    assert before.credential == after.credential
    with pytest.raises(SecretKeyError):
        await InstallationStore(database, SecretKeys([old])).get("acme")


async def test_record_keeps_gorgias_ids(store: InstallationStore) -> None:
    await store.add("acme", TARGET)
    await store.record("acme", integration_id=2**40, widget_id=7)
    installation = await store.get("acme")
    assert installation is not None
    assert (installation.integration_id, installation.widget_id) == (2**40, 7)


async def test_deleted_installation_and_its_credential_are_gone(store: InstallationStore) -> None:
    await store.add("acme", TARGET)
    installation = await store.get("acme")
    assert installation is not None
    await store.delete("acme")
    await store.delete("acme")
    assert await store.get("acme") is None
    assert await store.find_merchant_id(hash_credential(installation.credential)) is None


async def test_older_activity_never_replaces_a_newer_one(store: InstallationStore) -> None:
    await store.add("acme", TARGET)
    await store.record_activity({"acme": Activity(event_time=NOON, status="member")})
    await store.record_activity({"acme": Activity(event_time=NOON - timedelta(seconds=1), status="unavailable")})
    installation = await store.get("acme")
    assert installation is not None
    assert (installation.last_event_time, installation.last_status) == (NOON, "member")
    assert installation.last_error_time is None


async def test_events_and_errors_are_kept_apart_and_in_utc(store: InstallationStore) -> None:
    await store.add("acme", TARGET)
    later = (NOON + timedelta(hours=1)).astimezone(timezone(timedelta(hours=9)))
    await store.record_activity(
        {
            "acme": Activity(event_time=NOON, status="stale", error_time=later, error="PROVIDER_TIMEOUT"),
            "gone": Activity(),
        }
    )
    installation = await store.get("acme")
    assert installation is not None
    assert (installation.last_event_time, installation.last_error_time) == (NOON, later)
    assert installation.last_error_time is not None
    assert installation.last_error_time.tzinfo is UTC
    assert installation.last_error == "PROVIDER_TIMEOUT"
    assert installation.update_time == NOON


async def test_activities_of_many_shops_are_written_in_the_order_of_their_ids(
    store: InstallationStore, database: Database
) -> None:
    """In another order two processes could wait for each other, until the database stops one of them."""
    shops = ["acme", "bloom", "cup"]
    activity = Activity(event_time=NOON, status="member")
    async with note_statements(database) as sent:
        await store.record_activity(dict.fromkeys(reversed(shops), activity))
    assert [shop for _, values in sent for shop in shops if shop in values] == shops


async def test_store_without_its_table_raises_database_error(database_url: str, keys: SecretKeys) -> None:
    async with open_database(database_url) as database:
        store = InstallationStore(database, keys)
        await execute(database, "DROP TABLE installations")
        with pytest.raises(DatabaseError):
            await store.get("acme")
        await store.ping()

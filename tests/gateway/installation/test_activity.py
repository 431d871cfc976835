from datetime import UTC, datetime, timedelta

import pytest

from gateway.installation.activity import MAX_ERROR_CHARS, Activity
from gateway.installation.store import Installation, InstallationStore, Target
from runtime.database import Database
from tests.gateway.statements import execute

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
async def acme(store: InstallationStore) -> None:
    target = Target(
        gorgias_url="https://acme.gorgias.com",
        gorgias_user="ops@acme.example",
        gorgias_key="key",
        template="list",
        public_url="https://edge.example",
    )
    await store.add("acme", target)


async def get(store: InstallationStore) -> Installation:
    installation = await store.get("acme")
    assert installation is not None
    return installation


async def test_activity_is_written_when_it_closes(store: InstallationStore) -> None:
    async with Activity(store, now=lambda: NOON) as activity:
        activity.note_event("acme", "member")
        activity.note_error("acme", "PROVIDER_TIMEOUT")
        activity.note_webhook("acme", "wallet_credited")
        activity.note_event("nobody", "member")
    installation = await get(store)
    assert (installation.last_event_time, installation.last_status) == (NOON, "member")
    assert (installation.last_error_time, installation.last_error) == (NOON, "PROVIDER_TIMEOUT")
    assert (installation.last_webhook_time, installation.last_webhook) == (NOON, "wallet_credited")


async def test_activity_writes_only_the_latest_of_each_kind(store: InstallationStore) -> None:
    times = iter(NOON + timedelta(seconds=second) for second in range(3))
    async with Activity(store, now=lambda: next(times)) as activity:
        activity.note_event("acme", "unavailable")
        activity.note_error("acme", "x" * (MAX_ERROR_CHARS + 1))
        activity.note_event("acme", "member")
    installation = await get(store)
    assert (installation.last_event_time, installation.last_status) == (NOON + timedelta(seconds=2), "member")
    assert installation.last_error_time == NOON + timedelta(seconds=1)
    assert installation.last_error == "x" * MAX_ERROR_CHARS


async def test_activity_waits_while_the_store_is_down_and_the_newest_wins(
    store: InstallationStore, database: Database
) -> None:
    times = iter(NOON + timedelta(seconds=second) for second in range(3))
    activity = Activity(store, now=lambda: next(times))
    await execute(database, "ALTER TABLE installations RENAME TO away")
    activity.note_error("acme", "PROVIDER_TIMEOUT")
    activity.note_event("acme", "unavailable")
    await activity.flush()
    activity.note_event("acme", "member")
    await execute(database, "ALTER TABLE away RENAME TO installations")
    await activity.flush()
    installation = await get(store)
    assert (installation.last_error, installation.last_status) == ("PROVIDER_TIMEOUT", "member")

"""The rows of the outbox on each engine."""

import asyncio
from typing import Any

import asyncpg
import pytest
from sqlalchemy import Connection

from gateway.database import open_database
from gateway.installation.store import InstallationStore, Target
from gateway.outbox.entries import Entry
from gateway.outbox.statements import LEASE_S
from gateway.outbox.store import OutboxStore
from gateway.wording.note import NoteKind
from runtime.database import Database, DatabaseError
from runtime.encryption import SecretKeys
from tests.databases import OpenDatabase
from tests.gateway.outbox.room import let_pass
from tests.gateway.waiting import wait_until
from tests.statements import execute, fetch_rows, note_statements

ROWS = 8
DAY_S = 86_400.0


@pytest.fixture
def database(each_open: OpenDatabase) -> Database:
    return each_open.database


@pytest.fixture
def store(database: Database, installations: InstallationStore) -> OutboxStore:  # noqa: ARG001 - acme is installed
    return OutboxStore(database, first_look_s=0.0)


async def claim(store: OutboxStore) -> Entry:
    note = await store.claim("acme")
    assert note is not None
    return note


async def close(store: OutboxStore, note: Entry, last: NoteKind | None) -> None:
    await store.finish(note, last=last, sending=None, wait_s=None, look_count=0)


async def test_row_is_claimed_by_one_of_many(store: OutboxStore) -> None:
    for number in range(ROWS):
        await store.enqueue("acme", f"request-{number}", 4711)
    claimed = await asyncio.gather(*[store.claim("acme") for _ in range(3 * ROWS)])
    requests = [note.request_id for note in claimed if note is not None]
    assert len(set(requests)) == len(requests)


async def test_claim_ends_with_its_lease_and_the_first_worker_may_not_send_any_more(
    store: OutboxStore, database: Database
) -> None:
    await store.enqueue("acme", "request-1", 4711)
    first = await claim(store)
    assert await store.claim("acme") is None
    await let_pass(database, LEASE_S + 1)
    second = await claim(store)
    assert not await store.mark_sending(first, NoteKind.DONE)
    assert await store.mark_sending(second, NoteKind.DONE)


async def test_late_write_of_the_first_worker_changes_nothing(store: OutboxStore, database: Database) -> None:
    await store.enqueue("acme", "request-1", 4711)
    first = await claim(store)
    await let_pass(database, LEASE_S + 1)
    second = await claim(store)
    await close(store, first, None)
    assert await store.mark_sending(second, NoteKind.DONE)


@pytest.mark.parametrize("last", [None, NoteKind.CHECKING])
async def test_click_while_a_row_is_closed_keeps_it_open(store: OutboxStore, last: NoteKind | None) -> None:
    await store.enqueue("acme", "request-1", 4711)
    note = await claim(store)
    await asyncio.sleep(0.002)  # the time of a click is in milliseconds
    await store.enqueue("acme", "request-1", 4711)
    await close(store, note, last)
    again = await claim(store)
    assert again.last is last


async def test_click_while_the_last_note_is_written_does_not_open_the_row_again(store: OutboxStore) -> None:
    await store.enqueue("acme", "request-1", 4711)
    note = await claim(store)
    await asyncio.sleep(0.002)  # the time of a click is in milliseconds
    await store.enqueue("acme", "request-1", 4711)
    await close(store, note, NoteKind.DONE)
    assert await store.claim("acme") is None
    assert await store.count_open() == 0


async def test_click_opens_a_row_again_that_was_closed_without_a_last_note(store: OutboxStore) -> None:
    await store.enqueue("acme", "request-1", 4711)
    await close(store, await claim(store), NoteKind.CHECKING)
    assert await store.count_open() == 0
    await store.enqueue("acme", "request-1", 4711)
    assert (await claim(store)).last is NoteKind.CHECKING


async def test_row_whose_note_may_be_on_its_way_is_not_released_early(store: OutboxStore) -> None:
    for request_id in ("request-1", "request-2"):
        await store.enqueue("acme", request_id, 4711)
    sent, idle = await claim(store), await claim(store)
    await store.mark_sending(sent, NoteKind.DONE)
    await store.release([sent.claim, idle.claim])
    assert (await claim(store)).request_id == idle.request_id
    assert await store.claim("acme") is None


async def test_written_note_is_forgotten_once_no_click_can_repeat_it(store: OutboxStore, database: Database) -> None:
    for request_id in ("old", "new"):
        await store.enqueue("acme", request_id, 4711)
        await close(store, await claim(store), NoteKind.DONE)
        await let_pass(database, 20 * DAY_S)
    await store.purge(31 * DAY_S)
    assert await fetch_rows(database, "SELECT request_id FROM ticket_notes") == [{"request_id": "new"}]


async def test_many_clicks_at_once_are_all_on_record(store: OutboxStore) -> None:
    await asyncio.gather(*[store.enqueue("acme", f"request-{number}", 4711) for number in range(50)])
    assert await store.count_open() == 50


async def test_cancelled_click_releases_the_database(store: OutboxStore) -> None:
    clicks = [asyncio.create_task(store.enqueue("acme", f"request-{number}", 4711)) for number in range(5)]
    for press in clicks:
        await asyncio.sleep(0)
        press.cancel()
    await asyncio.gather(*clicks, return_exceptions=True)
    await store.enqueue("acme", "request-5", 4711)
    assert await store.is_queued("acme", "request-5")


async def test_click_while_its_shop_is_uninstalled_leaves_no_row(
    new_postgres_url: str, keys: SecretKeys, target: Target
) -> None:
    """SQLite has one writer. On PostgreSQL the click waits for the other transaction, and then finds no shop."""
    async with open_database(new_postgres_url) as database:
        await InstallationStore(database, keys).add("acme", target)
        other = await asyncpg.connect(new_postgres_url)
        async with other.transaction():
            await other.execute("DELETE FROM installations")
            await other.execute("DELETE FROM ticket_notes")
            press = asyncio.create_task(OutboxStore(database).enqueue("acme", "request-1", 4711))

            async def is_waiting() -> bool:
                return bool(await other.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"))

            await wait_until(is_waiting)
        await press
        await other.close()
        assert await fetch_rows(database, "SELECT * FROM ticket_notes") == []


async def test_click_is_refused_while_the_database_is_gone(database_url: str) -> None:
    async with open_database(database_url) as database:
        await execute(database, "DROP TABLE ticket_notes")
        with pytest.raises(DatabaseError):
            await OutboxStore(database).enqueue("acme", "request-1", 4711)


async def test_queries_for_open_rows_read_no_closed_ones(store: OutboxStore, database: Database) -> None:
    """Nearly all rows are closed, and stay for a month. The indexes leave them out."""
    definitions = {
        "sqlite": "SELECT sql AS definition FROM sqlite_master WHERE tbl_name = 'ticket_notes' AND type = 'index'",
        "postgresql": "SELECT indexdef AS definition FROM pg_indexes WHERE tablename = 'ticket_notes'",
    }
    engine = await database.read(lambda connection: connection.dialect.name)
    indexes = [str(row["definition"]) for row in await fetch_rows(database, definitions[engine])]
    assert len([index for index in indexes if " WHERE " in index and "IS NOT NULL" in index]) == 2
    async with note_statements(database) as noted:
        await store.list_upcoming(3)
        await store.claim("acme")
        await store.count_open()
        await store.count_failed()
    queries = [(statement, values) for statement, values in noted if "FROM ticket_notes" in statement]
    plans = await database.write(lambda connection: [explain(connection, *query) for query in queries])
    assert len(plans) == 4
    assert ["ticket_notes_due" in plan or "ticket_notes_problem" in plan for plan in plans] == [True] * 4


def explain(connection: Connection, statement: str, values: Any) -> str:  # noqa: ANN401 - the driver's
    """Return the plan, as it would be for a large table."""
    command = "EXPLAIN QUERY PLAN"
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        command = "EXPLAIN"
    return str(connection.exec_driver_sql(f"{command} {statement}", values).all())

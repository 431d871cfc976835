"""A database as both processes open it: it is migrated once, under a lock, or refused in one line."""

import asyncio
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, MetaData, inspect, select, text

import gateway.database
import loyalty_service.database
from gateway.events.sights import SIGHTS
from gateway.events.store import EVENTS
from gateway.installation.store import INSTALLATIONS
from gateway.links.link import CHANNELS, LINKS
from gateway.outbox.entries import NOTES
from loyalty_service.awards.ledger.tables import awards
from loyalty_service.callers.table import callers
from loyalty_service.merchants.table import merchants
from loyalty_service.snapshots.secret import fleet_secrets
from runtime.database import DatabaseError, open_database
from runtime.migrations import Schema
from runtime.sql import now_ms
from tests.forked import run_forked
from tests.gateway.waiting import wait_until
from tests.runtime.things import THINGS
from tests.statements import execute, fetch_rows

GATEWAY, LOYALTY = gateway.database.SCHEMA, loyalty_service.database.SCHEMA
LOYALTY_TABLES = [*awards.metadata.sorted_tables, callers, merchants, fleet_secrets]
PROCESSES = 3

of_both = pytest.mark.parametrize("schema", [GATEWAY, LOYALTY], ids=["gateway", "loyalty_service"])


async def open_and_close(url: str, schema: Schema) -> None:
    async with open_database(url, schema):
        pass


async def fetch_version(url: str, schema: Schema) -> list[dict[str, Any]]:
    async with open_database(url, schema) as database:
        return await fetch_rows(database, f"SELECT version_num FROM {schema.version_table}")  # noqa: S608 - a constant


@pytest.mark.parametrize(
    ("schema", "tables"),
    [(GATEWAY, [INSTALLATIONS, NOTES, EVENTS, SIGHTS, LINKS, CHANNELS]), (LOYALTY, LOYALTY_TABLES)],
    ids=["gateway", "loyalty_service"],
)
async def test_tables_match_the_migrations(empty_database_url: str, schema: Schema, tables: list[Any]) -> None:
    """Names and types are compared. Only the migrations define indexes, and which values may be null."""
    models = MetaData()
    for table in tables:
        table.to_metadata(models)

    def compare(connection: Connection) -> tuple[list[Any], set[str]]:
        options = {"compare_type": True, "compare_server_default": False, "include_object": is_table_or_column}
        found = compare_metadata(MigrationContext.configure(connection, opts=options), models)
        # Differences about null come as lists.
        return [one for one in found if isinstance(one, tuple)], set(inspect(connection).get_table_names())

    async with open_database(empty_database_url, schema) as database:
        differences, there = await database.read(compare)
    assert differences == [("remove_table", one[1]) for one in differences if one[1].name == schema.version_table]
    assert there == {*models.tables, schema.version_table}


def is_table_or_column(_item: object, _name: str | None, kind: str, *_: object) -> bool:
    return kind in {"table", "column"}


async def test_database_opened_simultaneously_by_several_processes_is_migrated_once(empty_database_url: str) -> None:
    async with AsyncExitStack() as stack:
        starts = [run_forked("tests.runtime.opening:main", empty_database_url, env={}) for _ in range(PROCESSES)]
        processes = [await stack.enter_async_context(start) for start in starts]
        outputs = [await process.communicate() for process in processes]
        assert [process.returncode for process in processes] == [0] * PROCESSES, outputs
    assert await fetch_version(empty_database_url, GATEWAY) == [{"version_num": GATEWAY.find_newest()}]


@of_both
async def test_simultaneous_tasks_that_open_an_empty_database_all_succeed(
    empty_database_url: str, schema: Schema
) -> None:
    versions = await asyncio.gather(*(fetch_version(empty_database_url, schema) for _ in range(4)))
    assert versions == [[{"version_num": schema.find_newest()}]] * 4


@of_both
async def test_database_is_not_touched_while_another_process_migrates_it(
    empty_postgres_url: str, schema: Schema
) -> None:
    """SQLite has its own lock. On PostgreSQL all processes of one kind use the same advisory lock."""
    other = await asyncpg.connect(empty_postgres_url)
    is_there = f"SELECT to_regclass('{schema.version_table}')"
    async with other.transaction():
        await other.execute("SELECT pg_advisory_xact_lock($1)", schema.lock)
        opening = asyncio.create_task(open_and_close(empty_postgres_url, schema))

        async def is_waiting() -> bool:
            query = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
            return bool(await other.fetchval(query))

        await wait_until(is_waiting)
        assert await other.fetchval(is_there) is None
    await opening
    assert await other.fetchval(is_there) is not None
    await other.close()


async def test_database_of_a_newer_release_is_refused(empty_database_url: str) -> None:
    async with open_database(empty_database_url, THINGS) as database:
        await execute(database, "UPDATE things_version SET version_num = '9999'")
    with pytest.raises(DatabaseError, match=r"^THINGS_DATABASE_URL was made by a newer release"):
        await open_and_close(empty_database_url, THINGS)


async def test_both_processes_may_share_a_database(empty_database_url: str) -> None:
    for schema in (GATEWAY, LOYALTY, GATEWAY, LOYALTY):
        await open_and_close(empty_database_url, schema)


async def test_migrations_may_be_in_any_folder(tmp_path: Path) -> None:
    folder = tmp_path / "50% of it, and more: spaces"
    folder.mkdir()
    step = (
        "from alembic import op\nrevision, down_revision = '0001', None\ndef upgrade():\n    op.execute('SELECT 1')\n"
    )
    (folder / "v0001_nothing.py").write_text(step, encoding="utf-8")
    schema = Schema(setting="SETTING", migrations=folder, version_table="version", lock=1)
    assert await fetch_version(f"sqlite:///{tmp_path / 'test.db'}", schema) == [{"version_num": "0001"}]


async def test_database_keeps_a_write_ahead_log_and_waits_for_the_disk(empty_sqlite_url: str) -> None:
    async with open_database(empty_sqlite_url, THINGS) as database:
        modes = [
            await fetch_rows(database, f"PRAGMA {name}") for name in ("journal_mode", "synchronous", "foreign_keys")
        ]
    assert modes == [[{"journal_mode": "wal"}], [{"synchronous": 2}], [{"foreign_keys": 1}]]


async def test_database_has_a_clock_in_milliseconds(empty_database_url: str) -> None:
    async with open_database(empty_database_url, THINGS) as database:
        told = await database.read(lambda connection: connection.execute(select(now_ms())).scalar_one())
    assert abs(told - time.time() * 1000) < 60_000


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:////there/is/no/such/folder/gateway.db",
        "sqlite:////proc/gateway.db",
        "sqlite://",
        "sqlite:///:memory:",
        "mysql://user:s3cret@127.0.0.1/gateway",
        "s3cret",
        "",
        "postgresql://user:s3cret@127.0.0.1:1/gateway",
        "postgresql://user:s3@cret@127.0.0.1:1/gateway",
        "postgresql://user:s3cret@127.0.0.1:notaport/gateway",
        "postgresql://user:s3cret@127.0.0.1:1/gateway?sslmode=nonsense",
    ],
)
async def test_database_that_cannot_be_used_is_one_line_that_names_the_setting(url: str) -> None:
    with pytest.raises(DatabaseError) as caught:
        await open_and_close(url, GATEWAY)
    message = str(caught.value)
    assert message.startswith(f"{GATEWAY.setting} ")
    assert "\n" not in message
    assert "cret" not in message


async def test_file_that_is_not_a_database_is_named(tmp_path: Path) -> None:
    path = tmp_path / "gateway.db"
    path.write_bytes(b"no database at all" * 100)
    with pytest.raises(DatabaseError, match=f"^GATEWAY_DATABASE_URL cannot be used: {path}: file is not a database"):
        await open_and_close(f"sqlite:///{path}", GATEWAY)


async def test_database_that_the_server_does_not_have_is_named(empty_postgres_url: str) -> None:
    with pytest.raises(DatabaseError, match=r'^GATEWAY_DATABASE_URL cannot .* "missing" does not exist$'):
        await open_and_close(empty_postgres_url.replace("/postgres?", "/missing?"), GATEWAY)


async def test_failed_work_writes_nothing_and_releases_the_database(empty_database_url: str) -> None:
    def write_and_fail(connection: Connection) -> None:
        connection.execute(text("UPDATE things_version SET version_num = '9999'"))
        raise ZeroDivisionError

    async with open_database(empty_database_url, THINGS) as database:
        with pytest.raises(ZeroDivisionError):
            await database.write(write_and_fail)
        versions = await fetch_rows(database, "SELECT version_num FROM things_version")
    assert versions == [{"version_num": THINGS.find_newest()}]


async def test_cancelled_caller_releases_the_database(empty_database_url: str) -> None:
    async with open_database(empty_database_url, THINGS) as database:
        for waits in range(20):
            query = "SELECT count(*) FROM things_version"
            callers = [
                asyncio.create_task(one)
                for one in (fetch_rows(database, query), execute(database, "DELETE FROM things"))
            ]
            for _ in range(waits):
                await asyncio.sleep(0)
            for caller in callers:
                caller.cancel()
            await asyncio.gather(*callers, return_exceptions=True)
        await execute(database, "DELETE FROM things")

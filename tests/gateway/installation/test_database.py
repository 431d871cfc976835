import asyncio
import sys
from pathlib import Path

import asyncpg
import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

import gateway.migrations
from gateway.database import MIGRATION_LOCK, SCHEMA_VERSION, DatabaseError, open_database
from tests.gateway.statements import execute, fetch_rows
from tests.gateway.waiting import wait_until

OPEN_ONCE = """
import asyncio, sys
from gateway.database import open_database
async def main():
    async with open_database(sys.argv[1]):
        pass
asyncio.run(main())
"""
PROCESSES = 3


async def test_database_is_migrated_when_it_opens(empty_database_url: str) -> None:
    async with open_database(empty_database_url) as database:
        tables = await database.read(lambda connection: inspect(connection).get_table_names())
        assert {"installations", "gateway_schema_version"} <= set(tables)


async def test_database_opened_by_several_processes_at_once_is_migrated_once(empty_database_url: str) -> None:
    processes = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", OPEN_ONCE, empty_database_url, stderr=asyncio.subprocess.PIPE
        )
        for _ in range(PROCESSES)
    ]
    outputs = [await process.communicate() for process in processes]
    assert [process.returncode for process in processes] == [0] * PROCESSES, outputs
    async with open_database(empty_database_url) as database:
        versions = await fetch_rows(database, "SELECT version_num FROM gateway_schema_version")
    assert versions == [{"version_num": SCHEMA_VERSION}]


async def test_database_is_not_touched_while_another_process_migrates_it(empty_postgres_url: str) -> None:
    """SQLite has its own lock; PostgreSQL's is one that all gateways agree on."""
    other = await asyncpg.connect(empty_postgres_url)
    async with other.transaction():
        await other.execute("SELECT pg_advisory_xact_lock($1)", MIGRATION_LOCK)
        opening = asyncio.create_task(open_and_close(empty_postgres_url))

        async def is_waiting() -> bool:
            query = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
            return bool(await other.fetchval(query))

        await wait_until(is_waiting)
        assert await other.fetchval("SELECT to_regclass('installations')") is None
    await opening
    assert await other.fetchval("SELECT to_regclass('installations')") is not None
    await other.close()


async def open_and_close(url: str) -> None:
    async with open_database(url):
        pass


async def test_database_of_a_newer_release_is_refused(empty_database_url: str) -> None:
    async with open_database(empty_database_url) as database:
        await execute(database, "UPDATE gateway_schema_version SET version_num = '9999'")
    with pytest.raises(DatabaseError, match="GATEWAY_DATABASE_URL: made by a newer release"):
        async with open_database(empty_database_url):
            pass


def test_database_schema_version_is_the_last_migration() -> None:
    """A start that finds this version does not load the migrations."""
    config = Config()
    config.set_main_option("script_location", str(Path(gateway.migrations.__file__).parent))
    assert ScriptDirectory.from_config(config).get_current_head() == SCHEMA_VERSION


async def test_database_keeps_a_write_ahead_log_and_waits_for_the_disk(new_sqlite_url: str) -> None:
    async with open_database(new_sqlite_url) as database:
        modes = [
            await fetch_rows(database, f"PRAGMA {name}") for name in ("journal_mode", "synchronous", "foreign_keys")
        ]
    assert modes == [[{"journal_mode": "wal"}], [{"synchronous": 2}], [{"foreign_keys": 1}]]


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
        async with open_database(url):
            pass
    message = str(caught.value)
    assert message.startswith("GATEWAY_DATABASE_URL")
    assert "\n" not in message
    assert "cret" not in message


async def test_database_that_the_server_does_not_have_is_named(empty_postgres_url: str) -> None:
    with pytest.raises(DatabaseError, match=r'^GATEWAY_DATABASE_URL cannot .* "missing" does not exist$'):
        async with open_database(empty_postgres_url.replace("/postgres?", "/missing?")):
            pass


async def test_work_that_fails_writes_nothing_and_leaves_the_database_to_others(database_url: str) -> None:
    def write_and_fail(connection: Connection) -> None:
        connection.execute(text("UPDATE gateway_schema_version SET version_num = '9999'"))
        raise ZeroDivisionError

    async with open_database(database_url) as database:
        with pytest.raises(ZeroDivisionError):
            await database.write(write_and_fail)
        versions = await fetch_rows(database, "SELECT version_num FROM gateway_schema_version")
    assert versions == [{"version_num": SCHEMA_VERSION}]


async def test_caller_who_goes_away_leaves_the_database_to_others(database_url: str) -> None:
    async with open_database(database_url) as database:
        for count in range(20):
            query = "SELECT count(*) FROM gateway_schema_version"
            callers = [
                asyncio.create_task(one)
                for one in (fetch_rows(database, query), execute(database, "DELETE FROM installations"))
            ]
            for _ in range(count):
                await asyncio.sleep(0)
            for caller in callers:
                caller.cancel()
            await asyncio.gather(*callers, return_exceptions=True)
        await execute(database, "DELETE FROM installations")

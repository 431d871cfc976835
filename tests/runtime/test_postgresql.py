"""PostgreSQL as both processes open it: what a URL may say reaches the server, and its refusals reach the operator."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from sqlalchemy import Connection, text

from runtime.database import Database, DatabaseError, open_database
from tests.databases import open_connection
from tests.runtime.things import THINGS


async def fetch(database: Database, query: str) -> object:
    def work(connection: Connection) -> object:
        return connection.execute(text(query)).scalar_one()

    return await database.read(work)


def add_parameters(url: str, parameters: str) -> str:
    return f"{url}&{parameters}"  # the tests' server is named by a parameter, too


@pytest.mark.parametrize("scheme", ["postgres", "postgresql"])
async def test_either_spelling_of_the_scheme_is_the_same_database(empty_postgres_url: str, scheme: str) -> None:
    async with open_database(empty_postgres_url.replace("postgresql", scheme, 1), THINGS) as database:
        assert await fetch(database, "SELECT 1") == 1


async def test_parameters_of_the_url_reach_driver_and_server(empty_postgres_url: str) -> None:
    url = add_parameters(empty_postgres_url, "application_name=the%20shop&work_mem=7MB&command_timeout=30&timeout=20")
    async with open_database(url, THINGS) as database:
        assert await fetch(database, "SHOW application_name") == "the shop"
        assert await fetch(database, "SHOW work_mem") == "7MB"


@pytest.mark.parametrize(("parameters", "is_kept"), [("statement_cache_size=0", False), ("application_name=x", True)])
async def test_no_statement_stays_prepared_where_the_url_says_so(
    empty_postgres_url: str, parameters: str, *, is_kept: bool
) -> None:
    """PgBouncer in transaction mode gives the next transaction another connection of the server's."""
    async with open_database(add_parameters(empty_postgres_url, parameters), THINGS) as database:
        for count in (1, 2, 2):
            assert await fetch(database, f"SELECT {count}") == count
        assert bool(await fetch(database, "SELECT count(*) FROM pg_prepared_statements")) is is_kept


@pytest.mark.parametrize("is_cancelled", [False, True])
async def test_write_after_a_read_is_a_transaction(empty_postgres_url: str, *, is_cancelled: bool) -> None:
    """Reads have none, on the same connections."""

    def write_half(connection: Connection) -> None:
        connection.execute(text("INSERT INTO things VALUES (1)"))
        raise LookupError

    async with open_database(empty_postgres_url, THINGS) as database:
        reading = asyncio.create_task(fetch(database, "SELECT pg_sleep(60)" if is_cancelled else "SELECT 1"))
        if is_cancelled:
            async with open_connection(empty_postgres_url) as server:
                while not await server.fetchval("SELECT 1 FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(60)'"):
                    pass
            reading.cancel()
        await asyncio.wait({reading})
        with pytest.raises(LookupError):
            await database.write(write_half)
        assert await fetch(database, "SELECT count(*) FROM things") == 0


async def test_database_that_confirms_before_it_has_written_is_refused(empty_postgres_url: str) -> None:
    with pytest.raises(DatabaseError, match="has synchronous_commit off, so a crash"):
        async with open_database(add_parameters(empty_postgres_url, "synchronous_commit=off"), THINGS):
            pass


@pytest.fixture
async def locked_url(postgres_url: str, postgres_server: Any) -> AsyncIterator[str]:  # noqa: ANN401 - no types
    """Of a user whose password is asked for, and who may have no connection at all."""
    rules = Path(postgres_server.pgdata) / "pg_hba.conf"
    before = rules.read_text(encoding="utf-8")
    async with open_connection(postgres_url) as server:
        await server.execute("CREATE ROLE locked LOGIN PASSWORD 'right' CONNECTION LIMIT 0")
        await set_rules(server, rules, f"local all locked scram-sha-256\n{before}")
        yield postgres_url.replace("postgres:", "locked:{password}", 1)
        await set_rules(server, rules, before)
        await server.execute("DROP ROLE locked")


async def set_rules(server: asyncpg.Connection, path: Path, rules: str) -> None:
    await asyncio.to_thread(path.write_text, rules, encoding="utf-8")
    await server.execute("SELECT pg_reload_conf()")


@pytest.fixture
def refused_urls(locked_url: str, postgres_url: str) -> dict[str, str]:
    """By the reason that is told."""
    return {
        'password authentication failed for user "locked"': locked_url.format(password="s3cret"),
        'too many connections for role "locked"': locked_url.format(password="right"),
        'database "missing" does not exist': postgres_url.replace("/postgres?", "/missing?"),
        'role "nobody" does not exist': postgres_url.replace("postgres:", "nobody:s3cret", 1),
        'unrecognized configuration parameter "nonsense"': add_parameters(postgres_url, "nonsense=s3cret"),
        "`sslmode` parameter must be one of": add_parameters(postgres_url, "sslmode=nonsense"),
        "Name or service not known|Temporary failure in name resolution": "postgresql://user:s3cret@nowhere.invalid/name",
        "Connection refused": "postgresql://user:s3cret@127.0.0.1:1/name",
        "No such file or directory": "postgresql://user:s3cret@/name?host=/nowhere",
    }


async def test_reason_of_a_refusal_is_told_in_one_line_without_the_password(refused_urls: dict[str, str]) -> None:
    for reason, url in refused_urls.items():
        with pytest.raises(DatabaseError) as caught:
            async with open_database(url, THINGS):
                pass
        told = str(caught.value)
        assert re.search(f": ({reason})", told)
        assert "cannot be used: PostgreSQL at " in told
        assert "\n" not in told
        assert "s3cret" not in told
        assert "right" not in told

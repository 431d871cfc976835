"""Reads a ledger's two tables: awards, and the last recorded change of each."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from runtime.database import Database, DatabaseError
from tests.statements import execute

# Awards whose last recorded change leads to another state, or that have no recorded change.
UNRECORDED = text(
    "SELECT awards.merchant_id, awards.number, awards.state FROM awards WHERE awards.state IS DISTINCT FROM ("
    "SELECT state FROM award_changes WHERE award_changes.merchant_id = awards.merchant_id "
    "AND award_changes.number = awards.number ORDER BY change_id DESC LIMIT 1)"
)
STATES = text("SELECT 'A-' || number || ':' || request_id AS reference, state FROM awards ORDER BY number")


async def assert_record_agrees(database: Database) -> None:
    rows = await database.read(lambda connection: connection.execute(UNRECORDED).all())
    assert [tuple(row) for row in rows] == []


async def read_states(database: Database) -> dict[str, str]:
    """Return the state of each award, by its reference at the provider."""
    rows = await database.read(lambda connection: connection.execute(STATES).all())
    return {row.reference: row.state for row in rows}


async def let_leases_run_out(database: Database) -> None:
    """Expire all leases, so that reconciliation begins at once."""
    await execute(database, "UPDATE awards SET lease_expire_time_ms = 0 WHERE state = 'pending'")
    await execute(database, "UPDATE awards SET next_check_time_ms = 0 WHERE state = 'unknown'")
    await execute(database, "UPDATE reconciliation_claims SET next_claim_time_ms = 0")


@contextmanager
def refused_by_database(words: str) -> Iterator[None]:
    """Expect a trigger or a unique index to refuse the block. PostgreSQL and SQLite report it differently."""
    with pytest.raises((DatabaseError, IntegrityError)) as caught:
        yield
    assert words in str(caught.value.__cause__)

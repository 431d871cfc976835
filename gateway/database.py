"""The gateway's database: installations and pending notes."""

from contextlib import AbstractAsyncContextManager
from pathlib import Path

from runtime.database import Database
from runtime.database import open_database as open_with_schema
from runtime.migrations import Schema

SCHEMA = Schema(
    setting="GATEWAY_DATABASE_URL",
    migrations=Path(__file__).parent / "migrations",
    version_table="gateway_schema_version",
    lock=1_953_982_327,
)


def open_database(url: str) -> AbstractAsyncContextManager[Database]:
    """Open the database, migrated. Raises DatabaseError."""
    return open_with_schema(url, SCHEMA)

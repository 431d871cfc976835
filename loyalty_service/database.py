"""The loyalty service's database: merchants, and the ledger of awards."""

from contextlib import AbstractAsyncContextManager
from pathlib import Path

from runtime.database import Database
from runtime.database import open_database as open_with_schema
from runtime.migrations import Schema

SCHEMA = Schema(
    setting="LOYALTY_DATABASE_URL",
    migrations=Path(__file__).parent / "migrations",
    version_table="loyalty_schema_version",
    lock=7_245_391_068,
)


def open_database(url: str) -> AbstractAsyncContextManager[Database]:
    """Open the database, migrated. Raises DatabaseError."""
    return open_with_schema(url, SCHEMA)

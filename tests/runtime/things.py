"""A database with one small table, for tests in which the tables do not matter. Its migration takes no time."""

from pathlib import Path

from runtime.migrations import Schema

THINGS = Schema(
    setting="THINGS_DATABASE_URL",
    migrations=Path(__file__).parent / "things_migrations",
    version_table="things_version",
    lock=1,
)

"""Migrates a database's schema step by step. Each process has its own steps."""

from pathlib import Path

import msgspec
from sqlalchemy import Connection, column, inspect, select, table, text

# How long a start on PostgreSQL waits for another process that migrates.
_LOCK_TIMEOUT_S = 30
_ALEMBIC = Path(__file__).parent / "alembic"


class SchemaError(Exception):
    """This database must not be used. Completes "SETTING …"."""


class Schema(msgspec.Struct, frozen=True, kw_only=True):
    """One process's tables. `setting`: the one with the database's URL. `migrations`: the folder of the steps.

    `lock`: a number that no other advisory lock in the same PostgreSQL database uses.
    """

    setting: str
    migrations: Path
    version_table: str
    lock: int

    def find_newest(self) -> str:
        """The revision of the newest step: `v0001_….py` is "0001"."""
        return max(path.name[1:5] for path in self.migrations.glob("v*.py"))


def upgrade(connection: Connection, schema: Schema) -> None:
    """Bring the schema up to date, under a lock for all processes on this database. Raises SchemaError."""
    if connection.dialect.name == "postgresql":  # SQLite lets one process write at a time
        _check_durability(connection)
        connection.execute(text(f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT_S}s'"))
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": schema.lock})
    if inspect(connection).has_table(schema.version_table):
        query = select(table(schema.version_table, column("version_num")))
        versions = connection.scalars(query).all()
        if versions == [schema.find_newest()]:
            return
    _run_steps(connection, schema)


def _run_steps(connection: Connection, schema: Schema) -> None:
    from alembic import command  # noqa: PLC0415 - slow to load, and most starts find nothing to do
    from alembic.config import Config  # noqa: PLC0415 - as above
    from alembic.util import CommandError  # noqa: PLC0415 - as above

    config = Config()
    config.set_main_option("script_location", _spell(_ALEMBIC))
    config.set_main_option("version_locations", _spell(schema.migrations))
    config.set_main_option("path_separator", "newline")  # otherwise a path with a space would become two
    config.attributes["connection"] = connection
    config.attributes["version_table"] = schema.version_table
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise SchemaError(f"was made by a newer release ({error}): start that release") from error


def _spell(path: Path) -> str:
    return str(path).replace("%", "%%")


def _check_durability(connection: Connection) -> None:
    if connection.scalar(text("SHOW synchronous_commit")) == "off":
        raise SchemaError(
            "has synchronous_commit off, so a crash of its server loses confirmed writes: "
            "ALTER DATABASE … SET synchronous_commit = on"
        )

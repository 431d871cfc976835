"""SQL that SQLite and PostgreSQL spell differently."""

from collections.abc import Callable

from sqlalchemy import BigInteger, Connection, Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.expression import ColumnElement
from sqlalchemy.sql.functions import FunctionElement


class now_ms(FunctionElement[int]):  # noqa: N801 - named like an SQL function
    """The database's clock: milliseconds since 1970, the same for all processes."""

    type = BigInteger()
    inherit_cache = True


@compiles(now_ms, "sqlite")
def _now_ms_sqlite(_element: ColumnElement[int], _compiler: object, **_: object) -> str:
    # unixepoch('subsec') is simpler, but too new for the SQLite of Debian 12.
    return "CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER)"


@compiles(now_ms, "postgresql")
def _now_ms_postgresql(_element: ColumnElement[int], _compiler: object, **_: object) -> str:
    return "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)"


INSERTS: dict[str, Callable[[Table], postgresql.Insert | sqlite.Insert]] = {
    "postgresql": postgresql.insert,
    "sqlite": sqlite.insert,
}
"""INSERTs that can have ON CONFLICT, by the dialect's name."""


def make_insert(connection: Connection, table: Table) -> postgresql.Insert | sqlite.Insert:
    """An INSERT that can have ON CONFLICT, for this connection's engine."""
    return INSERTS[connection.dialect.name](table)

"""What SQLite and PostgreSQL spell differently."""

from collections.abc import Callable

from sqlalchemy import BigInteger, Connection, Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.expression import ColumnElement
from sqlalchemy.sql.functions import FunctionElement


class now_ms(FunctionElement[int]):  # noqa: N801 - spelled like the SQL function that it is
    """The database's own clock: milliseconds since 1970, the same for every process that asks."""

    type = BigInteger()
    inherit_cache = True


@compiles(now_ms, "sqlite")
def _now_ms_sqlite(_element: ColumnElement[int], _compiler: object, **_: object) -> str:
    # unixepoch('subsec') would read better, and is too new for the SQLite of Debian 12.
    return "CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER)"


@compiles(now_ms, "postgresql")
def _now_ms_postgresql(_element: ColumnElement[int], _compiler: object, **_: object) -> str:
    return "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)"


INSERTS: dict[str, Callable[[Table], postgresql.Insert | sqlite.Insert]] = {
    "postgresql": postgresql.insert,
    "sqlite": sqlite.insert,
}
"""INSERTs that may go on to say what happens ON CONFLICT, by the name of the engine's dialect."""


def make_insert(connection: Connection, table: Table) -> postgresql.Insert | sqlite.Insert:
    """As INSERTS, in the spelling of this connection's engine."""
    return INSERTS[connection.dialect.name](table)

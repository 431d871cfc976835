"""Plain SQL besides the stores, and the stores' own statements."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeAlias

from sqlalchemy import Connection, Engine, event, text

from runtime.database import Database

Statements: TypeAlias = list[tuple[str, Any]]


async def execute(database: Database, statement: str) -> None:
    await database.write(lambda connection: connection.execute(text(statement)))


async def fetch_rows(database: Database, query: str) -> list[dict[str, Any]]:
    """Return the rows, by the names of their columns."""
    rows = await database.read(lambda connection: connection.execute(text(query)).mappings().all())
    return [dict(row) for row in rows]


@asynccontextmanager
async def note_statements(database: Database | Path) -> AsyncIterator[Statements]:
    """Note the statements that reach this database, with their values.

    A path: of the file that a server of this process has opened. Servers that other tests share go on in this process
    meanwhile, and ask databases of their own.
    """
    engines: list[Engine] = []
    if isinstance(database, Database):
        engines = [await use(_get_engine) for use in (database.read, database.write)]
    noted: Statements = []

    def note(connection: Connection, _cursor: object, statement: str, values: Any, *_: object) -> None:  # noqa: ANN401 - the driver's
        is_ours = connection.engine in engines or connection.engine.url.database == str(database)
        if is_ours and not statement.startswith("BEGIN"):
            noted.append((statement, values))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield noted
    finally:
        event.remove(Engine, "before_cursor_execute", note)


def _get_engine(connection: Connection) -> Engine:
    return connection.engine

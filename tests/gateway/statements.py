"""Plain SQL besides the stores, and the stores' own statements."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

from sqlalchemy import Engine, event, text

from runtime.database import Database

Statements: TypeAlias = list[tuple[str, Any]]


async def execute(database: Database, statement: str) -> None:
    await database.write(lambda connection: connection.execute(text(statement)))


async def fetch_rows(database: Database, query: str) -> list[dict[str, Any]]:
    """The rows, by the names of their columns."""
    rows = await database.read(lambda connection: connection.execute(text(query)).mappings().all())
    return [dict(row) for row in rows]


@contextmanager
def note_statements() -> Iterator[Statements]:
    """Note the statements that this process sends to any database, with their values."""
    noted: Statements = []

    def note(_connection: object, _cursor: object, statement: str, values: Any, *_: object) -> None:  # noqa: ANN401 - the driver's
        if not statement.startswith("BEGIN"):
            noted.append((statement, values))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield noted
    finally:
        event.remove(Engine, "before_cursor_execute", note)

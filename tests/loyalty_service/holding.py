"""A long transaction of another client."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing

import asyncpg


@asynccontextmanager
async def hold_transaction(database_url: str, statement: str) -> AsyncIterator[None]:
    """Execute `statement`, hold its locks during the block, and undo it at the end."""
    if database_url.startswith("sqlite"):
        with closing(sqlite3.connect(database_url.removeprefix("sqlite:///"), isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute(statement)
            yield
        return
    server = await asyncpg.connect(database_url)
    try:
        await server.execute(f"BEGIN; {statement}")
        yield
    finally:
        await server.close()

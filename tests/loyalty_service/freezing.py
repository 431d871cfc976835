"""A PostgreSQL whose host falls silent: connections stay open, but no answers come."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import parse_qs, urlsplit


class Wire:
    """Passes on the bytes of clients and server until it is `silent`."""

    def __init__(self, socket_path: str) -> None:
        self._socket_path = socket_path
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: list[asyncio.StreamWriter] = []
        self.silent = asyncio.Event()

    async def connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        if self.silent.is_set():
            return
        server_reader, server_writer = await asyncio.open_unix_connection(self._socket_path)
        self._writers.append(server_writer)
        for source, sink in ((reader, server_writer), (server_reader, writer)):
            task = asyncio.create_task(self._hand_on(source, sink))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for writer in self._writers:
            writer.close()

    async def _hand_on(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while data := await source.read(65_536):
            if not self.silent.is_set():
                sink.write(data)
        sink.close()


@asynccontextmanager
async def run_wire(database_url: str) -> AsyncIterator[tuple[Wire, str]]:
    """Yield a wire, and the URL of the same database through it."""
    parts = urlsplit(database_url)
    folder = parse_qs(parts.query)["host"][0]
    wire = Wire(f"{folder}/.s.PGSQL.5432")
    async with await asyncio.start_server(wire.connect, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        try:
            yield wire, f"postgresql://postgres@127.0.0.1:{port}{parts.path}"
        finally:
            await wire.close()

"""News for the pages that are open."""

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Any

QUEUE_SIZE = 500


class Updates:
    """Each listener has a queue; None in it means that the sandbox stops."""

    def __init__(self) -> None:
        self._queues: set[asyncio.Queue[dict[str, Any] | None]] = set()

    def publish(self, update: dict[str, Any]) -> None:
        for queue in self._queues:
            if not queue.full():
                queue.put_nowait(update)

    def close(self) -> None:
        for queue in self._queues:
            while queue.full():
                queue.get_nowait()
            queue.put_nowait(None)

    @contextlib.contextmanager
    def listen(self) -> Iterator[asyncio.Queue[dict[str, Any] | None]]:
        queue: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue(QUEUE_SIZE)
        self._queues.add(queue)
        try:
            yield queue
        finally:
            self._queues.discard(queue)

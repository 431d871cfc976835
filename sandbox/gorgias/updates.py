"""Sends updates to the open pages."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from typing import Any

QUEUE_SIZE = 500

Update = dict[str, Any]


class Updates:
    """Each open page has a queue; None in it means that the sandbox stops."""

    def __init__(self) -> None:
        self._queues: set[asyncio.Queue[Update | None]] = set()

    def publish(self, update: Update) -> None:
        for queue in self._queues:
            if not queue.full():
                queue.put_nowait(update)

    def close(self) -> None:
        for queue in self._queues:
            while queue.full():
                queue.get_nowait()
            queue.put_nowait(None)

    @contextlib.contextmanager
    def listen(self) -> Iterator[asyncio.Queue[Update | None]]:
        queue: asyncio.Queue[Update | None] = asyncio.Queue(QUEUE_SIZE)
        self._queues.add(queue)
        try:
            yield queue
        finally:
            self._queues.discard(queue)


async def iterate(queue: asyncio.Queue[Update | None], pause_s: float) -> AsyncIterator[Update | None]:
    """Yield each update until the end; None after each `pause_s` without an update."""
    while True:
        try:
            update = await asyncio.wait_for(queue.get(), pause_s)
        except TimeoutError:
            yield None
            continue
        if update is None:
            return
        yield update

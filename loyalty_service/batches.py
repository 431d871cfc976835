"""Group commit: what is to be written at the same time is written together, and waits for the disk once."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from runtime.database import DatabaseError

MAX_BATCH = 32

Item = TypeVar("Item")
Result = TypeVar("Result")


class Batches(Generic[Item, Result]):
    """`write` writes items in one transaction: it returns a result or an error for each, or fails for all of them.

    The items of one queue are written batch after batch; a batch is what has come while the one before was written, at
    most `most`. So nobody waits for company, and there is company when it is busy.
    """

    def __init__(
        self, write: Callable[[Sequence[Item]], Awaitable[Sequence[Result | Exception]]], *, most: int = MAX_BATCH
    ) -> None:
        self._write = write
        self._most = most
        self._waiting: dict[str, deque[tuple[Item, asyncio.Future[Result]]]] = {}
        self._workers: set[asyncio.Task[None]] = set()

    async def put(self, queue: str, item: Item) -> Result:
        """Write an item with its like. A caller who goes away does not take it back."""
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        if queue in self._waiting:
            self._waiting[queue].append((item, future))
        else:
            self._waiting[queue] = deque([(item, future)])
            worker = asyncio.create_task(self._work(queue))
            self._workers.add(worker)
            worker.add_done_callback(self._workers.discard)
        return await future

    async def _work(self, queue: str) -> None:
        waiting = self._waiting[queue]
        try:
            while waiting:
                batch = [waiting.popleft() for _ in range(min(len(waiting), self._most))]
                results = await self._write_all([item for item, _ in batch])
                for (_, future), result in zip(batch, results, strict=True):
                    if future.done():  # its caller has gone away
                        continue
                    if isinstance(result, Exception):
                        future.set_exception(result)
                    else:
                        future.set_result(result)
        finally:
            del self._waiting[queue]

    async def _write_all(self, items: list[Item]) -> Sequence[Result | Exception]:
        try:
            return await self._write(items)
        except Exception as error:  # noqa: BLE001  whatever it is, it is for those who wait to know
            if len(items) == 1 or not _is_about_one(error):
                return [error] * len(items)
        return [(await self._write_all([item]))[0] for item in items]


def _is_about_one(error: Exception) -> bool:
    """Whether the database answers, and refuses what one of the items has in it."""
    if isinstance(error, DatabaseError):
        error = cause if isinstance(cause := error.__cause__, Exception) else error
    is_unavailable = isinstance(error, (OperationalError, InterfaceError))
    return isinstance(error, (DBAPIError, ValueError)) and not is_unavailable

"""Reads of the provider that are under way."""

import asyncio
from collections.abc import Coroutine

import msgspec

from loyalty_service.domain.errors import LoyaltyError
from loyalty_service.domain.member import Identity, Snapshot


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """How a flight ended. It was for `identity`, and began at `begin_s`.

    `is_overtaken`: the member was invalidated while it flew, so it may show what was true before.
    """

    identity: Identity
    begin_s: float
    result: Snapshot | LoyaltyError
    is_overtaken: bool = False


class Flights:
    """At most one flight under a key. Each is a task of its own: whoever waits may leave, the flight goes on."""

    def __init__(self) -> None:
        self._running: dict[str, asyncio.Task[Outcome]] = {}
        self._tasks: set[asyncio.Task[Outcome]] = set()

    def get(self, key: str) -> asyncio.Task[Outcome] | None:
        return self._running.get(key)

    def start(self, flight: Coroutine[None, None, Outcome], *keys: str) -> asyncio.Task[Outcome]:
        """Runs under each of the keys that is free."""
        task = asyncio.create_task(flight)
        self._tasks.add(task)
        mine = [key for key in keys if self._running.setdefault(key, task) is task]

        def land(_: asyncio.Task[Outcome]) -> None:
            self._tasks.discard(task)
            for key in mine:
                del self._running[key]

        task.add_done_callback(land)
        return task

    async def close(self) -> None:
        """End all; those who wait see a cancelled task."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

"""Reads of the provider that are under way."""

import asyncio
import math
from collections.abc import Callable, Coroutine

import msgspec

from loyalty_service.domain.errors import LoyaltyError
from loyalty_service.domain.member import Identity
from loyalty_service.domain.priority import Priority
from loyalty_service.domain.snapshot import Snapshot
from loyalty_service.snapshots.store import Moment

NOT_BEGUN = Moment(-math.inf, -math.inf)
"""Before everything: who has not asked yet can answer nobody."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """How a flight ended. It was for `identity`, and began at `begin`.

    `is_overtaken`: the member was invalidated while it flew, so it may show what was true before.
    """

    identity: Identity
    begin: Moment
    result: Snapshot | LoyaltyError
    is_overtaken: bool = False


class Sighting(msgspec.Struct, frozen=True, kw_only=True):
    """What the provider has answered to a flight that is still asking the ledger."""

    identity: Identity
    begin: Moment
    snapshot: Snapshot


class Flight:
    """A task of its own: whoever waits for it may leave, it goes on. `sighting` is there once the provider answered.

    `begin`: when the provider was first asked. `priority`: of the reader who started it.
    """

    def __init__(self, fly: "Callable[[Flight], Coroutine[None, None, Outcome]]") -> None:
        self.begin = NOT_BEGUN
        self.sighting: Sighting | None = None
        self.priority = Priority.BATCH
        self.task = asyncio.create_task(fly(self))


class Flights:
    """At most one flight under a key."""

    def __init__(self) -> None:
        self._running: dict[str, Flight] = {}
        self._flights: set[Flight] = set()

    def get(self, key: str) -> Flight | None:
        return self._running.get(key)

    def start(self, fly: Callable[[Flight], Coroutine[None, None, Outcome]], *keys: str) -> Flight:
        """Runs under each of the keys that is free."""
        flight = Flight(fly)
        self._flights.add(flight)
        mine = [key for key in keys if self._running.setdefault(key, flight) is flight]

        def land(_: asyncio.Task[Outcome]) -> None:
            self._flights.discard(flight)
            for key in mine:
                del self._running[key]

        flight.task.add_done_callback(land)
        return flight

    async def close(self) -> None:
        """End all; those who wait see a cancelled task."""
        tasks = [flight.task for flight in self._flights]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

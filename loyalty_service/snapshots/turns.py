"""Whose turn it is in a fleet to read the provider for somebody."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable

from loyalty_service.domain.errors import ProviderError
from loyalty_service.domain.priority import Priority
from loyalty_service.metrics import SnapshotMetrics
from loyalty_service.snapshots.failures import decode_failure, encode_failure
from loyalty_service.snapshots.flights import Flight, Outcome
from loyalty_service.snapshots.readers import Reader, get_held
from loyalty_service.snapshots.valkey_store import Boarding, ValkeyStore

# Asking is sturdier than being told: nothing is missed when a connection breaks, and one question finds out whether the
# other process has landed, failed, or been killed. There is one for a name and process, however many wait.
DEFAULT_LOOK_S = 0.02
_TOKEN_BYTES = 8


class Turns:
    """One flight for a name in the fleet: whoever has the lease flies, the others wait for the end of that flight.

    A lease that is not renewed lapses: then who waited flies. It only saves calls. That nobody holds what is old is the
    store's fence's doing.
    """

    def __init__(self, store: ValkeyStore, metrics: SnapshotMetrics, *, look_s: float = DEFAULT_LOOK_S) -> None:
        self._store = store
        self._metrics = metrics
        self._look_s = look_s

    async def fly(
        self,
        reader: Reader,
        key: str,
        merchant_key: str,
        fetch: Callable[[Flight], Awaitable[Outcome]],
        flight: Flight,
    ) -> Outcome:
        """How the flight for `reader` ended, here or elsewhere. It may be none that answers them."""
        token = secrets.token_hex(_TOKEN_BYTES)
        while True:
            boarding = await self._store.board(key, merchant_key, token)
            held = get_held(boarding.reading, reader.identity)
            outcome = held.make_outcome(reader.identity)
            if outcome is not None and reader.takes_held(held):  # put since the reader looked
                await self._release(boarding, token)
                return outcome
            if boarding.holder is None:
                return await self._fly_here(boarding, token, fetch, flight)
            self._metrics.joined.inc()
            failed = await self._wait(key, boarding.holder, reader, flight)
            if failed is not None:
                return failed
            reading = await self._store.read(key, merchant_key)
            landed = get_held(reading, reader.identity).make_outcome(reader.identity)
            if landed is not None:
                return landed

    async def _fly_here(
        self, boarding: Boarding, token: str, fetch: Callable[[Flight], Awaitable[Outcome]], flight: Flight
    ) -> Outcome:
        renewing = asyncio.create_task(self._renew(boarding, token))
        outcome = None
        try:
            outcome = await fetch(flight)
        finally:
            renewing.cancel()
            await asyncio.wait({renewing})
            await self._release(boarding, token, outcome, flight.priority)
        return outcome

    async def _renew(self, boarding: Boarding, token: str) -> None:
        while boarding.leases:
            await asyncio.sleep(self._store.lease_s / 3)
            await self._store.renew(boarding.leases, token)

    async def _release(
        self, boarding: Boarding, token: str, outcome: Outcome | None = None, priority: Priority = Priority.AWARD
    ) -> None:
        if not boarding.leases:
            return
        failure = b""
        if outcome is not None and isinstance(outcome.result, ProviderError):
            failure = encode_failure(outcome.result, outcome.begin.there_s, priority)
        await self._store.release(boarding.leases, token, failure)

    async def _wait(self, key: str, holder: bytes, reader: Reader, flight: Flight) -> Outcome | None:
        """Until the holder's flight is over. Its failure, if that is known."""
        is_flying, failure = True, None
        while is_flying:
            await asyncio.sleep(self._look_s)
            is_flying, failure = await self._store.look(key, holder)
        return None if failure is None else decode_failure(failure, reader.identity, flight.priority)

"""The shop's own e-mail addresses: mail that comes through them is not from them, so they find no member."""

import asyncio
import time
from collections.abc import Callable

from gateway.errors import StoreUnavailableError
from gateway.installation.store import InstallationStore
from runtime.addresses import make_email_key
from runtime.database import DatabaseError

_REMEMBER_S = 60.0
_CAPACITY = 10_000
_WAIT_S = 0.25


class OwnAddresses:
    """Remembers a shop's for a minute. While the database does not answer, what was known last counts."""

    def __init__(self, store: InstallationStore, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._clock = clock
        self._held: dict[str, tuple[frozenset[str], float]] = {}

    async def get(self, merchant_id: str) -> frozenset[str]:
        """The keys of the addresses. Raises StoreUnavailableError if they were never read."""
        held = self._held.get(merchant_id)
        if held is not None and self._clock() < held[1]:
            return held[0]
        until = self._clock() + _REMEMBER_S
        try:
            async with asyncio.timeout(_WAIT_S):
                addresses = await self._store.list_own_addresses(merchant_id)
            keys = frozenset(map(make_email_key, addresses))
        except (DatabaseError, TimeoutError):
            if held is None:
                raise StoreUnavailableError from None
            keys = held[0]
        self._held.pop(merchant_id, None)
        self._held[merchant_id] = (keys, until)
        if len(self._held) > _CAPACITY:
            del self._held[next(iter(self._held))]
        return keys

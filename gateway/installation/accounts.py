"""The Gorgias accounts of installed shops: one HTTP session, and a share of each account's rate."""

import time
from collections.abc import Callable
from datetime import datetime
from typing import Self

import aiohttp
import msgspec

from gateway.gorgias.errors import GorgiasError
from gateway.gorgias.rate_limiter import REQUESTS, Priority, RateLimiter
from gateway.gorgias.tickets import TicketClient
from gateway.gorgias.transport import Transport
from gateway.installation.store import Installation, InstallationStore
from runtime.database import DatabaseError
from runtime.encryption import SecretKeyError
from runtime.proxy import HttpProxy

# Errors of a call to an account: Gorgias or the installation's record cannot be read in time.
FAILURES = (GorgiasError, DatabaseError, SecretKeyError, TimeoutError)
LOOKUP_TIMEOUT_S = 1.5
NOTE_TIMEOUT_S = 8.0
_REVALIDATE_S = 5.0
_CAPACITY = 10_000


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """One client for each priority: an agent who pressed a button, a ticket event that needs its panel, the outbox.

    They differ in timeout and in their share of the account's rate. `writes_notes`: the shop wants notes.
    `update_time`: when the installation was last changed.
    """

    update_time: datetime
    writes_notes: bool
    for_press: TicketClient
    for_panel: TicketClient
    for_notes: TicketClient


class Accounts:
    """Open with `async with`. It remembers an installation for 5 s, so that a click reads the database once.

    `requests`: our share of each account's rate, in 20 s. `proxy`: the proxy for requests to Gorgias.
    """

    def __init__(
        self,
        store: InstallationStore,
        *,
        requests: int = REQUESTS,
        proxy: HttpProxy | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._proxy = proxy
        self._requests = requests
        self._clock = clock
        self._held: dict[str, tuple[float, Account | None]] = {}
        self._limiters: dict[str, RateLimiter] = {}

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self._session.close()

    async def get(self, merchant_id: str) -> Account | None:
        """Get a shop's account; None: not installed. Raises DatabaseError and SecretKeyError."""
        held = self._held.get(merchant_id)
        if held is not None and self._clock() - held[0] < _REVALIDATE_S:
            return held[1]
        return await self.fetch(merchant_id)

    async def get_as_of(self, merchant_id: str, update_time: datetime | None) -> Account | None:
        """Get the account whose installation was last changed at this time.

        The time None means: there was no installation.
        """
        held = self._held.get(merchant_id)
        if held is not None and (held[1].update_time if held[1] else None) == update_time:
            return held[1]
        return await self.fetch(merchant_id)

    async def fetch(self, merchant_id: str) -> Account | None:
        """Get the account as it is on record now."""
        began = self._clock()
        installation = await self._store.get(merchant_id)
        account = None if installation is None else self._make(installation)
        self._held.pop(merchant_id, None)
        self._held[merchant_id] = (began, account)
        if len(self._held) > _CAPACITY:
            del self._held[next(iter(self._held))]
        return account

    def _make(self, installation: Installation) -> Account:
        limiter = self._limiters.setdefault(installation.gorgias_url, RateLimiter(self._clock, requests=self._requests))

        def make_client(timeout_s: float, priority: Priority) -> TicketClient:
            transport = Transport(
                self._session,
                installation.gorgias_url,
                installation.gorgias_user,
                installation.gorgias_key,
                limiter=limiter,
                priority=priority,
                timeout_s=timeout_s,
                proxy=self._proxy,
            )
            return TicketClient(transport, installation.gorgias_user)

        return Account(
            update_time=installation.update_time,
            writes_notes=installation.writes_notes,
            for_press=make_client(LOOKUP_TIMEOUT_S, Priority.PRESS),
            for_panel=make_client(NOTE_TIMEOUT_S, Priority.PANEL),
            for_notes=make_client(NOTE_TIMEOUT_S, Priority.NOTE),
        )

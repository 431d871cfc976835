"""Remembers for some minutes what Gorgias said; however many callers wait for one thing, it is fetched once."""

import asyncio
import enum
import time
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

from gateway.gorgias.errors import (
    GorgiasContractError,
    GorgiasCredentialsError,
    GorgiasNotFoundError,
    GorgiasThrottledError,
)
from gateway.installation.accounts import FAILURES
from runtime.database import DatabaseError
from runtime.encryption import SecretKeyError
from runtime.shared_tasks import SharedTasks

_REMEMBER_S = 300.0
_REMEMBER_FAILURE_S = 5.0
_CAPACITY = 10_000
# How long a fetch may run after its callers gave up, so that the next call finds its answer.
_FLIGHT_S = 8.0
# Panels may ask once a second. One that comes slightly early waits for its permit instead of going without.
_MOST_WAIT_S = 0.4

_Key = TypeVar("_Key", bound=Hashable)
_Value = TypeVar("_Value")


class Unanswered(enum.StrEnum):
    """Why something is not known that Gorgias should say."""

    SILENT = "silent"
    # The answer is not what Gorgias documents, or a redirect.
    ODD = "odd"
    # The account's rate is used up.
    BUSY = "busy"
    # There is no such thing in the account.
    GONE = "gone"
    REFUSED = "refused"
    # It is our own database that does not answer.
    STORE = "store"


class Memory(Generic[_Key, _Value]):
    """An answer counts for 5 min, a failure for 5 s; at most 10,000 are held. `fetch` may raise FAILURES.

    `is_lasting`: whether the answer for a key may be remembered. What our own rate limiter refuses is no failure: the
    next event asks again.
    """

    def __init__(
        self,
        fetch: Callable[[_Key], Awaitable[_Value]],
        *,
        clock: Callable[[], float] = time.monotonic,
        is_lasting: Callable[[_Key], bool] = lambda _key: True,
    ) -> None:
        self._fetch = fetch
        self._clock = clock
        self._is_lasting = is_lasting
        self._held: dict[_Key, tuple[_Value | Unanswered, float]] = {}
        self._flights = SharedTasks[_Key, "_Value | Unanswered"]()

    async def close(self) -> None:
        await self._flights.close()

    async def find(self, key: _Key, *, timeout_s: float) -> _Value | Unanswered:
        held = self._held.get(key)
        if held is not None and self._clock() < held[1]:
            return held[0]
        flight = self._flights.join(key, lambda: self._fly(key))
        await asyncio.wait({flight}, timeout=timeout_s)
        return flight.result() if flight.done() else Unanswered.SILENT

    async def _fly(self, key: _Key) -> _Value | Unanswered:
        try:
            async with asyncio.timeout(_FLIGHT_S):
                answer = await self._fetch_with_permit(key)
        except FAILURES as error:
            why = _name_failure(error)
            if not (isinstance(error, GorgiasThrottledError) and error.is_ours):
                self._remember(key, why, _REMEMBER_FAILURE_S)
            return why
        if self._is_lasting(key):
            self._remember(key, answer, _REMEMBER_S)
        return answer

    async def _fetch_with_permit(self, key: _Key) -> _Value:
        try:
            return await self._fetch(key)
        except GorgiasThrottledError as error:
            if not error.is_ours or error.retry_after_s > _MOST_WAIT_S:
                raise
            wait_s = error.retry_after_s
        await asyncio.sleep(wait_s)
        return await self._fetch(key)

    def _remember(self, key: _Key, answer: _Value | Unanswered, time_s: float) -> None:
        self._held.pop(key, None)
        self._held[key] = (answer, self._clock() + time_s)
        if len(self._held) > _CAPACITY:
            del self._held[next(iter(self._held))]


def _name_failure(error: Exception) -> Unanswered:
    match error:
        case GorgiasThrottledError():
            return Unanswered.BUSY
        case GorgiasNotFoundError():
            return Unanswered.GONE
        case GorgiasCredentialsError():
            return Unanswered.REFUSED
        case GorgiasContractError():
            return Unanswered.ODD
        case DatabaseError() | SecretKeyError():
            return Unanswered.STORE
    return Unanswered.SILENT

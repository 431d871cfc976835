"""Single flight: at most one read of the provider for a member at a time, for all callers of this process."""

import asyncio
from collections.abc import Coroutine

from loyalty_service.domain.errors import (
    LoyaltyError,
    MemberNotFoundError,
    ProviderError,
    ProviderThrottledError,
    SearchesExhaustedError,
)
from loyalty_service.domain.member import Identity
from loyalty_service.domain.merchant import Merchant
from loyalty_service.domain.priority import Priority
from loyalty_service.domain.searches import Searches
from loyalty_service.domain.snapshot import Snapshot
from loyalty_service.snapshots.keys import name_kind

_Key = tuple[str, str, str, str]


class Flight:
    """A read of the provider in a separate task: a cancelled caller does not cancel it.

    `began_s`: when it began, on this process's monotonic clock. `is_outdated`: a member was invalidated since then. The
    flight's member is not known before it ends, so an invalidation of any of the merchant's members counts.
    `searches`: of the caller who started it.
    """

    task: asyncio.Task[Snapshot | LoyaltyError]

    def __init__(
        self, merchant: Merchant, identity: Identity, priority: Priority, searches: Searches, *, began_s: float
    ) -> None:
        self.merchant = merchant
        self.identity = identity
        self.priority = priority
        self.searches = searches
        self.began_s = began_s
        self.is_outdated = False

    def answers(self, identity: Identity, priority: Priority) -> bool:
        """Whether its result is also an answer for another caller."""
        found = self.task.result()
        if self.is_outdated or isinstance(found, SearchesExhaustedError):
            return False  # another caller may search more
        if isinstance(found, ProviderThrottledError) and priority < self.priority:
            return False  # a read of higher priority may get a permit
        if isinstance(found, ProviderError):
            return True
        if (self.identity.kind, self.identity.key) == (identity.kind, identity.key):
            return not isinstance(found, MemberNotFoundError) or identity.value in self.identity.list_spellings()
        # The flight was for an alias of this member, and may have found that the alias names somebody else now.
        return isinstance(found, Snapshot) and found.member.member_id == identity.value


class SingleFlight:
    """Flights by identity, and by the remembered member of the identity."""

    def __init__(self) -> None:
        self._by_key: dict[_Key, Flight] = {}
        self._flights: set[Flight] = set()

    def get(self, merchant: Merchant, identity: Identity) -> Flight | None:
        return self._by_key.get(_make_key(merchant, identity))

    def start(
        self,
        flight: Flight,
        read: Coroutine[None, None, Snapshot | LoyaltyError],
        remembered_member_id: str | None,
    ) -> None:
        """Start a flight that runs `read`. If the remembered member has a flight, that one stays."""
        keys = {_make_key(flight.merchant, flight.identity)}
        if remembered_member_id is not None:
            keys.add(_make_key(flight.merchant, Identity(kind="member_id", value=remembered_member_id)))
        own = [key for key in keys if self._by_key.setdefault(key, flight) is flight]
        self._flights.add(flight)

        def end(_: asyncio.Task[Snapshot | LoyaltyError]) -> None:
            self._flights.discard(flight)
            for key in own:
                del self._by_key[key]

        flight.task = asyncio.create_task(read)
        flight.task.add_done_callback(end)

    def invalidate(self, merchant: Merchant) -> None:
        """Mark all flights of the merchant as outdated."""
        for flight in self._flights:
            if flight.merchant.merchant_id == merchant.merchant_id:
                flight.is_outdated = True

    async def close(self) -> None:
        """Cancel all flights. Their callers see a cancelled task."""
        tasks = [flight.task for flight in self._flights]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _make_key(merchant: Merchant, identity: Identity) -> _Key:
    return merchant.merchant_id, merchant.generation, name_kind(merchant, identity), identity.key

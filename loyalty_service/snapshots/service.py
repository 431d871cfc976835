"""Members' snapshots, held between reads of TRIFFT: get, invalidate, erase."""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Collection
from contextlib import AsyncExitStack, asynccontextmanager

import msgspec
from prometheus_client import CollectorRegistry

from loyalty_service.domain.errors import (
    BadValueError,
    LoyaltyError,
    MemberAmbiguousError,
    MemberNotFoundError,
    ProviderError,
    ProviderTimeoutError,
    ProviderUnavailableError,
    SnapshotsUnavailableError,
)
from loyalty_service.domain.member import Identity, parse_identity
from loyalty_service.domain.merchant import Merchant
from loyalty_service.domain.ports import Clock, HeldSnapshot, Holding, LoyaltyProvider, RecentAwards, Snapshots
from loyalty_service.domain.priority import Priority
from loyalty_service.domain.searches import Searches
from loyalty_service.domain.snapshot import Snapshot
from loyalty_service.metrics import SnapshotMetrics
from loyalty_service.snapshots.cache import SnapshotCache
from loyalty_service.snapshots.freshness import Freshness, Held, HoldTimes
from loyalty_service.snapshots.keys import SECRET_BYTES, Keys
from loyalty_service.snapshots.recent_awards import RecentAwardsReader
from loyalty_service.snapshots.single_flight import Flight, SingleFlight
from loyalty_service.snapshots.stores.memory import MemoryStore
from loyalty_service.snapshots.stores.protocol import Store
from loyalty_service.snapshots.stores.valkey import SharedStore, ValkeyStore
from runtime.encryption import derive

DEFAULT_FETCH_TIMEOUT_S = 1.6
LEDGER_TIMEOUT_S = 0.25


class SnapshotService:
    """Implements the port Snapshots.

    A flight reads the provider, then the ledger. A writer to the ledger invalidates the member after its commit. So a
    flight that read the ledger before the commit is outdated, and is not held.
    """

    def __init__(  # noqa: PLR0913 - its parts
        self,
        *,
        provider: LoyaltyProvider,
        recent_awards: RecentAwardsReader,
        cache: SnapshotCache,
        clock: Clock,
        times: HoldTimes,
        metrics: SnapshotMetrics,
        fetch_timeout_s: float,
    ) -> None:
        self._provider = provider
        self._recent_awards = recent_awards
        self._cache = cache
        self._clock = clock
        self._times = times
        self._metrics = metrics
        self._fetch_timeout_s = fetch_timeout_s
        self._flights = SingleFlight()

    async def close(self) -> None:
        await self._flights.close()
        await self._recent_awards.close()

    async def get(  # noqa: PLR0913 - as the port
        self,
        merchant: Merchant,
        identity: Identity,
        *,
        max_staleness_s: float | None,
        timeout_s: float,
        priority: Priority = Priority.TICKET,
        stale_if_error: bool = True,
        searches: Searches | None = None,
    ) -> HeldSnapshot:
        """See the port."""
        searches = searches or Searches()
        end_time = asyncio.get_running_loop().time() + timeout_s
        staleness_s = self._times.get_hold_s(merchant) if max_staleness_s is None else max_staleness_s
        freshness = Freshness(call_time_s=self._clock.monotonic(), max_staleness_s=staleness_s)
        held = await self._cache.find_if_up(merchant, identity)
        if held.found is not None and freshness.allows(held.began_s):
            self._metrics.held.inc()
            return _answer(held.found, searches)
        try:
            async with asyncio.timeout_at(end_time):
                found = await self._fetch(merchant, identity, freshness, priority, searches=searches, held=held)
        except TimeoutError:
            found = ProviderTimeoutError(f"TRIFFT did not answer within {timeout_s:g} s")
        if isinstance(found, ProviderError):
            return await self._get_stale(merchant, identity, freshness, found, may_be_stale=stale_if_error)
        self._metrics.fetched.inc()
        return _answer(found, searches)

    async def get_held(self, merchant: Merchant, member_id: str) -> Snapshot | None:
        """See the port."""
        held = await self._cache.find_if_up(merchant, _name_member(member_id))
        return held.found if isinstance(held.found, Snapshot) else None

    async def get_holding(self, merchant: Merchant, identity: Identity) -> Holding | None:
        """See the port."""
        held = await self._cache.find(merchant, identity)
        if held.found is None:
            return None
        snapshot = held.found if isinstance(held.found, Snapshot) else None
        several = held.found.member_count if isinstance(held.found, MemberAmbiguousError) else 0
        return Holding(
            snapshot=snapshot,
            member_count=1 if snapshot else several,
            fetch_time=held.found.fetch_time,
            age_s=max(0.0, self._clock.monotonic() - held.began_s),
            hold_time_s=self._times.get_hold_s(merchant),
            stale_if_error_s=self._times.get_stale_s(merchant),
        )

    async def invalidate(self, merchant: Merchant, member_id: str) -> None:
        """See the port."""
        with contextlib.suppress(SnapshotsUnavailableError):
            await self._invalidate(merchant, _name_member(member_id))

    async def drop(self, merchant: Merchant, identity: Identity) -> None:
        """See the port."""
        member_id = (await self._cache.find(merchant, identity)).remembered_member_id
        await self._invalidate(merchant, identity if member_id is None else _name_member(member_id))

    async def erase(self, merchant: Merchant, member_id: str, identities: Collection[Identity]) -> int:
        """See the port. Other identities of the member are only dropped if they are in the held snapshot."""
        names = {*identities, _name_member(member_id)} if member_id else set(identities)
        found = [await self._cache.find(merchant, identity) for identity in names]
        if not member_id:
            names |= {_name_member(held.remembered_member_id) for held in found if held.remembered_member_id}
        for snapshot in [held.found for held in found if isinstance(held.found, Snapshot)]:
            with contextlib.suppress(BadValueError):  # then it was never an identity
                by_support_id = parse_identity("support_id", snapshot.member.support_id)
                named_id = (await self._cache.find(merchant, by_support_id)).remembered_member_id
                # The snapshot's support ID is cleaned for display, so it may be another member's.
                if named_id in {None, snapshot.member.member_id}:
                    names.add(by_support_id)
        dropped_count = sum([await self._invalidate(merchant, identity) for identity in names])
        # Once more: where no member is held, what names several members is dropped, which may name this one.
        await self._invalidate(merchant, next(iter(names)))
        return dropped_count

    async def _invalidate(self, merchant: Merchant, identity: Identity) -> bool:
        self._flights.invalidate(merchant)
        return await self._cache.invalidate(merchant, identity)

    async def _fetch(  # noqa: PLR0913 - each states a condition of the read
        self,
        merchant: Merchant,
        identity: Identity,
        freshness: Freshness,
        priority: Priority,
        *,
        searches: Searches,
        held: Held,
    ) -> Snapshot | LoyaltyError:
        """Start a flight, or join one that is new enough. Callers for whom it is too old share the next flight."""
        while True:
            flight, is_mine = self._flights.get(merchant, identity), False
            if flight is None:
                flight, is_mine = self._start(merchant, identity, priority, searches, held), True
            else:
                self._metrics.joined.inc()
            await asyncio.wait({flight.task})
            if flight.task.cancelled():
                return ProviderUnavailableError("the service is shutting down")
            if is_mine or (freshness.allows(flight.began_s) and flight.answers(identity, priority)):
                return flight.task.result()
            held = await self._cache.find_if_up(merchant, identity)
            if held.found is not None and freshness.allows(held.began_s):
                return held.found

    def _start(
        self, merchant: Merchant, identity: Identity, priority: Priority, searches: Searches, held: Held
    ) -> Flight:
        remembered_id = held.remembered_member_id
        if held.found is None and remembered_id is not None and priority is Priority.TICKET:
            # An award has dropped the member, and the agent is looking: without a permit there is nothing to show.
            priority = Priority.AWARD
        flight = Flight(merchant, identity, priority, searches, began_s=self._clock.monotonic())
        self._flights.start(flight, self._read(flight, remembered_id), remembered_id)
        return flight

    async def _read(self, flight: Flight, remembered_id: str | None) -> Snapshot | LoyaltyError:
        """The work of a flight: read the provider and the ledger, and hold the result."""
        merchant, identity = flight.merchant, flight.identity
        began_us = await self._cache.begin(merchant)
        found: Snapshot | MemberNotFoundError | MemberAmbiguousError
        try:
            found = await self._provider.fetch(
                merchant,
                identity,
                remembered_member_id=remembered_id,
                searches=flight.searches,
                priority=flight.priority,
                timeout_s=self._fetch_timeout_s,
            )
        except (MemberNotFoundError, MemberAmbiguousError) as error:
            found = error
        except LoyaltyError as error:
            return error
        else:
            awards = await self._recent_awards.read(merchant.merchant_id, found.member.member_id)
            found = msgspec.structs.replace(found, support_awards=awards)
        if not await self._cache.put(merchant, identity, found, began_us):
            flight.is_outdated = True
        return found

    async def _get_stale(
        self, merchant: Merchant, identity: Identity, freshness: Freshness, error: ProviderError, *, may_be_stale: bool
    ) -> HeldSnapshot:
        """Return what is held if it is not too old, otherwise raise the error."""
        held = await self._cache.find_if_up(merchant, identity)
        if isinstance(held.found, Snapshot):
            if freshness.allows(held.began_s):  # another flight has put it meanwhile
                self._metrics.fetched.inc()
                return HeldSnapshot(snapshot=held.found, stale_reason=None)
            if may_be_stale and held.began_s >= self._clock.monotonic() - self._times.get_stale_s(merchant):
                self._metrics.stale.inc()
                return HeldSnapshot(snapshot=held.found, stale_reason=error.reason)
        self._metrics.none.inc()
        raise error.with_traceback(None)  # several callers may raise the same error


def _name_member(member_id: str) -> Identity:
    return Identity(kind="member_id", value=member_id)


def _answer(found: Snapshot | LoyaltyError, searches: Searches) -> HeldSnapshot:
    """Several callers may raise the same error. Each of them says how often it has searched itself."""
    match found:
        case Snapshot():
            return HeldSnapshot(snapshot=found, stale_reason=None)
        case MemberNotFoundError():
            raise MemberNotFoundError(found.fetch_time, search_count=searches.count)
        case MemberAmbiguousError():
            raise MemberAmbiguousError(found.support_ids, found.fetch_time, search_count=searches.count)
    raise found.with_traceback(None)


@asynccontextmanager
async def open_snapshots(  # noqa: PLR0913 - parts and settings
    provider: LoyaltyProvider,
    clock: Clock,
    *,
    recent: RecentAwards,
    hold_time_s: float,
    stale_if_error_s: float,
    capacity: int,
    shared: SharedStore | None = None,
    fetch_timeout_s: float = DEFAULT_FETCH_TIMEOUT_S,
    ledger_timeout_s: float = LEDGER_TIMEOUT_S,
    metrics: SnapshotMetrics | None = None,
) -> AsyncIterator[Snapshots]:
    """Open the service on a fleet's store, or in memory with at most `capacity` entries (two for one found by e-mail).

    Leaving the block cancels running reads.
    """
    metrics = metrics or SnapshotMetrics(CollectorRegistry())
    times = HoldTimes(hold_time_s=hold_time_s, stale_if_error_s=stale_if_error_s)
    store: Store
    async with AsyncExitStack() as stack:
        if shared is None:
            keys = Keys(secrets.token_bytes(SECRET_BYTES))
            store = memory = MemoryStore(clock, capacity=capacity)
            metrics.show_entries(lambda: len(memory))
        else:
            keys = Keys(derive(shared.secret, "snapshots.names"))
            store = ValkeyStore(shared, clock)
            stack.push_async_callback(store.close)
        service = SnapshotService(
            provider=provider,
            recent_awards=RecentAwardsReader(recent, timeout_s=ledger_timeout_s),
            cache=SnapshotCache(store, keys, clock, times),
            clock=clock,
            times=times,
            metrics=metrics,
            fetch_timeout_s=fetch_timeout_s,
        )
        stack.push_async_callback(service.close)
        yield service

"""Opens the snapshots."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
from prometheus_client import CollectorRegistry
from redis.asyncio import Redis

from loyalty_service.domain.ports import Clock, LoyaltyProvider, RecentAwards, Snapshots
from loyalty_service.metrics import SnapshotMetrics
from loyalty_service.snapshots.cached import CachedSnapshots, Times
from loyalty_service.snapshots.entries import EntrySerializer
from loyalty_service.snapshots.guard import DEFAULT_PAUSE_S
from loyalty_service.snapshots.keys import Keys
from loyalty_service.snapshots.memory import MemoryCache
from loyalty_service.snapshots.scripts import SERVER_CLOCK
from loyalty_service.snapshots.sealing import Seal
from loyalty_service.snapshots.stamps import Stamps
from loyalty_service.snapshots.store import CacheStore, Store
from loyalty_service.snapshots.support import SupportAwards
from loyalty_service.snapshots.turns import DEFAULT_LOOK_S, Turns
from loyalty_service.snapshots.valkey_cache import ValkeyCache
from loyalty_service.snapshots.valkey_store import DEFAULT_LEASE_S, ValkeyStore
from loyalty_service.valkey import TIMEOUT_S
from runtime.encryption import derive

DEFAULT_FETCH_TIMEOUT_S = 1.6
DEFAULT_LEDGER_TIMEOUT_S = 0.25
_SECRET_BYTES = 32


class Fleet(msgspec.Struct, frozen=True):
    """The store that processes share, and the secret that their keys and values are made with.

    Tests set the rest: the server's clock in Lua; in seconds, how long a lease lasts, how often a waiter looks, how
    long a call may take, and a store that failed is left alone.
    """

    valkey: Redis
    secret: bytes
    clock: str = SERVER_CLOCK
    lease_s: float = DEFAULT_LEASE_S
    look_s: float = DEFAULT_LOOK_S
    timeout_s: float = TIMEOUT_S
    pause_s: float = DEFAULT_PAUSE_S


@asynccontextmanager
async def open_snapshots(  # noqa: PLR0913 - each a setting of its own
    provider: LoyaltyProvider,
    clock: Clock,
    *,
    recent: RecentAwards,
    hold_time_s: float,
    stale_if_error_s: float,
    capacity: int,
    fleet: Fleet | None = None,
    fetch_timeout_s: float = DEFAULT_FETCH_TIMEOUT_S,
    ledger_timeout_s: float = DEFAULT_LEDGER_TIMEOUT_S,
    metrics: SnapshotMetrics | None = None,
) -> AsyncIterator[Snapshots]:
    """Held by the fleet, else in memory: at most `capacity` entries (two for a member found by e-mail).

    Leaving ends the reads that are under way.
    """
    metrics = metrics or SnapshotMetrics(CollectorRegistry())
    times = Times(hold_time_s=hold_time_s, stale_if_error_s=stale_if_error_s, fetch_timeout_s=fetch_timeout_s)
    support = SupportAwards(recent, timeout_s=ledger_timeout_s)
    stamps = Stamps(clock)
    if fleet is None:
        opening = _open_memory(clock, stamps, metrics, capacity)
        keys = Keys(secrets.token_bytes(_SECRET_BYTES))
    else:
        opening = _open_fleet(fleet, stamps, metrics)
        keys = Keys(derive(fleet.secret, "snapshots.names"))
    async with opening as (store, turns):
        snapshots = CachedSnapshots(
            provider=provider, support=support, store=store, keys=keys, times=times, metrics=metrics, turns=turns
        )
        try:
            yield snapshots
        finally:
            await snapshots.close()


_Opened = tuple[Store, Turns | None]


@asynccontextmanager
async def _open_memory(clock: Clock, stamps: Stamps, metrics: SnapshotMetrics, capacity: int) -> AsyncIterator[_Opened]:
    cache = MemoryCache(capacity=capacity, monotonic=clock.monotonic, serializer=EntrySerializer())
    metrics.show_entries(lambda: len(cache))
    try:
        yield CacheStore(cache, stamps), None
    finally:
        await cache.close()


@asynccontextmanager
async def _open_fleet(fleet: Fleet, stamps: Stamps, metrics: SnapshotMetrics) -> AsyncIterator[_Opened]:
    cache = ValkeyCache(fleet.valkey, Seal(derive(fleet.secret, "snapshots.values")))
    store = ValkeyStore(
        fleet.valkey,
        cache,
        stamps,
        metrics,
        clock=fleet.clock,
        lease_s=fleet.lease_s,
        timeout_s=fleet.timeout_s,
        pause_s=fleet.pause_s,
    )
    try:
        yield store, Turns(store, metrics, look_s=fleet.look_s)
    finally:
        await store.close()

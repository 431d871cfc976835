"""Opens the snapshots."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from loyalty_service.domain.ports import Clock, LoyaltyProvider, RecentAwards, Snapshots
from loyalty_service.snapshots.cached import CachedSnapshots, Times
from loyalty_service.snapshots.entries import EntrySerializer
from loyalty_service.snapshots.keys import Keys
from loyalty_service.snapshots.memory import MemoryCache
from loyalty_service.snapshots.store import CacheStore
from loyalty_service.snapshots.support import SupportAwards

DEFAULT_FETCH_TIMEOUT_S = 1.6
DEFAULT_LEDGER_TIMEOUT_S = 0.25
_SECRET_BYTES = 32


@asynccontextmanager
async def open_snapshots(  # noqa: PLR0913 - each a setting of its own
    provider: LoyaltyProvider,
    clock: Clock,
    *,
    recent: RecentAwards,
    hold_time_s: float,
    stale_if_error_s: float,
    capacity: int,
    fetch_timeout_s: float = DEFAULT_FETCH_TIMEOUT_S,
    ledger_timeout_s: float = DEFAULT_LEDGER_TIMEOUT_S,
) -> AsyncIterator[Snapshots]:
    """At most `capacity` entries (two for a member found by e-mail). Leaving ends the reads that are under way."""
    cache = MemoryCache(capacity=capacity, monotonic=clock.monotonic, serializer=EntrySerializer())
    times = Times(hold_time_s=hold_time_s, stale_if_error_s=stale_if_error_s, fetch_timeout_s=fetch_timeout_s)
    store = CacheStore(cache, clock, keep_s=max(hold_time_s, stale_if_error_s), keep_nobody_s=hold_time_s)
    support = SupportAwards(recent, timeout_s=ledger_timeout_s)
    snapshots = CachedSnapshots(provider, support, store, Keys(secrets.token_bytes(_SECRET_BYTES)), times)
    try:
        yield snapshots
    finally:
        await snapshots.close()
        await cache.close()

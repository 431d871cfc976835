"""TRIFFT as a LoyaltyProvider."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from types import TracebackType
from typing import Self

from loyalty_service.domain.award import Receipt
from loyalty_service.domain.errors import (
    BadValueError,
    ProviderContractError,
    ProviderRefusedError,
    ProviderTimeoutError,
)
from loyalty_service.domain.findings import Findings
from loyalty_service.domain.member import Identity
from loyalty_service.domain.merchant import Merchant
from loyalty_service.domain.ports import Booking, Clock, Movements
from loyalty_service.domain.priority import Priority
from loyalty_service.domain.searches import Searches
from loyalty_service.domain.snapshot import Snapshot
from loyalty_service.domain.verification import Inspection
from loyalty_service.metrics import Metrics
from loyalty_service.outbound.service import Outbound
from loyalty_service.trifft.bookings import BookingKind, Bookings
from loyalty_service.trifft.observations.service import Observations
from loyalty_service.trifft.profile import Profile, parse_profile
from loyalty_service.trifft.reads import Read
from loyalty_service.valkey import Valkey
from runtime.proxy import HttpProxy

# One request for a member, one for their coupons.
_MEMBER_REQUESTS = 2


class TrifftProvider:
    """Implements the port LoyaltyProvider. `async with` opens and closes its connections.

    `valkey`, `replicas`, `proxy`: see Outbound.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        metrics: Metrics | None = None,
        valkey: Valkey | None = None,
        replicas: int = 1,
        proxy: HttpProxy | None = None,
    ) -> None:
        metrics = metrics or Metrics()
        self._clock = clock
        self._outbound = Outbound(clock, metrics, valkey=valkey, replicas=replicas, proxy=proxy)
        self._observations = Observations(clock, metrics)
        self._bookings = Bookings(self._outbound, clock, self._observations)

    async def __aenter__(self) -> Self:
        await self._outbound.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._outbound.__aexit__(kind, error, trace)

    async def fetch(  # noqa: PLR0913 - each states a condition of the read
        self,
        merchant: Merchant,
        identity: Identity,
        *,
        remembered_member_id: str | None,
        searches: Searches,
        priority: Priority,
        timeout_s: float,
    ) -> Snapshot:
        """See the port. Also raises BadValueError for a kind of identity that the profile cannot search for."""
        async with self._read(merchant, priority, timeout_s, count=_MEMBER_REQUESTS) as read:
            return await read.fetch(identity, remembered_member_id, searches)

    async def inspect(self, merchant: Merchant, identity: Identity, *, timeout_s: float) -> Inspection:
        """See the port. A person waits for it; as `probe` it goes past the circuit breaker, within the rate."""
        async with self._read(merchant, Priority.AWARD, timeout_s, count=_MEMBER_REQUESTS, is_forced=True) as read:
            return await read.inspect(identity, Searches())

    async def credit(self, merchant: Merchant, credit: Booking, *, timeout_s: float) -> Receipt:
        """See the port."""
        return await self._book(merchant, "credit", credit, timeout_s)

    async def debit(self, merchant: Merchant, booking: Booking, *, timeout_s: float) -> Receipt:
        """See the port."""
        return await self._book(merchant, "debit", booking, timeout_s)

    async def list_movements(
        self, merchant: Merchant, member_id: str, *, since: datetime, timeout_s: float
    ) -> Movements | None:
        """See the port."""
        operation = self._get_profile(merchant).list_movements
        if not operation.path:
            return None
        async with self._read(merchant, Priority.BATCH, timeout_s) as read:
            return await read.list_movements(member_id, since)

    async def probe(self, merchant: Merchant, *, timeout_s: float) -> None:
        """See the port. A probe ignores the circuit breaker, but keeps to the rate."""
        async with self._read(merchant, Priority.BATCH, timeout_s, is_forced=True) as read:
            await read.probe()

    def get_findings(self, merchant: Merchant) -> Findings:
        """See the port."""
        profile = self._get_profile(merchant)
        rate, breaker = self._outbound.describe_rate(merchant, profile.rate), self._outbound.describe_breaker(merchant)
        return self._observations.find(merchant, profile, rate=rate, breaker=breaker)

    @asynccontextmanager
    async def _read(
        self, merchant: Merchant, priority: Priority, timeout_s: float, *, count: int = 1, is_forced: bool = False
    ) -> AsyncIterator[Read]:
        """Wrap a read that begins now."""
        profile, observed, read = self._get_profile(merchant), self._observations.open(merchant), None
        try:
            async with self._outbound.open_read(
                merchant, profile.rate, priority, timeout_s=timeout_s, count=count, is_forced=is_forced
            ) as requests:
                read = Read(requests, profile, merchant, self._clock.now(), observed)
                yield read
        except ProviderTimeoutError:
            if read and read.asked:
                observed.fail(read.asked)
            raise

    async def _book(self, merchant: Merchant, kind: BookingKind, booking: Booking, timeout_s: float) -> Receipt:
        try:
            profile = self._get_profile(merchant)
        except ProviderContractError as error:
            raise ProviderRefusedError(error.message) from error
        return await self._bookings.send(merchant, profile, kind, booking, timeout_s=timeout_s)

    def _get_profile(self, merchant: Merchant) -> Profile:
        try:
            return parse_profile(merchant.profile)
        except BadValueError as error:
            raise ProviderContractError(f"the shop's wire profile {error.description}") from error

"""TRIFFT as a LoyaltyProvider."""

import asyncio
import functools
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
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
from loyalty_service.domain.member import Identity
from loyalty_service.domain.merchant import Merchant
from loyalty_service.domain.ports import Booking, Clock, Movements, UnreadableField
from loyalty_service.domain.priority import Priority
from loyalty_service.domain.snapshot import Snapshot
from loyalty_service.metrics import Metrics
from loyalty_service.trifft.bookings import BookingKind, Bookings
from loyalty_service.trifft.breaker import Breaker
from loyalty_service.trifft.budget import Budget
from loyalty_service.trifft.exchange import MAX_REPEATS, Exchange
from loyalty_service.trifft.fleet import Fleet
from loyalty_service.trifft.profile import Profile, parse_profile
from loyalty_service.trifft.rack import Rack
from loyalty_service.trifft.reads import Read
from loyalty_service.trifft.transport import Transport
from loyalty_service.trifft.unreadable import UnreadableFields
from loyalty_service.valkey import Valkey
from runtime.proxy import HttpProxy

_PROFILES = 256
# A member, and their coupons.
_READ_SET = 2
# A read waits for its slots so much of its time: the rest is the provider's, or each would be late for its answer.
_WAIT_SHARE = 0.5


class TrifftProvider:
    """Implements the port LoyaltyProvider. `async with` opens and closes its connections.

    `valkey`: the store in which the fleet counts its requests together; without one each of `replicas` processes keeps
    to its share of what TRIFFT allows. `proxy`: the way out to TRIFFT.
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
        self._clock = clock
        self._metrics = metrics or Metrics()
        self._valkey = valkey
        self._rack = Rack(clock, replicas)
        self._budget = Budget(self._rack, clock, self._metrics)
        self._breaker = Breaker(clock)
        self._transport = Transport(proxy)
        self._unreadable = UnreadableFields(clock, self._metrics)
        self._bookings = Bookings(self._transport, self._budget, self._breaker, clock, self._unreadable)
        self._parse_profile = functools.lru_cache(maxsize=_PROFILES)(parse_profile)
        self._metrics.watch_provider(count_breakers=self._breaker.count, count_closed=self._rack.count_closed)

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            if self._valkey is not None:
                fleet = Fleet(self._valkey.client, self._clock, self._rack.list_known)
                self._rack.fleet = await stack.enter_async_context(fleet)
            stack.push_async_callback(self._budget.close)
            await stack.enter_async_context(self._transport)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def fetch(
        self,
        merchant: Merchant,
        identity: Identity,
        *,
        remembered_member_id: str | None,
        priority: Priority,
        timeout_s: float,
    ) -> Snapshot:
        """See the port. Also raises BadValueError for a kind of identity that the profile cannot search for."""
        async with self._read(merchant, priority, timeout_s, count=_READ_SET) as read:
            return await read.fetch(identity, remembered_member_id)

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
        """See the port. Whoever asks so wants the truth: it goes past the breaker, within the budget."""
        async with self._read(merchant, Priority.BATCH, timeout_s, is_forced=True) as read:
            await read.probe()

    def list_unreadable(self, merchant: Merchant) -> tuple[UnreadableField, ...]:
        """See the port."""
        try:
            return self._unreadable.list(merchant, self._get_profile(merchant))
        except ProviderContractError:
            return ()

    @asynccontextmanager
    async def _read(
        self,
        merchant: Merchant,
        priority: Priority,
        timeout_s: float,
        *,
        count: int = 1,
        is_forced: bool = False,
    ) -> AsyncIterator[Read]:
        """A read that has its slots, and begins now. Raises ProviderTimeoutError when its time is over."""
        profile = self._get_profile(merchant)
        deadline_s = self._clock.monotonic() + timeout_s
        wait_s = timeout_s * _WAIT_SHARE
        with self._breaker.attempt(merchant, is_forced=is_forced) as attempt:
            try:
                async with (
                    asyncio.timeout(timeout_s),
                    self._budget.take(
                        merchant, profile.rate, priority, count=count, wait_s=wait_s, timeout_s=timeout_s
                    ) as permit,
                ):
                    exchange = Exchange(
                        self._transport,
                        permit,
                        self._clock,
                        self._metrics,
                        deadline_s=deadline_s,
                        repeats=0 if attempt.is_probe else MAX_REPEATS,
                    )
                    yield Read(exchange, profile, merchant, self._clock.now(), self._unreadable)
            except TimeoutError as error:
                raise ProviderTimeoutError(f"TRIFFT did not answer within {timeout_s:g} s") from error

    async def _book(self, merchant: Merchant, kind: BookingKind, booking: Booking, timeout_s: float) -> Receipt:
        try:
            profile = self._get_profile(merchant)
        except ProviderContractError as error:
            raise ProviderRefusedError(error.message) from error
        return await self._bookings.send(merchant, profile, kind, booking, timeout_s=timeout_s)

    def _get_profile(self, merchant: Merchant) -> Profile:
        try:
            return self._parse_profile(merchant.profile)
        except BadValueError as error:
            raise ProviderContractError(f"the shop's wire profile {error.description}") from error

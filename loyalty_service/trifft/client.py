"""TRIFFT as a LoyaltyProvider."""

import asyncio
import functools
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
from loyalty_service.domain.member import Identity
from loyalty_service.domain.merchant import Merchant
from loyalty_service.domain.ports import Booking, Clock, Movements
from loyalty_service.domain.snapshot import Snapshot
from loyalty_service.trifft.bookings import BookingKind, Bookings
from loyalty_service.trifft.profile import Profile, parse_profile
from loyalty_service.trifft.reads import Read
from loyalty_service.trifft.transport import Transport

_PROFILES = 256


class TrifftProvider:
    """Implements the port LoyaltyProvider. `async with` opens and closes its connections."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._transport = Transport()
        self._bookings = Bookings(self._transport, clock)
        self._parse_profile = functools.lru_cache(maxsize=_PROFILES)(parse_profile)

    async def __aenter__(self) -> Self:
        await self._transport.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._transport.__aexit__(kind, error, trace)

    async def fetch(
        self, merchant: Merchant, identity: Identity, *, remembered_member_id: str | None, timeout_s: float
    ) -> Snapshot:
        """See the port. Also raises BadValueError for a kind of identity that the profile cannot search for."""
        async with self._read(merchant, timeout_s) as read:
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
        async with self._read(merchant, timeout_s) as read:
            return await read.list_movements(member_id, since)

    async def probe(self, merchant: Merchant, *, timeout_s: float) -> None:
        """See the port."""
        async with self._read(merchant, timeout_s) as read:
            await read.probe()

    @asynccontextmanager
    async def _read(self, merchant: Merchant, timeout_s: float) -> AsyncIterator[Read]:
        """A read that begins now. Raises ProviderTimeoutError when its time is over."""
        profile = self._get_profile(merchant)
        try:
            async with asyncio.timeout(timeout_s):
                yield Read(self._transport, profile, merchant, self._clock.now())
        except TimeoutError as error:
            raise ProviderTimeoutError(f"the provider did not answer within {timeout_s:g} s") from error

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
            raise ProviderContractError("the merchant's wire profile cannot be read") from error

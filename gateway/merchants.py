"""The shops as the loyalty service has them, kept in memory for some seconds."""

import asyncio
import time
from collections.abc import Callable
from typing import Self
from zoneinfo import ZoneInfoNotFoundError

import babel
import structlog
from aiohttp import web

from gateway.errors import LoyaltyCallError
from gateway.loyalty_client import LoyaltyClient
from gateway.wording.shop import DEFAULT_SHOP, Shop, parse_shop
from runtime.shared_tasks import SharedTasks

REVALIDATE_S = 5.0
_LOG = structlog.get_logger()


class Merchants:
    """Keeps shops for 5 s, then fetches them again. While the loyalty service does not answer, the old values serve.

    Only authenticated merchants are fetched, so there are never more entries than installations.
    """

    def __init__(self, client: LoyaltyClient, *, timeout_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._timeout_s = timeout_s
        self._clock = clock
        self._shops: dict[str, tuple[Shop, float]] = {}
        self._fetches = SharedTasks[str, Shop]()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self._fetches.close()

    async def get(self, merchant_id: str) -> Shop:
        """Get the shop as of at most 5 s ago, else its last known values, else the defaults."""
        known = self._shops.get(merchant_id)
        if known is not None and self._clock() - known[1] < REVALIDATE_S:
            return known[0]
        return await asyncio.shield(self._fetches.join(merchant_id, lambda: self._fetch(merchant_id)))

    async def _fetch(self, merchant_id: str) -> Shop:
        asked = self._clock()
        try:
            shop = parse_shop(await self._client.get_merchant(merchant_id, timeout_s=self._timeout_s))
        except (LoyaltyCallError, ZoneInfoNotFoundError, babel.UnknownLocaleError, ValueError) as error:
            _LOG.warning("merchant_not_read", merchant_id=merchant_id, error=type(error).__name__)
            known = self._shops.get(merchant_id)
            if known is None:
                return DEFAULT_SHOP
            shop = known[0]
        self._shops[merchant_id] = (shop, asked)
        return shop


MERCHANTS = web.AppKey("merchants", Merchants)

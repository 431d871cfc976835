"""What the edge needs to know of a shop to speak to its agents: zone, locale, limit."""

import asyncio
import time
from typing import Self
from zoneinfo import ZoneInfo

import babel
import msgspec
import structlog
from aiohttp import web

from gateway.errors import LoyaltyCallError
from gateway.loyalty_client import LoyaltyClient
from protos.loyalty.v1 import loyalty_pb2 as pb

REVALIDATE_S = 5.0
_LOG = structlog.get_logger()


class Shop(msgspec.Struct, frozen=True, kw_only=True):
    """How a merchant's agents read times and numbers, the most points of one award, and where they search for members.

    `search_url`: the folder of the members' pages in the provider's admin; empty where no template is set.
    """

    zone: ZoneInfo
    locale: babel.Locale
    max_points_per_award: int
    search_url: str = ""


DEFAULT_SHOP = Shop(zone=ZoneInfo("UTC"), locale=babel.Locale("en"), max_points_per_award=500)


def parse_shop(merchant: pb.Merchant) -> Shop:
    return Shop(
        zone=ZoneInfo(merchant.time_zone),
        locale=babel.Locale.parse(merchant.locale, sep="-"),
        max_points_per_award=merchant.max_points_per_award,
        search_url=_parse_search_url(merchant.admin_member_url),
    )


def _parse_search_url(admin_member_url: str) -> str:
    """The template of a member's page up to the folder that the page is in (assumed to list the members)."""
    folder, _, _ = admin_member_url.partition("{member_id}")[0].rpartition("/")
    return f"{folder}/" if folder else ""


class Merchants:
    """Shops in memory, asked for again when older than 5 s; what is known is served meanwhile.

    Only authenticated merchants are asked for, so there are never more entries than installations.
    """

    def __init__(self, client: LoyaltyClient, *, timeout_s: float) -> None:
        self._client = client
        self._timeout_s = timeout_s
        self._shops: dict[str, tuple[Shop, float]] = {}
        self._fetches: dict[str, asyncio.Task[Shop]] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_exc: object) -> None:
        for task in self._fetches.values():
            task.cancel()
        await asyncio.gather(*self._fetches.values(), return_exceptions=True)

    async def get(self, merchant_id: str) -> Shop:
        """The shop as known; the defaults where the loyalty service cannot be asked and never was."""
        known = self._shops.get(merchant_id)
        if known is not None:
            if time.monotonic() - known[1] > REVALIDATE_S:
                self._start_fetch(merchant_id)
            return known[0]
        return await asyncio.shield(self._start_fetch(merchant_id))

    def _start_fetch(self, merchant_id: str) -> asyncio.Task[Shop]:
        task = self._fetches.get(merchant_id)
        if task is None:
            task = asyncio.create_task(self._fetch(merchant_id))
            self._fetches[merchant_id] = task
            task.add_done_callback(lambda _done: self._fetches.pop(merchant_id, None))
        return task

    async def _fetch(self, merchant_id: str) -> Shop:
        try:
            shop = parse_shop(await self._client.get_merchant(merchant_id, timeout_s=self._timeout_s))
        except LoyaltyCallError as error:
            _LOG.warning("merchant_not_read", merchant_id=merchant_id, reason=error.reason)
            known = self._shops.get(merchant_id)
            return known[0] if known else DEFAULT_SHOP
        self._shops[merchant_id] = (shop, time.monotonic())
        return shop


MERCHANTS = web.AppKey("merchants", Merchants)

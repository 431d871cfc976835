"""What the edge needs to know of a shop to speak to its agents: zone, locale, limits, reasons."""

import asyncio
import time
from collections.abc import Callable
from typing import Any, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import babel
import msgspec
import structlog
from aiohttp import web

from gateway.errors import LoyaltyCallError
from gateway.loyalty_client import LoyaltyClient
from protos.loyalty.v1 import loyalty_pb2 as pb

REVALIDATE_S = 5.0
# What the loyalty service takes in one award where the shop sets no limit.
_MAX_POINTS = 1_000_000
_LOG = structlog.get_logger()


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Most points, as in the contract's Merchant; None: no limit. What is not said has the contract's default.

    `per_deduction`: 0 where support may remove none.
    """

    per_award: int | None = 500
    per_deduction: int = 0
    per_ticket: int | None = 500
    per_member_day: int | None = None
    per_merchant_day: int | None = None
    per_agent_day: int | None = None

    def find_most(self, *, debit: bool) -> int:
        """What one award, or one deduction, may have at most, with nothing given or removed yet. 0: it may not be."""
        at_once = self.per_deduction if debit else self.per_award
        limits = (at_once, self.per_ticket, self.per_member_day, self.per_merchant_day, self.per_agent_day)
        return min((_MAX_POINTS, *(limit for limit in limits if limit is not None)))


class Shop(msgspec.Struct, frozen=True, kw_only=True):
    """How a merchant's agents read times and numbers, what they may give and why, and where they search for members.

    `award_reasons`: empty where none is asked for. `search_url`: the folder of the members' pages in the provider's
    admin; empty where no template is set.
    """

    zone: ZoneInfo
    locale: babel.Locale
    limits: Limits = Limits()
    award_reasons: tuple[str, ...] = ()
    search_url: str = ""


DEFAULT_SHOP = Shop(zone=ZoneInfo("UTC"), locale=babel.Locale("en"))


def parse_shop(merchant: pb.Merchant) -> Shop:
    return Shop(
        zone=ZoneInfo(merchant.time_zone),
        locale=babel.Locale.parse(merchant.locale, sep="-"),
        limits=_parse_limits(merchant),
        award_reasons=tuple(merchant.award_reasons),
        search_url=_parse_search_url(merchant.admin_member_url),
    )


def _parse_limits(merchant: pb.Merchant) -> Limits:
    """On the wire 0 is no limit, and no deduction."""
    given = {field.name: value for field, value in merchant.ListFields()}
    fields = {name: f"max_points_{name}" for name in Limits.__struct_fields__}
    limits: dict[str, Any] = {name: given[field] or None for name, field in fields.items() if field in given}
    return Limits(**limits)


def _parse_search_url(admin_member_url: str) -> str:
    """The template of a member's page up to the folder that the page is in (assumed to list the members)."""
    folder, _, _ = admin_member_url.partition("{member_id}")[0].rpartition("/")
    return f"{folder}/" if folder else ""


class Merchants:
    """Shops in memory for 5 s, then asked for again; what is known is served while the loyalty service cannot be asked.

    Only authenticated merchants are asked for, so there are never more entries than installations.
    """

    def __init__(self, client: LoyaltyClient, *, timeout_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._timeout_s = timeout_s
        self._clock = clock
        self._shops: dict[str, tuple[Shop, float]] = {}
        self._fetches: dict[str, asyncio.Task[Shop]] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_exc: object) -> None:
        for task in self._fetches.values():
            task.cancel()
        await asyncio.gather(*self._fetches.values(), return_exceptions=True)

    async def get(self, merchant_id: str) -> Shop:
        """The shop as of at most 5 s ago, or as it was known last; the defaults where it never was."""
        known = self._shops.get(merchant_id)
        if known is not None and self._clock() - known[1] < REVALIDATE_S:
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

"""Checks one shop, from its TRIFFT to the sidebar, and mends what can be mended."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

import aiohttp

from gateway.cli.installation import Stores, make_client, make_ticket_client, open_session, open_stores
from gateway.cli.loyalty import TIMEOUT_S
from gateway.cli.times import find_zone, show_time
from gateway.config import Config
from gateway.customers.checks import check_buttons
from gateway.errors import LoyaltyCallError
from gateway.gorgias.errors import GorgiasError
from gateway.installation.buttons import find_buttons
from gateway.installation.checks import (
    Check,
    check_awards,
    check_gorgias,
    check_provider,
    make_not_installed,
)
from gateway.installation.last_events import Tickets, check_activity, is_recent
from gateway.installation.probe import ProbeKeys
from gateway.installation.public_url import judge_reach, probe_public_url
from gateway.installation.store import Installation
from gateway.installation.verification import check_verified
from gateway.loyalty_client import LoyaltyClient
from gateway.outbox.checks import check_notes
from protos.loyalty.v1 import loyalty_pb2 as pb
from runtime.encryption import SecretKeys


@dataclass(frozen=True, kw_only=True)
class Checker:
    """`public_url`: the check of the public URL, which is one for all shops."""

    config: Config
    stores: Stores
    loyalty: LoyaltyClient
    session: aiohttp.ClientSession
    public_url: Check

    async def check(self, merchant_id: str) -> list[Check]:
        """Raises DatabaseError and SecretKeyError."""
        installation = await self.stores.installations.get(merchant_id)
        merchant = await self._find_merchant(merchant_id)
        say_time = partial(show_time, zone=find_zone(merchant.time_zone) if merchant else UTC)
        now = datetime.now(UTC)
        provider, awards, account, tickets = await asyncio.gather(
            check_provider(self.loyalty, merchant_id, say_time),
            check_awards(self.loyalty, merchant_id, say_time),
            self._check_account(merchant_id, installation, merchant, say_time),
            self._fetch_tickets(installation, now),
        )
        activity = check_activity(installation, say_time, now, tickets)
        return [*provider, check_verified(merchant_id, merchant, say_time), *account, awards, *activity]

    async def _find_merchant(self, merchant_id: str) -> pb.Merchant | None:
        try:
            return await self.loyalty.get_merchant(merchant_id, timeout_s=TIMEOUT_S)
        except LoyaltyCallError:
            return None

    async def _check_account(
        self,
        merchant_id: str,
        installation: Installation | None,
        merchant: pb.Merchant | None,
        say_time: Callable[[datetime], str],
    ) -> list[Check]:
        if installation is None:
            return [self.public_url, *make_not_installed(merchant_id)]
        backlog = await self.stores.notes.get_backlog(merchant_id)
        buttons = None if merchant is None else find_buttons(merchant)
        client = make_client(self.session, installation, self.config)
        tickets = make_ticket_client(self.session, installation, self.config)
        return [
            judge_reach(self.public_url, self.config.public_url, installation.gorgias_url),
            *await check_gorgias(self.stores.installations, client, installation, self.config.public_url, buttons),
            await check_buttons(tickets, installation),
            await check_notes(tickets, installation, backlog, say_time),
        ]

    async def _fetch_tickets(self, installation: Installation | None, now: datetime) -> Tickets:
        """Whether the account has had tickets, where that tells something."""
        if installation is None or is_recent(installation, now):
            return Tickets()
        try:
            client = make_ticket_client(self.session, installation, self.config)
            return Tickets(update_time=await client.fetch_last_update(), is_known=True)
        except GorgiasError:  # why, other checks say
            return Tickets()


@asynccontextmanager
async def open_checker(config: Config) -> AsyncGenerator[Checker]:
    """Raises CommandError if the database cannot be used."""
    async with (
        open_stores(config) as stores,
        LoyaltyClient(config.loyalty_target, config.loyalty_key) as loyalty,
        open_session() as session,
    ):
        keys = ProbeKeys(SecretKeys(config.secret_keys))
        probed = await probe_public_url(session, config.public_url, keys, proxy=config.http_proxy)
        yield Checker(config=config, stores=stores, loyalty=loyalty, session=session, public_url=probed)

"""Checks one shop, from its TRIFFT to the sidebar, and mends what can be mended with what is stored."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

import aiohttp
import msgspec

from gateway.cli.installation import (
    Stores,
    make_client,
    make_present_target,
    make_ticket_client,
    open_session,
    open_stores,
)
from gateway.cli.loyalty import TIMEOUT_S
from gateway.cli.times import find_zone, show_time
from gateway.config import Config
from gateway.customers.checks import OWN_ADDRESSES, check_buttons, check_own_addresses
from gateway.errors import LoyaltyCallError
from gateway.events.contract import FOLLOWED_WITHIN_MS, check_contract, count_note_events
from gateway.events.contract import NAME as CONTRACT
from gateway.events.store import KEPT
from gateway.gorgias.errors import GorgiasError
from gateway.installation.buttons import Buttons, find_buttons
from gateway.installation.checks import (
    Check,
    CheckState,
    check_awards,
    check_gorgias,
    find_worst,
    make_not_installed,
    make_unknown,
)
from gateway.installation.last_events import Tickets, check_activity, is_recent
from gateway.installation.probe import ProbeKeys
from gateway.installation.provider import check_provider
from gateway.installation.public_url import judge_reach, probe_public_url
from gateway.installation.service import InstallError, install
from gateway.installation.store import Installation
from gateway.installation.verification import check_verified
from gateway.loyalty_client import LoyaltyClient
from gateway.outbox.checks import check_notes
from gateway.outbox.entries import Backlog
from protos.loyalty.v1 import loyalty_pb2 as pb
from runtime.encryption import SecretKeys

# The errors of the loyalty service itself, and of our key there: then nothing is known of the shop's TRIFFT.
_AWAY = frozenset(
    {
        *("LOYALTY_UNAVAILABLE", "LOYALTY_TIMEOUT", "STORE_UNAVAILABLE", "INTERNAL_ERROR"),
        *("CALLER_UNKNOWN", "CALLER_FORBIDDEN"),
    }
)
# How many notes are looked at for the event that should follow each.
_NOTES = 5
# The checks of what `install` makes.
_OF_INSTALL = frozenset({"integration", "widget", OWN_ADDRESSES})


class ShopChecks(msgspec.Struct, frozen=True, kw_only=True):
    """`mended`: what was done, in words; None: nothing had to be mended. `is_whole`: the loyalty service answered."""

    merchant_id: str
    checks: tuple[Check, ...]
    mended: tuple[str, ...] | None = None
    is_whole: bool = True

    @property
    def state(self) -> CheckState:
        """The worst state."""
        return find_worst(self.checks)


@dataclass(frozen=True, kw_only=True)
class _Shop:
    """A shop. `installation` is None if it is not installed, `merchant` if the loyalty service did not tell."""

    merchant_id: str
    installation: Installation | None
    backlog: Backlog
    merchant: pb.Merchant | None
    is_away: bool

    @property
    def buttons(self) -> Buttons | None:
        return None if self.merchant is None else find_buttons(self.merchant)

    @property
    def say_time(self) -> Callable[[datetime], str]:
        return partial(show_time, zone=find_zone(self.merchant.time_zone) if self.merchant else UTC)


@dataclass(frozen=True, kw_only=True)
class Checker:
    """`public_url`: the check of the public URL, which is one for all shops."""

    config: Config
    stores: Stores
    loyalty: LoyaltyClient
    session: aiohttp.ClientSession
    public_url: Check

    async def check(self, merchant_id: str, *, mends: bool = False) -> ShopChecks:
        """Check one shop. `mends`: mend what is found, then check again. Raises DatabaseError and SecretKeyError."""
        shop = await self._fetch(merchant_id)
        found = await self._check(shop)
        if not mends:
            return found
        mended = await self._mend(shop, {one.name for one in found.checks if one.state is CheckState.FAILED})
        if mended:
            found = await self._check(await self._fetch(merchant_id))
        return msgspec.structs.replace(found, mended=tuple(mended))

    async def _fetch(self, merchant_id: str) -> _Shop:
        merchant, is_away = None, False
        try:
            merchant = await self.loyalty.get_merchant(merchant_id, timeout_s=TIMEOUT_S)
        except LoyaltyCallError as error:
            is_away = error.reason in _AWAY
        return _Shop(
            merchant_id=merchant_id,
            installation=await self.stores.installations.get(merchant_id),
            backlog=await self.stores.notes.get_backlog(merchant_id),
            merchant=merchant,
            is_away=is_away,
        )

    async def _check(self, shop: _Shop) -> ShopChecks:
        now = datetime.now(UTC)
        provider, awards, account, tickets, contract = await asyncio.gather(
            check_provider(self.loyalty, shop.merchant_id, shop.say_time),
            check_awards(self.loyalty, shop.merchant_id, shop.say_time),
            self._check_account(shop),
            self._fetch_tickets(shop, now),
            self._check_contract(shop),
        )
        checks = (
            *provider,
            check_verified(shop.merchant_id, shop.merchant, shop.say_time),
            *account,
            awards,
            *check_activity(shop.installation, shop.say_time, now, tickets),
            contract,
        )
        return ShopChecks(merchant_id=shop.merchant_id, checks=checks, is_whole=not shop.is_away)

    async def _check_account(self, shop: _Shop) -> list[Check]:
        if shop.installation is None:
            return [self.public_url, *make_not_installed(shop.merchant_id)]
        store, public_url = self.stores.installations, self.config.public_url
        client = make_client(self.session, shop.installation, self.config)
        tickets = make_ticket_client(self.session, shop.installation, self.config)
        return [
            judge_reach(self.public_url, public_url, shop.installation.gorgias_url),
            *await check_gorgias(store, client, shop.installation, public_url, shop.buttons),
            await check_own_addresses(client, shop.installation),
            await check_buttons(tickets, shop.installation),
            await check_notes(tickets, shop.installation, shop.backlog, shop.say_time),
        ]

    async def _fetch_tickets(self, shop: _Shop, now: datetime) -> Tickets:
        """Whether the account has had tickets, where that tells something."""
        if shop.installation is None or is_recent(shop.installation, now):
            return Tickets()
        try:
            client = make_ticket_client(self.session, shop.installation, self.config)
            return Tickets(update_time=await client.fetch_last_update(), is_known=True)
        except GorgiasError:  # other checks say why
            return Tickets()

    async def _check_contract(self, shop: _Shop) -> Check:
        if shop.installation is None:
            return make_unknown(CONTRACT, "is not installed")
        merchant_id, events = shop.merchant_id, self.stores.events
        sends = await self.stores.notes.list_sends(
            merchant_id, after_s=FOLLOWED_WITHIN_MS / 1000, before_s=KEPT.total_seconds(), limit=_NOTES
        )
        times = await events.list_times(merchant_id, {ticket_id for ticket_id, _ in sends}) if sends else []
        return check_contract(await events.sights.list_all(merchant_id), count_note_events(sends, times))

    async def _mend(self, shop: _Shop, failed: set[str]) -> list[str]:
        """Mend what failed, as far as what is stored is enough. Returns what was done, or why it could not be."""
        if shop.installation is None:
            return []
        words = list[str]()
        if failed & _OF_INSTALL and self._is_led_astray(shop.installation):
            words.append("not mended: it would move to a public URL that does not lead to this deployment")
        elif failed & _OF_INSTALL and shop.buttons is not None:
            client = make_client(self.session, shop.installation, self.config)
            target = make_present_target(shop.installation, self.config)
            try:
                changes = await install(self.stores.installations, client, shop.merchant_id, target, shop.buttons)
                words += changes.words
            except (GorgiasError, InstallError) as error:
                words.append(f"not mended: {error}")
        if "notes" in failed and (count := shop.backlog.count + shop.backlog.failed_count):
            await self.stores.notes.retry_failed(shop.merchant_id)
            words.append(f"{count} {'note is' if count == 1 else 'notes are'} tried again now")
        return words

    def _is_led_astray(self, installation: Installation) -> bool:
        """Whether mending would give the widget's credential, and each customer's address, to another server."""
        is_ours = self.public_url.state in {CheckState.OK, CheckState.WARNING}
        return installation.public_url != self.config.public_url and not is_ours


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

"""`trifft-gorgias check ID --ticket N`: the way of one ticket's panel."""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from gateway.cli.check_output import print_checks, render_checks
from gateway.cli.errors import UsageError
from gateway.cli.installation import Stores, make_client, make_ticket_client, open_session, open_stores
from gateway.cli.loyalty import TIMEOUT_S, find_merchant
from gateway.cli.output import print_blocks, print_json, print_line, render_enum
from gateway.cli.settings import load_config
from gateway.cli.ticket_event import render_event, tell_event
from gateway.cli.times import find_zone, show_time
from gateway.config import Config
from gateway.customers.lookup import Customers
from gateway.customers.now import Questions, ask_now
from gateway.customers.own_addresses import OwnAddresses
from gateway.customers.search import Services
from gateway.errors import LoyaltyCallError
from gateway.events.checks import Called, check_sidebar
from gateway.events.event import Event
from gateway.gorgias.tickets import parse_ticket_id
from gateway.installation.accounts import Accounts
from gateway.installation.buttons import find_buttons
from gateway.installation.checks import Check, CheckState, check_gorgias, make_not_installed
from gateway.installation.store import Installation
from gateway.links.service import Links
from gateway.loyalty_client import LoyaltyClient
from gateway.wording.shop import parse_country
from protos.loyalty.v1 import loyalty_pb2 as pb
from runtime.clock import SystemClock

_EXIT_CHECK_FAILED = 1
# How many events are told, and how many awards are named.
_SHOWN = 5
# For Gorgias and TRIFFT together: more than an event has.
_TIME_S = 20.0


async def check_ticket(merchant_id: str, ticket: str, *, as_json: bool) -> int:
    """Returns the exit code. Raises UsageError and CommandError."""
    ticket_id = parse_ticket_id(ticket.strip().removeprefix("#"))
    if ticket_id is None:
        raise UsageError(f"--ticket must be the number of a ticket, for example 4711: not {ticket[:40]!r}")
    config = load_config()
    async with open_stores(config) as stores, LoyaltyClient(config.loyalty_target, config.loyalty_key) as loyalty:
        merchant = await find_merchant(loyalty, merchant_id)
        zone = find_zone(merchant.time_zone) if merchant else UTC
        installation = await stores.installations.get(merchant_id)
        events = await stores.events.list_newest(merchant_id, ticket_id=ticket_id, limit=_SHOWN)
        if installation is None:
            checks = make_not_installed(merchant_id)[:1]
        else:
            panel = _Panel(
                config=config,
                stores=stores,
                loyalty=loyalty,
                installation=installation,
                merchant=merchant,
                say_time=partial(show_time, zone=zone),
            )
            checks = await panel.check(ticket_id, events)
    if as_json:
        rendered = [render_event(event, zone) for event in events]
        print_json(
            {"merchant_id": merchant_id, "ticket_id": ticket_id, "events": rendered, "checks": render_checks(checks)}
        )
    else:
        if events:
            print_line(f"Ticket {ticket_id}: how Gorgias called, newest first")
            print_blocks(tell_event(event, zone) for event in events)
        print_checks(f"{merchant_id}, ticket {ticket_id}", checks)
    return _EXIT_CHECK_FAILED if any(one.state is CheckState.FAILED for one in checks) else 0


@dataclass(frozen=True, kw_only=True)
class _Panel:
    """Checks all that one ticket's panel depends on. `merchant`: None if it could not be read."""

    config: Config
    stores: Stores
    loyalty: LoyaltyClient
    installation: Installation
    merchant: pb.Merchant | None
    say_time: Callable[[datetime], str]

    async def check(self, ticket_id: int, events: Sequence[Event]) -> list[Check]:
        """`events`: the ticket's, newest first."""
        installation = self.installation
        buttons = None if self.merchant is None else find_buttons(self.merchant)
        async with open_session() as session:
            client = make_client(session, installation, self.config)
            store, public_url = self.stores.installations, self.config.public_url
            account = await check_gorgias(store, client, installation, public_url, buttons)
            async with self._open_services() as services:
                ask = Questions(
                    tickets=make_ticket_client(session, installation, self.config),
                    services=services,
                    merchant_id=installation.merchant_id,
                    country=parse_country(self.merchant) if self.merchant else "",
                    render_time=self.say_time,
                )
                now = await ask_now(ask, ticket_id)
        called = Called(
            merchant_id=installation.merchant_id,
            ticket_id=ticket_id,
            of_ticket=events[0] if events else None,
            of_customer=await self._find_newest(customer_id=now.customer_id) if now.customer_id else None,
            of_shop=await self._find_newest(),
        )
        awards = await self._check_awards(ticket_id)
        return [*account, *now.checks, check_sidebar(called, now, self.say_time), awards]

    @asynccontextmanager
    async def _open_services(self) -> AsyncGenerator[Services]:
        installations = self.stores.installations
        async with Accounts(installations, proxy=self.config.http_proxy) as accounts, Customers(accounts) as customers:
            yield Services(
                loyalty=self.loyalty,
                customers=customers,
                own_addresses=OwnAddresses(installations),
                links=Links(self.stores.links),
                clock=SystemClock(),
                max_staleness_s=self.config.max_staleness_s,
                time_s=_TIME_S,
            )

    async def _find_newest(self, *, customer_id: int | None = None) -> Event | None:
        merchant_id = self.installation.merchant_id
        found = await self.stores.events.list_newest(merchant_id, customer_id=customer_id, limit=1)
        return found[0] if found else None

    async def _check_awards(self, ticket_id: int) -> Check:
        """Presses that were refused before they were on record are not among them."""
        merchant_id = self.installation.merchant_id
        of_ticket = pb.AwardFilter(ticket_id=str(ticket_id))
        try:
            page = await self.loyalty.list_awards(
                merchant_id, award_filter=of_ticket, page_size=_SHOWN, timeout_s=TIMEOUT_S
            )
        except LoyaltyCallError as error:
            detail = f"the awards could not be read ({error.reason})"
            return Check(name="awards", state=CheckState.UNKNOWN, detail=detail)
        if not page.awards:
            return Check(name="awards", state=CheckState.OK, detail="none is on record for this ticket")
        states = (render_enum(pb.AwardState, award.state, "AWARD_STATE_") for award in page.awards)
        named = [f"{award.award_id} {state}" for award, state in zip(page.awards, states, strict=True)]
        more = " …" if page.next_page_token else ""
        advice = f"trifft-gorgias award list {merchant_id} --ticket {ticket_id}"
        return Check(name="awards", state=CheckState.OK, detail=f"{', '.join(named)}{more}", advice=advice)

"""Customers and members with any addresses, before the real gateway, loyalty service and both stand-ins.

`LINES` alone decides here whose member a panel may show: no code under test compares the addresses.
"""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import quote

import aiohttp
import msgspec
from yarl import URL

from gateway.database import open_database
from gateway.errors import LoyaltyCallError
from gateway.installation.store import InstallationStore
from gateway.loyalty_client import LoyaltyClient
from protos.loyalty.v1 import loyalty_pb2 as pb
from runtime.database import Database
from sandbox.gorgias.customer import Channel, Customer
from sandbox.gorgias.switches import MergedCustomer
from sandbox.trifft.member import Member
from tests.gateway.cli.prepared import run_loyalty
from tests.gateway.edge.running import Gateway, run_gateway
from tests.gateway.edge.shops import KEYS
from tests.gateway.helpdesk import Helpdesk, run_helpdesk
from tests.statements import execute

PATIENCE_S = 60.0
PROFILE = "[rate]\nrequests = 100000\n"
# A name and all spellings of one address, as a shop in Slovakia dials it. Each name is a different address.
LINES: dict[str, tuple[str, ...]] = {
    "jana": ("jana@example.com", "Jana@Example.COM"),
    "jana with an accent": ("janá@example.com",),
    "strasse": ("strasse@example.com",),
    "straße": ("straße@example.com", "STRAßE@example.com"),
    "bücher": ("a@bücher.example", "a@xn--bcher-kva.example", "A@bücher.example"),
    "bucher": ("a@bucher.example",),
    "the shop": ("help@shop.example", "Help@shop.example"),
    "sk": ("+421900000001", "0900 000 001", "tel:+421-900-000-001", "00421 900 000 001", "\u202a+421900000001\u202c"),
    "sk too": ("+421900000002", "(0900) 000 002"),
    "cz": ("+420601000001",),
    "uk": ("+442079460958", "+44 (0)20 7946 0958"),
    "mx": ("+525512345678", "+5215512345678", "+52 1 55 1234 5678"),
    "br": ("+5511961234567", "+551161234567"),
}
OWN = "the shop"
# Spellings that TRIFFT may have on file: phone numbers are international.
ON_FILE = {name: [one for one in spelled if "@" in one or one[1:].isdigit()][:2] for name, spelled in LINES.items()}
# Channels that find no member, whatever they look like.
OPAQUE = [
    *(("whatsapp", one) for one in ("+421900000001", "421900000001")),
    *(("facebook-messenger", one) for one in ("0900 000 001", "jana@example.com")),
    *(("phone", one) for one in ("+421900000001 ext. 5", "900", "+999123456789")),
    *(("email", one) for one in ("jana", " jana@example.com", "jana@example.com.", "+421900000001")),
]
NAMES = {spelling: name for name, spelled in LINES.items() for spelling in spelled}

Panel: TypeAlias = "dict[str, Any]"
Text: TypeAlias = "tuple[str, str]"


def name_kind(text: str) -> str:
    return "email" if "@" in text else "phone"


class Town:
    """`acme` with its customers, tickets and members. `settle` makes all of them anew."""

    def __init__(self, gateway: Gateway, helpdesk: Helpdesk, loyalty: LoyaltyClient, database: Database) -> None:
        self.gateway, self.helpdesk, self.loyalty, self.database = gateway, helpdesk, loyalty, database
        self.project, self.state = helpdesk.projects["acme"], helpdesk.account.state
        self.tickets: list[int] = []
        self.customers: list[int] = []
        self.members: list[Member] = []
        self.links: dict[int, set[str]] = {}
        self.unlinked: dict[int, set[str]] = {}
        self.had: dict[int, list[tuple[str | None, tuple[Channel, ...]]]] = {}
        self.panels: dict[int, Panel] = {}
        self.is_remembering = False
        self.has_merged = False

    async def settle(self, members: Iterable[tuple[str | None, str | None]], count: int, *, redirects: bool) -> None:
        """`members`: e-mail and phone number on file. Each of `count` customers has a ticket, and no address."""
        self.state.customers.clear()
        self.state.tickets = {4711: self.state.tickets[4711]}
        answer = MergedCustomer.REDIRECT if redirects else MergedCustomer.GONE
        self.state.switches = msgspec.structs.replace(self.state.switches, merged_customer=answer)
        self.members = [
            Member(email=email, phone=phone, support_id=f"S{self.helpdesk.account.make_id()}")
            for email, phone in members
        ]
        self.project.members.clear()
        self.project.requests.clear()
        self.helpdesk.requests.clear()
        self.project.members.update({one.id: one for one in self.members})
        self.customers, self.tickets = [], []
        for dictionary in (self.links, self.unlinked, self.had, self.panels):
            dictionary.clear()
        self.has_merged = False
        for forget in ("DELETE FROM customer_link_channels", "DELETE FROM customer_links"):
            await execute(self.database, forget)
        for _ in range(count):
            ticket = self.helpdesk.add_ticket(None)
            self.tickets.append(ticket.id)
            self.customers.append(ticket.customer_id)
            self.links[ticket.customer_id], self.unlinked[ticket.customer_id] = set(), set()
            self._note(self.get_customer(ticket.customer_id))

    def get_customer(self, customer_id: int) -> Customer:
        return self.state.customers[customer_id]

    def get_owner(self, ticket_id: int) -> Customer:
        return self.get_customer(self.state.tickets[ticket_id].customer_id)

    def set_channels(self, customer_id: int, channels: Iterable[Text]) -> None:
        if customer_id in self.state.customers:
            customer = self.get_customer(customer_id)
            customer.set_channels(Channel(type=kind, address=address) for kind, address in channels)
            self._note(customer)

    def move(self, ticket_id: int, customer_id: int) -> None:
        if customer_id in self.state.customers:
            self.state.tickets[ticket_id].customer_id = customer_id

    async def merge(self, source_id: int, target_id: int) -> None:
        if source_id == target_id or not {source_id, target_id} <= self.state.customers.keys():
            return
        profile = self.helpdesk.account.profile
        async with self.gateway.session.put(
            f"{self.helpdesk.url}/gorgias/acme/api/customers/merge?source_id={source_id}&target_id={target_id}",
            headers={"Authorization": aiohttp.encode_basic_auth(profile.api_user, profile.api_key)},
        ) as response:
            assert response.status == 200
        self.has_merged = self.has_merged or bool(self.links[source_id])
        self.links[target_id] |= self.links[source_id] - self.unlinked[target_id]
        self._note(self.get_customer(target_id))

    async def link(self, ticket_id: int, member: Member) -> None:
        panel = self.panels.get(ticket_id, {})
        said = await self._press("link-member", ticket_id, "link_token", panel, support_id=str(member.support_id))
        if said in {"applied", "replayed"}:
            self.links[self.state.tickets[ticket_id].customer_id].add(member.id)

    async def unlink(self, ticket_id: int) -> None:
        panel = self.panels.get(ticket_id, {})
        if await self._press("unlink-member", ticket_id, "unlink_token", panel) == "applied":
            customer_id, member_id = self.state.tickets[ticket_id].customer_id, self._find_shown(panel)
            self.links[customer_id].discard(member_id)
            self.unlinked[customer_id].add(member_id)

    async def look(self, ticket_id: int, form: str) -> Panel:
        """Fire a ticket event, then check the panel and its cost. `form`: how the URL arrives."""
        owner = self.get_owner(ticket_id)
        before = self._count()
        url = self._make_url(ticket_id, owner, form)
        async with self.gateway.session.get(URL(url, encoded=True)) as response:
            panel: Panel = await response.json()
        cost = {name: count - before[name] for name, count in self._count().items()}
        self.panels[ticket_id] = panel
        self._check_panel(panel, owner)
        assert cost["find"] + cost["get"] <= 5, cost
        await self._check_cost(cost, owner, form)
        return panel

    def _check_panel(self, panel: Panel, owner: Customer) -> None:
        shown = self._find_shown(panel)
        # If Gorgias' answers are remembered, any earlier address may count, and with an odd URL any earlier e-mail.
        had = self.had[owner.id] if self.is_remembering else self.had[owner.id][-1:]
        emails = {email for email, _ in had}
        right = [self._list_right(email, channels) for email in emails for _, channels in had]
        linked = self.links[owner.id]
        if shown:
            alone = {one for [one] in (each for each in right if len(each) == 1)}
            allowed = linked if linked and not self.has_merged else linked | alone
            assert shown in allowed, (panel["summary"], shown, allowed)
        elif not self.is_remembering and not self.has_merged and len(linked or right[0]) == 1:
            few = len({NAMES.get(one.address) for one in owner.channels}) <= 2
            assert not few, ("a member is not shown", panel["summary"])

    def _list_right(self, email: str | None, channels: Iterable[Channel]) -> set[str]:
        """The members found by the first group that finds any."""
        counted = {NAMES[one.address] for one in channels if _counts(one)} - {OWN}
        by_kind = {kind: {name for name in counted if name_kind(LINES[name][0]) == kind} for kind in ("email", "phone")}
        first = {NAMES[email]} - {OWN} if email in NAMES and "@" in email else set()
        for group in (first, by_kind["email"] - first, by_kind["phone"]):
            if found := {
                one.id for one in self.members if {NAMES.get(one.email or ""), NAMES.get(one.phone or "")} & group
            }:
                return found
        return set()

    async def _check_cost(self, cost: dict[str, int], owner: Customer, form: str) -> None:
        """If the ticket's e-mail finds a member, only the calls of that member's snapshot are made."""
        name = NAMES.get(owner.email or "")
        is_found = any(NAMES.get(one.email or "") == name for one in self.members)
        is_clear = form in {"plain", "encoded"} and (form == "encoded" or str(owner.email).isascii())
        if name in {None, OWN} or not is_found or not is_clear or self.links[owner.id]:
            return
        assert cost["gorgias"] == 0
        before = self._count()
        by_email = pb.MemberIdentity(email=owner.email or "")
        with suppress(LoyaltyCallError):
            await self.loyalty.get_snapshot(
                "acme", by_email, max_staleness_s=0, timeout_s=PATIENCE_S, request_id="direct"
            )
        direct = {name: count - before[name] for name, count in self._count().items()}
        assert (cost["find"], cost["get"]) == (direct["find"], 0)
        assert cost["coupons"] <= direct["coupons"] + 1  # one more if another member had the address before

    def _count(self) -> dict[str, int]:
        trifft = {name: self.project.count_requests(name) for name in ("find", "get", "coupons")}
        # The log also has TRIFFT's calls, without a path.
        return {**trifft, "gorgias": sum(not one.endswith(" ") for one in self.helpdesk.requests)}

    def _find_shown(self, panel: Panel) -> str:
        shown = panel.get("support_id", "") if panel.get("status") in {"member", "blocked"} else ""
        return next((one.id for one in self.members if one.support_id == shown), shown)

    def _make_url(self, ticket_id: int, owner: Customer, form: str) -> str:
        email = owner.email or "None"
        text = quote(email, safe="" if form == "encoded" else "@!$&'*+/=?^`{|}~")
        named = "None" if form == "unnamed" else str(owner.id)
        url = self.gateway.make_widget_url(text, ticket_id=str(ticket_id), customer_id=named)
        return url.partition("&end=")[0] if form == "cut" else url

    async def _press(self, action: str, ticket_id: int, token: str, panel: Panel, **values: str) -> str:
        form = {"ticket_id": str(ticket_id), token: str(panel.get(token, "")), **values}
        async with await self.gateway.post(action, form) as response:
            body = await response.json()
            return str(body.get("reason", body["status"]))

    def _note(self, customer: Customer) -> None:
        self.had.setdefault(customer.id, []).append((customer.email, tuple(customer.channels)))


def _counts(channel: Channel) -> bool:
    name = NAMES.get(channel.address)
    return name is not None and channel.type == name_kind(LINES[name][0])


@asynccontextmanager
async def open_town(folder: Path) -> AsyncIterator[Town]:
    """Open a town without rate limits, in which no held data is fresh enough. `folder` has the gateway's database."""
    async with (
        run_helpdesk() as helpdesk,
        run_loyalty(folder / "loyalty.db") as port,
        LoyaltyClient(f"127.0.0.1:{port}", "inner-key") as loyalty,
    ):
        helpdesk.make_room()
        helpdesk.projects["acme"].settings.rate_limit = False
        merchant = pb.Merchant(
            merchant_id="acme", provider_url=helpdesk.url, country="SK", time_zone="UTC", locale="en", profile=PROFILE
        )
        request = pb.CreateMerchantRequest(merchant=merchant, provider_token="acme-write", skip_probe=True)
        await loyalty.create_merchant(request, timeout_s=PATIENCE_S)
        settings = {"gorgias_requests": 1_000_000, "links_per_agent_day": 1_000_000, "max_staleness_s": 0.0}
        gorgias = helpdesk.make_target(writes_notes=False)
        async with (
            open_database(f"sqlite:///{folder / 'gateway.db'}") as database,
            run_gateway(folder, f"127.0.0.1:{port}", gorgias=gorgias, **settings) as gateway,
        ):
            await InstallationStore(database, KEYS).record_gorgias_addresses("acme", ["HELP@shop.example"])
            yield Town(gateway, helpdesk, loyalty, database)

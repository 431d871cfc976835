"""Links, merges, moves and presses in any order: no points go to a member whom panel and ticket do not both name."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from yarl import URL

from gateway.links.store import LinkStore
from protos.loyalty.v1 import loyalty_pb2 as pb
from tests.gateway.actions.outcomes import APPLIED
from tests.gateway.edge.shared import Edge, Shop
from tests.gateway.edge.shops import KEYS
from tests.gateway.widget.test_view import make_snapshot

Panel: TypeAlias = "dict[str, Any]"
Step: TypeAlias = "tuple[Any, ...]"

# Each ticket's customer in the beginning. Each of them has a channel of their own, two have a member's address.
TICKETS = {4711: 101, 4712: 102, 4713: 103, 4714: 104}
ADDRESSES = {101: ("email", "m1@example.com"), 102: ("phone", "+421900000002")}
MEMBERS = {"m-1": "m1@example.com", "m-2": "+421900000002", "m-3": "m3@example.com"}


class World:
    """A shop of Gorgias and its members. `channels`: of the customers who are there."""

    def __init__(self, shop: Shop) -> None:
        self.shop, self.links = shop, LinkStore(shop.database, KEYS)
        self.tickets = dict(TICKETS)
        self.channels = {one: {("chat", f"id-{one}")} | {ADDRESSES.get(one, ("chat", ""))} for one in TICKETS.values()}
        self.panels: list[Panel] = []
        shop.scripted.award = APPLIED
        for member_id, address in MEMBERS.items():
            snapshot = make_snapshot()
            snapshot.member.member_id, snapshot.member.support_id = member_id, member_id.upper()
            shop.scripted.members |= {name: [snapshot] for name in (member_id, member_id.upper(), address)}
        for customer_id in self.channels:
            self._tell_customer(customer_id)
        for ticket_id in TICKETS:
            self._tell_ticket(ticket_id)

    async def find_entitled(self, ticket_id: int) -> set[str]:
        """The members whom the ticket's customer may be."""
        customer_id = self.tickets[ticket_id]
        addresses = {address for _, address in self.channels[customer_id]}
        link = await self.links.get(self.shop.gateway.merchant_id, customer_id)
        linked = {link.member_id} if link else set()
        return linked | {member_id for member_id, address in MEMBERS.items() if address in addresses}

    async def show(self, ticket_id: int) -> Panel:
        gateway, customer_id = self.shop.gateway, self.tickets[ticket_id]
        email = next((one for kind, one in sorted(self.channels[customer_id]) if kind == "email"), "None")
        url = gateway.make_widget_url(email, ticket_id=str(ticket_id), customer_id=str(customer_id))
        async with gateway.session.get(URL(url, encoded=True)) as response:
            panel: Panel = await response.json()
        self.panels.append(panel)
        if panel["status"] == "member":
            assert panel["support_id"].lower() in await self.find_entitled(ticket_id)
        return panel

    async def link(self, panel: Panel, ticket_id: int, member_id: str) -> str:
        said = await self._press("link-member", ticket_id, link_token=panel["link_token"], support_id=member_id.upper())
        if said == "applied":
            assert member_id in await self.find_entitled(ticket_id)
        return said

    async def unlink(self, panel: Panel, ticket_id: int) -> str:
        return await self._press("unlink-member", ticket_id, unlink_token=panel["unlink_token"])

    async def award(self, panel: Panel, ticket_id: int) -> str:
        entitled, given = await self.find_entitled(ticket_id), self.shop.scripted.award_requests
        given.clear()
        said = await self._press("award-points", ticket_id, award_token=panel["award_token"], points="100")
        assert len(given) == (said == "applied")
        for request in given:
            assert request.member_id == panel["support_id"].lower()
            assert request.member_id in entitled
        return said

    def move(self, ticket_id: int, customer_id: int) -> None:
        """The ticket gets another customer."""
        if customer_id in self.channels:
            self.tickets[ticket_id] = customer_id
            self._tell_ticket(ticket_id)

    def merge(self, source_id: int, target_id: int, *, redirects: bool) -> None:
        if source_id == target_id or not {source_id, target_id} <= self.channels.keys():
            return
        self.channels[target_id] |= self.channels.pop(source_id)
        self._tell_customer(target_id)
        request = f"GET /customers/{source_id}"
        if redirects:
            self.shop.helpdesk.answer(request, status=301, Location=f"/api/customers/{target_id}")
        else:
            self.shop.helpdesk.answer(request, {}, status=404)
        for ticket_id, customer_id in self.tickets.items():
            if customer_id == source_id:
                self.tickets[ticket_id] = target_id
                self._tell_ticket(ticket_id)

    async def forget(self, member_id: str) -> None:
        await self.links.forget(self.shop.gateway.merchant_id, member_ids=[member_id], support_ids=[], channels=[])

    async def _press(self, action: str, ticket_id: int, **values: str) -> str:
        """Returns the status, or the reason of a refusal."""
        async with await self.shop.gateway.post(action, {"ticket_id": str(ticket_id), **values}) as response:
            body = await response.json()
            return str(body.get("reason", body["status"]))

    def _tell_ticket(self, ticket_id: int) -> None:
        customer = {"id": self.tickets[ticket_id], "email": None}
        self.shop.helpdesk.answer(f"GET /tickets/{ticket_id}", {"id": ticket_id, "customer": customer})

    def _tell_customer(self, customer_id: int) -> None:
        channels = [{"type": kind, "address": address} for kind, address in sorted(self.channels[customer_id])]
        body = {"id": customer_id, "email": None, "channels": channels}
        self.shop.helpdesk.answer(f"GET /customers/{customer_id}", body)


@asynccontextmanager
async def open_world(edge: Edge) -> AsyncIterator[World]:
    async with edge.open_shop() as shop:
        yield World(shop)


@pytest.fixture(autouse=True)
def no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is remembered for a while is older than a step, and no step waits."""
    monkeypatch.setattr("gateway.links.service._REMEMBER_S", 0.0)
    for name in ("_REMEMBER_S", "_REMEMBER_FAILURE_S"):
        monkeypatch.setattr(f"gateway.customers.memory.{name}", 0.0)


@pytest.mark.parametrize("redirects", [True, False])
async def test_link_follows_its_customer_and_pays_the_member(edge: Edge, redirects: bool) -> None:  # noqa: FBT001 - a parameter of a test
    async with open_world(edge) as world:
        assert await world.link(await world.show(4713), 4713, "m-3") == "applied"
        panel = await world.show(4713)
        assert await world.award(panel, 4713) == "applied"
        world.merge(103, 104, redirects=redirects)
        assert await world.award(panel, 4713) == "OTHER_CUSTOMER"  # until the next event the link is the old customer's
        moved = await world.show(4713)
        assert (moved["status"], moved["support_id"]) == ("member", "M-3")
        assert await world.award(moved, 4714) == "applied"
        assert world.shop.scripted.award_requests[0].identified_by == pb.IDENTIFIED_BY_LINK
        assert await world.unlink(panel, 4713) == "OTHER_CUSTOMER"
        assert await world.unlink(moved, 4713) == "applied"
        assert await world.award(moved, 4714) == "OTHER_CUSTOMER"


async def test_link_decides_before_the_addresses(edge: Edge) -> None:
    async with open_world(edge) as world:
        nobodys = await world.show(4714)
        world.move(4714, 101)
        assert await world.link(nobodys, 4714, "m-3") == "OTHER_CUSTOMER"
        world.move(4714, 104)
        assert await world.link(nobodys, 4714, "m-2") == "applied"
        world.merge(101, 104, redirects=True)
        assert (await world.show(4711))["support_id"] == "M-2"


TICKET_IDS, CUSTOMER_IDS = st.sampled_from(sorted(TICKETS)), st.sampled_from(sorted(TICKETS.values()))
MEMBER_IDS, PANELS = st.sampled_from(sorted(MEMBERS)), st.integers(0, 9)
STEPS = st.one_of(
    st.tuples(st.just("show"), TICKET_IDS),
    st.tuples(st.just("link"), PANELS, TICKET_IDS, MEMBER_IDS),
    st.tuples(st.just("unlink"), PANELS, TICKET_IDS),
    st.tuples(st.just("award"), PANELS, TICKET_IDS),
    st.tuples(st.just("move"), TICKET_IDS, CUSTOMER_IDS),
    st.tuples(st.just("merge"), CUSTOMER_IDS, CUSTOMER_IDS, st.booleans()),
    st.tuples(st.just("forget"), MEMBER_IDS),
)


@given(st.lists(STEPS, min_size=4, max_size=20))
@settings(max_examples=30)
@example([("show", 4713), ("link", 0, 4713, "m-3"), ("show", 4713), ("forget", "m-3"), ("award", 1, 4713)])
async def test_points_go_to_the_panels_member_on_a_ticket_of_theirs_only(edge: Edge, steps: list[Step]) -> None:
    """Panels of before are pressed after whatever came since, on any ticket."""
    async with open_world(edge) as world:
        for ticket_id in TICKETS:
            await world.show(ticket_id)
        for kind, *values in steps:
            match kind, values:
                case "show", [ticket_id]:
                    await world.show(ticket_id)
                case "move", [ticket_id, customer_id]:
                    world.move(ticket_id, customer_id)
                case "merge", [source_id, target_id, redirects]:
                    world.merge(source_id, target_id, redirects=redirects)
                case "forget", [member_id]:
                    await world.forget(member_id)
                case _, [place, *rest]:
                    panel = world.panels[-1 - place % len(world.panels)]
                    await getattr(world, kind)(panel, *rest)

"""Links, merges, moves and presses in any order: no points go to a member whom panel and ticket do not both name."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeAlias

import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st
from yarl import URL

from gateway.links.store import LinkStore
from protos.loyalty.v1 import loyalty_pb2 as pb
from tests.gateway.actions.outcomes import APPLIED, UNDONE, make_deduction
from tests.gateway.edge.running import NOW
from tests.gateway.edge.shared import Edge, Shop
from tests.gateway.edge.shops import KEYS
from tests.gateway.widget.test_view import make_snapshot

Panel: TypeAlias = "dict[str, Any]"
Step: TypeAlias = "tuple[Any, ...]"
Channel: TypeAlias = "tuple[str, str]"

# Each ticket's customer in the beginning. Each of them has a channel of their own, two have a member's address.
TICKETS = {4711: 101, 4712: 102, 4713: 103, 4714: 104}
ADDRESSES: dict[int, Channel] = {101: ("email", "m1@example.com"), 102: ("phone", "+421900000002")}
# The first of a member's addresses that a customer has finds the member.
MEMBERS: dict[str, list[Channel]] = {
    "m-1": [("email", "m1@example.com"), ("phone", "+421900000001")],
    "m-2": [("phone", "+421900000002")],
    "m-3": [("email", "m3@example.com")],
}
LINKED = ("link", "")


@dataclass(frozen=True)
class Shown:
    """A panel, whose it was, and by what its member was found: a channel, or LINKED."""

    panel: Panel
    customer_id: int
    member_id: str
    found_by: Channel


class World:
    """A shop of Gorgias and its members. `channels`: of the customers who are there.

    `links`: the members to whom a customer may be linked, as the answers of the buttons and the merges allow it. Whom a
    press may pay is decided by that and by `channels`, not by what the gateway has on record.
    """

    def __init__(self, shop: Shop) -> None:
        self.shop, self.store = shop, LinkStore(shop.database, KEYS)
        self.tickets = dict(TICKETS)
        self.channels = {one: {("chat", f"id-{one}")} | {ADDRESSES.get(one, ("chat", ""))} for one in TICKETS.values()}
        self.links: dict[int, set[str]] = {one: set() for one in self.channels}
        self.unlinked: dict[int, set[str]] = {one: set() for one in self.channels}
        self.has_merged = self.remembers_links = False
        self.panels: list[Shown] = []
        shop.scripted.merchant.max_points_per_deduction = 200
        for member_id, addresses in MEMBERS.items():
            snapshot = make_snapshot()
            snapshot.member.member_id, snapshot.member.support_id = member_id, member_id.upper()
            award = snapshot.given_by_support.awards.add(award_id=f"A-{member_id}", points=5)
            award.state = pb.AWARD_STATE_APPLIED
            award.create_time.FromDatetime(NOW)
            award.reverse_expire_time.FromDatetime(NOW + timedelta(hours=1))
            names = [member_id, member_id.upper(), *(address for _, address in addresses)]
            shop.scripted.members |= {name: [snapshot] for name in names}
        for customer_id in self.channels:
            self._tell_customer(customer_id)

    def is_entitled(self, shown: Shown, ticket_id: int) -> bool:
        """Whether the ticket's customer has now what the panel's member was found by."""
        customer_id = self.tickets[ticket_id]
        if shown.found_by == LINKED:
            return shown.member_id in self.links[customer_id]
        return shown.found_by in self.channels[customer_id]

    async def show(self, ticket_id: int) -> Panel:
        gateway, customer_id = self.shop.gateway, self.tickets[ticket_id]
        url = gateway.make_widget_url(
            self._get_email(customer_id) or "None", ticket_id=str(ticket_id), customer_id=str(customer_id)
        )
        async with gateway.session.get(URL(url, encoded=True)) as response:
            panel: Panel = await response.json()
        member_id = panel["support_id"].lower() if panel["status"] == "member" else ""
        theirs = self.channels[customer_id]
        by_address = next((one for one in MEMBERS.get(member_id, []) if one in theirs), LINKED)
        shown = Shown(panel, customer_id, member_id, LINKED if panel["linked"] else by_address)
        self.panels.append(shown)
        assert not member_id or self.remembers_links or self.is_entitled(shown, ticket_id)
        return panel

    async def link(self, shown: Shown, ticket_id: int, member_id: str) -> str:
        token = shown.panel["link_token"]
        said = await self._press("link-member", ticket_id, link_token=token, support_id=member_id.upper())
        if said in {"applied", "replayed"}:
            assert self.tickets[ticket_id] == shown.customer_id
            self.links[shown.customer_id].add(member_id)
        return said

    async def unlink(self, shown: Shown, ticket_id: int) -> str:
        said = await self._press("unlink-member", ticket_id, unlink_token=shown.panel["unlink_token"])
        if said == "applied":
            assert self.tickets[ticket_id] == shown.customer_id
            self.links[shown.customer_id].discard(shown.member_id)
            self.unlinked[shown.customer_id].add(shown.member_id)
        return said

    async def award(self, shown: Shown, ticket_id: int) -> str:
        self.shop.scripted.award = APPLIED
        return await self._change("award-points", shown, ticket_id, award_token=shown.panel["award_token"], points="9")

    async def deduct(self, shown: Shown, ticket_id: int) -> str:
        self.shop.scripted.award = make_deduction(pb.AWARD_STATE_APPLIED)
        values = {"deduct_token": shown.panel["deduct_token"], "points": "7", "reason": "Correction"}
        return await self._change("deduct-points", shown, ticket_id, **values)

    async def undo(self, shown: Shown, ticket_id: int) -> str:
        self.shop.scripted.reversal = UNDONE
        return await self._change("undo-award", shown, ticket_id, undo_token=shown.panel["undo_token"])

    async def mistake(self, shown: Shown, ticket_id: int, action: str, kind: str) -> str:
        """A button gets the token of another."""
        field = {"award-points": "award_token", "deduct-points": "deduct_token", "undo-award": "undo_token"}[action]
        if field == kind:
            return ""
        form = {field: shown.panel[kind], "points": "5", "reason": "Correction"}
        said = await self._change(action, Shown(shown.panel, 0, "nobody", ("", "")), ticket_id, **form)
        assert said != "applied"
        return said

    def move(self, ticket_id: int, customer_id: int) -> None:
        """The ticket gets another customer."""
        if customer_id in self.channels:
            self.tickets[ticket_id] = customer_id
            self._tell_customer(customer_id)

    def give(self, customer_id: int, channel: Channel) -> None:
        self._change_channels(customer_id, {channel}, set())

    def take(self, customer_id: int, channel: Channel) -> None:
        self._change_channels(customer_id, set(), {channel})

    def merge(self, source_id: int, target_id: int, *, redirects: bool) -> None:
        if source_id == target_id or not {source_id, target_id} <= self.channels.keys():
            return
        self.has_merged = True
        self.channels[target_id] |= self.channels.pop(source_id)
        self.links[target_id] |= self.links[source_id] - self.unlinked[target_id]
        request = f"GET /customers/{source_id}"
        if redirects:
            self.shop.helpdesk.answer(request, status=301, Location=f"/api/customers/{target_id}")
        else:
            self.shop.helpdesk.answer(request, {}, status=404)
        self.tickets = {one: target_id if owner == source_id else owner for one, owner in self.tickets.items()}
        self._tell_customer(target_id)

    async def forget(self, member_id: str) -> None:
        await self.store.forget(self.shop.gateway.merchant_id, member_ids=[member_id], support_ids=[], channels=[])
        for linked in self.links.values():
            linked.discard(member_id)

    async def _change(self, action: str, shown: Shown, ticket_id: int, **values: str) -> str:
        """Press a button that changes points. What is sent is of the panel's member, on a ticket of theirs."""
        scripted, is_entitled = self.shop.scripted, self.is_entitled(shown, ticket_id)
        scripted.award_requests.clear()
        scripted.reversal_requests.clear()
        said = await self._press(action, ticket_id, **values)
        sent = [request.member_id for request in scripted.award_requests]
        sent += [request.award_id.removeprefix("A-") for request in scripted.reversal_requests]
        assert sent == ([shown.member_id] if said == "applied" else [])
        assert not sent or is_entitled
        if is_entitled and shown.member_id and not (self.has_merged and shown.found_by == LINKED):
            assert said == "applied"
        return said

    async def _press(self, action: str, ticket_id: int, **values: str) -> str:
        """Returns the status, or the reason of a refusal."""
        async with await self.shop.gateway.post(action, {"ticket_id": str(ticket_id), **values}) as response:
            body = await response.json()
            return str(body.get("reason", body["status"]))

    def _change_channels(self, customer_id: int, given: set[Channel], taken: set[Channel]) -> None:
        if customer_id in self.channels:
            self.channels[customer_id] = (self.channels[customer_id] | given) - taken
            self._tell_customer(customer_id)

    def _get_email(self, customer_id: int) -> str | None:
        return next((one for kind, one in sorted(self.channels[customer_id]) if kind == "email"), None)

    def _tell_customer(self, customer_id: int) -> None:
        """As Gorgias knows the customer now, alone and on their tickets."""
        channels = [{"type": kind, "address": address} for kind, address in sorted(self.channels[customer_id])]
        customer = {"id": customer_id, "email": self._get_email(customer_id)}
        self.shop.helpdesk.answer(f"GET /customers/{customer_id}", {**customer, "channels": channels})
        for ticket_id, owner in self.tickets.items():
            if owner == customer_id:
                self.shop.helpdesk.answer(f"GET /tickets/{ticket_id}", {"id": ticket_id, "customer": customer})


@asynccontextmanager
async def open_world(edge: Edge) -> AsyncIterator[World]:
    async with edge.open_shop() as shop:
        yield World(shop)


@pytest.fixture(autouse=True)
def no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is remembered for a while is older than a step, and no step waits."""
    monkeypatch.setattr("gateway.customers.links._REMEMBER_S", 0.0)
    for name in ("_REMEMBER_S", "_REMEMBER_FAILURE_S"):
        monkeypatch.setattr(f"gateway.customers.memory.{name}", 0.0)


async def see(world: World, ticket_id: int) -> Shown:
    await world.show(ticket_id)
    return world.panels[-1]


@pytest.mark.parametrize("redirects", [True, False])
async def test_link_follows_its_customer_and_pays_the_member(edge: Edge, redirects: bool) -> None:  # noqa: FBT001 - a parameter of a test
    async with open_world(edge) as world:
        assert await world.link(await see(world, 4713), 4713, "m-3") == "applied"
        panel = await see(world, 4713)
        assert await world.award(panel, 4713) == "applied"
        world.merge(103, 104, redirects=redirects)
        assert await world.award(panel, 4713) == "OTHER_CUSTOMER"  # until the next event the link is the old customer's
        moved = await see(world, 4713)
        assert (moved.member_id, moved.found_by) == ("m-3", LINKED)
        assert await world.award(moved, 4714) == "applied"
        assert world.shop.scripted.award_requests[0].identified_by == pb.IDENTIFIED_BY_LINK
        assert await world.unlink(panel, 4713) == "OTHER_CUSTOMER"
        assert await world.unlink(moved, 4713) == "applied"
        assert await world.award(moved, 4714) == "OTHER_CUSTOMER"


async def test_link_decides_before_the_addresses(edge: Edge) -> None:
    async with open_world(edge) as world:
        nobodys = await see(world, 4714)
        world.move(4714, 101)
        assert await world.link(nobodys, 4714, "m-3") == "OTHER_CUSTOMER"
        world.move(4714, 104)
        assert await world.link(nobodys, 4714, "m-2") == "applied"
        world.merge(101, 104, redirects=True)
        assert (await world.show(4711))["support_id"] == "M-2"


TICKET_IDS, CUSTOMER_IDS = st.sampled_from(sorted(TICKETS)), st.sampled_from(sorted(TICKETS.values()))
MEMBER_IDS, PANELS = st.sampled_from(sorted(MEMBERS)), st.integers(0, 9)
CHANNELS = st.sampled_from([*sum(MEMBERS.values(), []), ("whatsapp", "+421900000002"), ("chat", "id-103")])
PRESSES = st.tuples(st.sampled_from(["award", "award", "deduct", "undo"]), PANELS, TICKET_IDS)
KINDS = st.sampled_from(["award_token", "deduct_token", "undo_token", "link_token", "unlink_token"])
STEPS = st.one_of(
    st.tuples(st.just("show"), TICKET_IDS),
    st.tuples(st.just("link"), PANELS, TICKET_IDS, MEMBER_IDS),
    st.tuples(st.just("unlink"), PANELS, TICKET_IDS),
    PRESSES,
    PRESSES,
    st.tuples(st.just("mistake"), PANELS, TICKET_IDS, st.sampled_from(["award-points", "undo-award"]), KINDS),
    st.tuples(st.just("move"), TICKET_IDS, CUSTOMER_IDS),
    st.tuples(st.sampled_from(["give", "take"]), CUSTOMER_IDS, CHANNELS),
    st.tuples(st.just("merge"), CUSTOMER_IDS, CUSTOMER_IDS, st.booleans()),
    st.tuples(st.just("forget"), MEMBER_IDS),
)
LINK = [("link", 0, 4713, "m-3"), ("show", 4713)]


@given(st.lists(STEPS, min_size=4, max_size=20), st.booleans())
@settings(max_examples=30, phases=[Phase.explicit, Phase.generate])
@example([("show", 4713), *LINK, ("award", 0, 4713), ("forget", "m-3"), ("show", 4713), ("undo", 0, 4713)], True)  # noqa: FBT003 - drawn otherwise
@example([("show", 4713), *LINK, ("unlink", 0, 4713), ("deduct", 0, 4713), ("award", 0, 4712)], False)  # noqa: FBT003 - drawn otherwise
async def test_points_go_to_the_panels_member_on_a_ticket_of_theirs_only(
    edge: Edge,
    steps: list[Step],
    remembers_links: bool,  # noqa: FBT001 - drawn
) -> None:
    """Panels of before are pressed after whatever came since, on any ticket.

    The customer of that ticket has then the address or the link by which the panel's member was found.
    """
    async with open_world(edge) as world:
        world.remembers_links = remembers_links
        with pytest.MonkeyPatch.context() as patch:
            if remembers_links:
                patch.setattr("gateway.customers.links._REMEMBER_S", 60.0)
            for ticket_id in TICKETS:
                await world.show(ticket_id)
            for step in steps:
                await take_step(world, *step)


async def take_step(world: World, kind: str, *values: Any) -> None:  # noqa: ANN401 - of each kind of step
    match kind, values:
        case "show", [ticket_id]:
            await world.show(ticket_id)
        case "merge", [source_id, target_id, redirects]:
            world.merge(source_id, target_id, redirects=redirects)
        case "forget", [member_id]:
            await world.forget(member_id)
        case "move" | "give" | "take", _:
            getattr(world, kind)(*values)
        case _, [place, *rest]:
            await getattr(world, kind)(world.panels[-1 - place % len(world.panels)], *rest)

"""Customers, tickets, members and links of one shop in any state, and its buttons.

This module decides by itself which member a press may pay.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeAlias

from yarl import URL

from gateway.links.store import LinkStore
from protos.loyalty.v1 import loyalty_pb2 as pb
from tests.gateway.actions.outcomes import APPLIED, UNDONE, make_deduction
from tests.gateway.edge.running import NOW
from tests.gateway.edge.shared import Shop
from tests.gateway.edge.shops import KEYS
from tests.gateway.widget.test_view import make_snapshot

Panel: TypeAlias = "dict[str, Any]"
Channel: TypeAlias = "tuple[str, str]"

# Each ticket's first customer. Each customer has one channel of their own; two have a member's address.
TICKETS = {4711: 101, 4712: 102, 4713: 103, 4714: 104}
ADDRESSES: dict[int, Channel] = {101: ("email", "m1@example.com"), 102: ("phone", "+421900000002")}
# A customer's first address in a member's list finds the member.
MEMBERS: dict[str, list[Channel]] = {
    "m-1": [("email", "m1@example.com"), ("phone", "+421900000001")],
    "m-2": [("phone", "+421900000002")],
    "m-3": [("email", "m3@example.com")],
}
LINKED = ("link", "")
# The button that each token belongs to.
FIELDS = {
    "award-points": "award_token",
    "deduct-points": "deduct_token",
    "undo-award": "undo_token",
    "link-member": "link_token",
    "unlink-member": "unlink_token",
}
KINDS = sorted(FIELDS.values())


@dataclass(frozen=True)
class Shown:
    """A panel, its customer, and how its member was found: by a channel, or LINKED."""

    panel: Panel
    customer_id: int
    member_id: str
    found_by: Channel


class World:
    """A shop of Gorgias and its members. `channels`: of the customers who exist.

    `links`: the members to whom a customer may be linked, according to the answers of the buttons and the merges. These
    and `channels` decide whom a press may pay, not the gateway's own records.
    """

    def __init__(self, shop: Shop) -> None:
        self.shop, self.store = shop, LinkStore(shop.database, KEYS)
        self.tickets = dict(TICKETS)
        self.channels = {one: {("chat", f"id-{one}")} | {ADDRESSES.get(one, ("chat", ""))} for one in TICKETS.values()}
        self.links: dict[int, set[str]] = {one: set() for one in self.channels}
        self.unlinked: dict[int, set[str]] = {one: set() for one in self.channels}
        self.has_merged = self.has_forgotten = False
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
        """Whether the ticket's customer still has the address or link that found the panel's member."""
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
        assert not member_id or self.has_forgotten or self.is_entitled(shown, ticket_id)
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
        """Press a button with another button's token."""
        field = FIELDS[action]
        if field == kind:
            return ""
        form = {field: shown.panel[kind], "points": "5", "reason": "Correction", "support_id": "M-1"}
        said = await self._change(action, Shown(shown.panel, 0, "nobody", ("", "")), ticket_id, **form)
        assert said not in {"applied", "replayed"}
        return said

    def move(self, ticket_id: int, customer_id: int) -> None:
        """Give the ticket to another customer."""
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
        self.has_forgotten = True  # a panel may show that link while it is remembered
        for linked in self.links.values():
            linked.discard(member_id)

    async def _change(self, action: str, shown: Shown, ticket_id: int, **values: str) -> str:
        """Press a button that changes points. Points may only go to the panel's member, on that member's ticket."""
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
        """Press a button; return the status, or the reason of a refusal."""
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
        """Make Gorgias show the customer as they are now, alone and on their tickets."""
        channels = [{"type": kind, "address": address} for kind, address in sorted(self.channels[customer_id])]
        customer = {"id": customer_id, "email": self._get_email(customer_id)}
        self.shop.helpdesk.answer(f"GET /customers/{customer_id}", {**customer, "channels": channels})
        for ticket_id, owner in self.tickets.items():
            if owner == customer_id:
                self.shop.helpdesk.answer(f"GET /tickets/{ticket_id}", {"id": ticket_id, "customer": customer})

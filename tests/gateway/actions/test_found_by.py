"""Presses in panels whose member was found by another address or by a link: the customer must still have it."""

from collections.abc import Callable
from typing import Any

import aiohttp
import pytest

from gateway.customers.identity import FoundBy, Identity
from gateway.links.link import Agent, EndKind, LinkEnd, NewLink
from gateway.links.store import LinkLimit, LinkStore
from protos.loyalty.v1 import loyalty_pb2 as pb
from tests.gateway.actions.outcomes import APPLIED, UNDONE
from tests.gateway.edge.running import JANA, NOW, make_time
from tests.gateway.edge.shared import Shop
from tests.gateway.edge.shops import KEYS
from tests.statements import execute

PHONE, OTHER_PHONE = "+5215512345678", "+5215512345679"
JANAS_ID, STRANGERS_ID = 101, 103
FOUND = {
    FoundBy.EMAIL: Identity(FoundBy.EMAIL, JANA),
    FoundBy.OTHER_EMAIL: Identity(FoundBy.OTHER_EMAIL, "home@example.com"),
    FoundBy.PHONE: Identity(FoundBy.PHONE, PHONE),
    FoundBy.LINK: Identity(FoundBy.LINK, "member-1"),
}
IDENTIFIED_BY = {
    FoundBy.EMAIL: pb.IDENTIFIED_BY_EMAIL,
    FoundBy.OTHER_EMAIL: pb.IDENTIFIED_BY_OTHER_EMAIL,
    FoundBy.PHONE: pb.IDENTIFIED_BY_PHONE,
    FoundBy.LINK: pb.IDENTIFIED_BY_LINK,
}


class Desk:
    """Jana's ticket 4711, and presses in panels whose member was found in different ways."""

    def __init__(self, shop: Shop) -> None:
        self.shop, self.links = shop, LinkStore(shop.database, KEYS)
        shop.scripted.award, shop.scripted.reversal = APPLIED, UNDONE

    def set_channels(self, *channels: tuple[str, object]) -> None:
        listed = [{"type": kind, "address": address} for kind, address in channels]
        self.shop.helpdesk.answer(f"GET /customers/{JANAS_ID}", {"id": JANAS_ID, "channels": listed})

    def give_to_the_stranger(self) -> None:
        self.shop.helpdesk.account.state.tickets[4711].customer_id = STRANGERS_ID

    async def link(self, member_id: str = "member-1", customer_id: int = JANAS_ID) -> int:
        new = NewLink(
            merchant_id=self.shop.gateway.merchant_id,
            customer_id=customer_id,
            member_id=member_id,
            support_id="S-1",
            agent=Agent(name="Ana"),
            ticket_id=4711,
            channels=frozenset(),
        )
        change = await self.links.add(new, NOW, LinkLimit(most=20, day_start=NOW), lambda *_: False)
        return change.link.link_id

    async def unlink(self, link_id: int) -> None:
        end = LinkEnd(kind=EndKind.UNLINKED, agent=Agent(), ticket_id=4711, time=NOW)
        await self.links.end(self.shop.gateway.merchant_id, JANAS_ID, link_id, end)

    async def press(self, kind: FoundBy, button: str = "award") -> aiohttp.ClientResponse:
        gateway, tokens = self.shop.gateway, self.shop.gateway.tokens.tokens
        found: dict[str, Any] = {"found_by": FOUND[kind], "fetch_time": make_time(NOW)}
        if button == "undo":
            return await gateway.press_undo(undo_token=tokens.make_undo(gateway.merchant_id, "A-10482", **found))
        if button == "deduct":
            token = tokens.make(gateway.merchant_id, "member-1", debit=True, **found)
            return await gateway.press_deduct(deduct_token=token)
        return await gateway.press(award_token=tokens.make(gateway.merchant_id, "member-1", **found))

    async def check_refused(self, kind: FoundBy, status: int, reason: str, words: str = "") -> None:
        """Check that the press is refused, and that nothing is sent or written."""
        before = len(await self.shop.list_notes())
        response = await self.press(kind)
        body = await response.json()
        assert (response.status, body["reason"], words in body["message"]) == (status, reason, True)
        assert (self.shop.scripted.award_requests, len(await self.shop.list_notes())) == ([], before)


@pytest.fixture
def desk(shop: Shop) -> Desk:
    return Desk(shop)


@pytest.mark.parametrize("kind", FoundBy)
async def test_press_says_by_what_the_member_was_found(desk: Desk, kind: FoundBy) -> None:
    desk.set_channels(("email", "Home@Example.com"), ("phone", "+52 55 1234 5678"))
    await desk.link()
    for button in ("award", "deduct", "undo"):
        assert (await desk.press(kind, button)).status == 200, button
    assert [request.identified_by for request in desk.shop.scripted.award_requests] == [IDENTIFIED_BY[kind]] * 2


# Each change takes away the address or link that found the panel's member. Other addresses may stay.
TAKEN: dict[str, tuple[FoundBy, Callable[[Desk], None]]] = {
    "another e-mail": (FoundBy.OTHER_EMAIL, lambda desk: desk.set_channels(("email", "new@example.com"))),
    "e-mail as a chat": (FoundBy.OTHER_EMAIL, lambda desk: desk.set_channels(("chat", "home@example.com"))),
    "another phone": (FoundBy.PHONE, lambda desk: desk.set_channels(("phone", OTHER_PHONE))),
    "phone of whatsapp": (FoundBy.PHONE, lambda desk: desk.set_channels(("whatsapp", PHONE))),
    "phone as an e-mail": (FoundBy.PHONE, lambda desk: desk.set_channels(("email", PHONE))),
    "odd phones": (FoundBy.PHONE, lambda desk: desk.set_channels(("phone", None), ("phone", [PHONE]), ("phone", "1"))),
    "moved by e-mail": (FoundBy.OTHER_EMAIL, Desk.give_to_the_stranger),
    "moved by phone": (FoundBy.PHONE, Desk.give_to_the_stranger),
}


@pytest.mark.parametrize("case", TAKEN.values(), ids=TAKEN.keys())
async def test_ticket_whose_customer_lost_the_address_is_refused(
    desk: Desk, case: tuple[FoundBy, Callable[[Desk], None]]
) -> None:
    kind, take = case
    desk.set_channels(("email", "home@example.com"), ("phone", PHONE))
    take(desk)
    await desk.check_refused(kind, 409, "OTHER_CUSTOMER", "does not have that ")


@pytest.mark.parametrize("status", [301, 404, 429, 500])
async def test_press_is_refused_if_gorgias_does_not_list_the_customer_s_phones(desk: Desk, status: int) -> None:
    desk.shop.helpdesk.answer(f"GET /customers/{JANAS_ID}", status=status)
    await desk.check_refused(FoundBy.PHONE, 503, "TICKET_NOT_CHECKED")


async def test_phone_without_its_countrys_code_is_read_in_the_shops_country(desk: Desk) -> None:
    gateway, found = desk.shop.gateway, Identity(FoundBy.PHONE, "+421900000001")
    token = gateway.tokens.tokens.make(gateway.merchant_id, "member-1", found_by=found, fetch_time=make_time(NOW))
    desk.set_channels(("phone", "0900 000 001"))
    assert (await gateway.press(award_token=token)).status == 200


async def test_link_counts_as_it_is_now(desk: Desk) -> None:
    """The press reads the link anew. A link of another member or another customer does not count."""
    await desk.check_refused(FoundBy.LINK, 409, "OTHER_CUSTOMER")
    link_id = await desk.link()
    assert (await desk.press(FoundBy.LINK, "undo")).status == 200
    await desk.unlink(link_id)
    await desk.check_refused(FoundBy.LINK, 409, "OTHER_CUSTOMER", "is not linked to that member any more. Add or")
    link_id = await desk.link("member-2")
    await desk.check_refused(FoundBy.LINK, 409, "OTHER_CUSTOMER")
    await desk.unlink(link_id)
    await desk.link()
    desk.give_to_the_stranger()
    await desk.check_refused(FoundBy.LINK, 409, "OTHER_CUSTOMER")
    await desk.link("member-1", STRANGERS_ID)
    assert (await desk.press(FoundBy.LINK, "deduct")).status == 200


async def test_link_that_cannot_be_read_lets_no_press_through(desk: Desk) -> None:
    await execute(desk.shop.database, "ALTER TABLE customer_links RENAME TO gone")
    try:
        await desk.check_refused(FoundBy.LINK, 503, "STORE_UNAVAILABLE")
    finally:
        await execute(desk.shop.database, "ALTER TABLE gone RENAME TO customer_links")


async def test_address_counts_only_as_the_kind_that_found_the_member(desk: Desk) -> None:
    """A member's id may look like an e-mail address, and an address like a phone number."""
    await desk.link(JANA)
    gateway = desk.shop.gateway
    for found, channel in (
        (Identity(FoundBy.PHONE, JANA), ("email", JANA)),
        (Identity(FoundBy.OTHER_EMAIL, "+421900000001"), ("phone", "+421900000001")),
    ):
        token = gateway.tokens.tokens.make(gateway.merchant_id, "member-1", found_by=found, fetch_time=make_time(NOW))
        desk.set_channels(channel)
        assert (await gateway.press(award_token=token)).status == 409, channel

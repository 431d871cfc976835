"""A ticket whose e-mail finds no member is searched by the customer's other addresses, never by a guess."""

from typing import Any, TypeAlias

import grpc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.customers.identity import FoundBy
from gateway.installation.store import InstallationStore
from gateway.links.link import Agent, NewLink
from gateway.links.store import LinkLimit, LinkStore
from sandbox.gorgias.faults import Fault
from tests.gateway.edge.running import NOW
from tests.gateway.edge.scripted import Failure, ScriptedLoyalty
from tests.gateway.edge.shared import Shop
from tests.gateway.edge.shops import KEYS
from tests.gateway.widget.test_view import make_snapshot
from tests.statements import execute

Channel: TypeAlias = tuple[str, str]
PHONE = "+421900000001"
TAG = "Add or remove a tag, then try again."
ASK = "Ask the customer for the support ID in their app, then press Link to member."


class Desk:
    """A shop whose customers have channels, and whose members have addresses."""

    def __init__(self, shop: Shop) -> None:
        self.gateway, self.helpdesk, self.scripted, self.shop = shop.gateway, shop.helpdesk, shop.scripted, shop
        self.scripted.members = {"nobody@example.com": []}

    def add_member(self, member_id: str, *addresses: str, support_id: str = "") -> None:
        snapshot = make_snapshot()
        snapshot.member.member_id, snapshot.member.support_id = member_id, support_id or f"S-{member_id}"
        for address in addresses:
            self.scripted.members[address] = [*self.scripted.members.get(address, ()), snapshot]

    def add_customer(self, email: str | None, *channels: Channel) -> int:
        """Add a customer; return the number of their ticket."""
        ticket = self.helpdesk.add_ticket(email)
        listed = [{"type": kind, "address": address, "preferred": False} for kind, address in channels]
        body = {"id": ticket.customer_id, "email": email, "channels": listed}
        self.helpdesk.answer(f"GET /customers/{ticket.customer_id}", body)
        return ticket.id

    async def show(self, ticket_id: int) -> dict[str, Any]:
        """Fire an event of the ticket; return the panel."""
        self.helpdesk.requests.clear()
        self.scripted.snapshot_requests.clear()
        customer_id = self.helpdesk.account.state.tickets[ticket_id].customer_id
        email = self.helpdesk.account.state.customers[customer_id].email
        url = self.gateway.make_widget_url(str(email), ticket_id=str(ticket_id), customer_id=str(customer_id))
        async with self.gateway.session.get(url) as response:
            assert response.status == 200
            body: dict[str, Any] = await response.json()
            return body

    async def link(self, ticket_id: int, member_id: str, *channels: Channel) -> None:
        new = NewLink(
            merchant_id=self.gateway.merchant_id,
            customer_id=self.helpdesk.account.state.tickets[ticket_id].customer_id,
            member_id=member_id,
            support_id="S-1",
            agent=Agent(name="Ana"),
            ticket_id=ticket_id,
            channels=frozenset(channels),
        )
        await LinkStore(self.shop.database, KEYS).add(new, NOW, LinkLimit(most=20, day_start=NOW), lambda *_: False)

    @property
    def groups(self) -> list[list[str]]:
        """The groups of identities that the loyalty service was last asked for."""
        request = self.scripted.snapshot_requests[-1]
        return [[one.email or one.phone for one in group.identities] for group in request.identity_groups]


@pytest.fixture
def desk(shop: Shop) -> Desk:
    return Desk(shop)


async def test_ticket_of_a_chat_shows_the_member_with_the_customers_phone(desk: Desk) -> None:
    desk.add_member("m-1", PHONE)
    ticket = desk.add_customer(None, ("whatsapp", "421900000001"), ("phone", "0900 000 001"), ("chat", PHONE))
    body = await desk.show(ticket)
    assert (body["status"], body["summary"]) == ("member", f"Gold · 1,240 points · 2 coupons · found by {PHONE}")
    assert desk.groups == [[], [PHONE]]
    assert len(desk.helpdesk.requests) == len(desk.scripted.snapshot_requests) == 1
    assert desk.gateway.tokens.parse(body["award_token"]).owner.kind is FoundBy.PHONE


async def test_second_address_finds_the_member_without_another_search_for_the_first(desk: Desk) -> None:
    desk.add_member("m-1", "home@example.com")
    ticket = desk.add_customer(
        "work@example.com", ("email", "WORK@example.com"), ("email", "home@example.com"), ("phone", PHONE)
    )
    body = await desk.show(ticket)
    assert (body["status"], body["summary"].partition("found by ")[2]) == ("member", "home@example.com")
    assert desk.groups == [["home@example.com"], [PHONE]]
    assert [request.max_search_count for request in desk.scripted.snapshot_requests] == [0, 4]
    owner = desk.gateway.tokens.parse(body["award_token"]).owner
    assert (owner.kind, owner.has_email("home@example.com")) == (FoundBy.OTHER_EMAIL, True)


async def test_members_with_different_addresses_of_one_kind_are_told_apart_by_support_id(desk: Desk) -> None:
    desk.add_member("m-1", "one@example.com", support_id="JN-4821")
    desk.add_member("m-2", "two@example.com", support_id="JN-5190")
    ticket = desk.add_customer(None, ("email", "one@example.com"), ("email", "two@example.com"))
    body = await desk.show(ticket)
    said = f"2 members have addresses of this customer: JN-4821 and JN-5190. {ASK}"
    assert (body["status"], body["summary"], len(body["link_member"])) == ("ambiguous", said, 1)
    desk.add_member("m-3", "twins@example.com", support_id="A-1")
    desk.add_member("m-4", "twins@example.com", support_id="A-2")
    body = await desk.show(desk.add_customer("twins@example.com", ("email", "one@example.com")))
    said = f"2 members have twins@example.com: A-1 and A-2. {ASK}"
    assert (body["status"], body["summary"]) == ("ambiguous", said)
    assert desk.helpdesk.requests == []


async def test_other_emails_decide_before_phones(desk: Desk) -> None:
    desk.add_member("m-1", "home@example.com")
    desk.add_member("m-2", PHONE)
    ticket = desk.add_customer("work@example.com", ("phone", PHONE), ("email", "home@example.com"))
    body = await desk.show(ticket)
    assert desk.gateway.tokens.parse(body["award_token"]).member_id == "m-1"


NOBODY: list[tuple[str | None, list[Channel], str, str]] = [
    ("a@example.com", [], "not_member", "No loyalty member with a@example.com"),
    ("a@example.com", [("phone", PHONE)], "not_member", f"No loyalty member with a@example.com, nor with {PHONE}"),
    (
        "a@example.com",
        [("phone", PHONE), ("email", "b@example.com")],
        "not_member",
        "No loyalty member with a@example.com, nor with the customer's 2 other addresses",
    ),
    (None, [("phone", PHONE)], "not_member", f"No loyalty member with {PHONE}"),
    (
        None,
        [("phone", PHONE), ("email", "b@example.com")],
        "not_member",
        "No loyalty member with any of the customer's 2 addresses",
    ),
    (
        None,
        [("instagram", PHONE)],
        "no_identity",
        f"This customer has no e-mail address and no phone number that can be looked for. {ASK}",
    ),
    (
        None,
        [("phone", "12"), ("instagram", PHONE), ("email", "no address")],
        "no_identity",
        (
            f"This ticket has no e-mail. The customer's phone number or other e-mail in Gorgias cannot be read: "
            f"correct it there. {ASK}"
        ),
    ),
]


async def test_panel_without_a_member_says_what_was_looked_for(desk: Desk, subtests: pytest.Subtests) -> None:
    for email, channels, status, summary in NOBODY:
        with subtests.test(summary=summary):
            body = await desk.show(desk.add_customer(email, *channels))
            assert (body["status"], body["summary"]) == (status, summary)
            assert len(body["link_member"]) == 1


async def test_phone_is_not_looked_for_if_the_shops_trifft_cannot_search_by_it(desk: Desk) -> None:
    desk.scripted.members = {}
    place = "identity_groups[1].identities[0].phone"
    desk.scripted.snapshot = Failure(grpc.StatusCode.INVALID_ARGUMENT, "BAD_VALUE", field_name=place)
    body = await desk.show(desk.add_customer(None, ("phone", PHONE)))
    said = f"This customer has no e-mail address and no phone number that can be looked for. {ASK}"
    assert (body["status"], body["summary"], len(body["link_member"])) == ("no_identity", said, 1)


async def test_panel_says_that_an_older_loyalty_service_did_not_search_the_addresses(desk: Desk) -> None:
    """Such a service does not know groups, and complains of a missing identity."""
    desk.scripted.members = {}
    desk.scripted.snapshot = Failure(grpc.StatusCode.INVALID_ARGUMENT, "BAD_VALUE", field_name="identity")
    body = await desk.show(desk.add_customer(None, ("phone", PHONE)))
    said = "The customer's addresses could not be looked for: the loyalty service did not answer at 13:55."
    assert (body["status"], body["summary"]) == ("unavailable", f"This ticket has no e-mail. {said} {TAG}")
    assert len(body["link_member"]) == 1


SILENT: dict[str, tuple[dict[str, Any], str]] = {
    "404": ({"status": 404}, "Gorgias did not know the customer"),
    "301": ({"status": 301, "Location": "/api/customers/5"}, "Gorgias' answer could not be read"),
    "429": ({"status": 429, "Retry-After": "0"}, "Gorgias was busy"),
    "403": ({"status": 403}, "Gorgias refused our access"),
    "503": ({"status": 503}, "Gorgias did not answer"),
    "odd": ({"body": {"id": 5, "channels": {}}}, "Gorgias' answer could not be read"),
    "no JSON": ({"body": b"<html>"}, "Gorgias' answer could not be read"),
}


async def test_panel_says_what_is_unknown_without_gorgias_answer(desk: Desk, subtests: pytest.Subtests) -> None:
    """The panel does not say that there is no member. An agent who knows the support ID can still link."""
    for name, (answer, cause) in SILENT.items():
        with subtests.test(name=name):
            ticket = desk.add_customer("a@example.com", ("phone", PHONE))
            customer_id = desk.helpdesk.account.state.tickets[ticket].customer_id
            desk.helpdesk.answer(f"GET /customers/{customer_id}", **answer)
            body = await desk.show(ticket)
            advice = "You cannot fix this. Please tell your administrator." if name == "403" else TAG
            said = f"The customer's other addresses could not be read: {cause} at 13:55. {advice}"
            assert (body["status"], body["summary"]) == ("unavailable", f"No member has a@example.com. {said}")
            assert (len(body["link_member"]), body["add_points"]) == (1, [])


async def test_gorgias_is_not_asked_if_the_email_finds_the_member(desk: Desk) -> None:
    """One call of the loyalty service is enough, and Gorgias may be down."""
    desk.helpdesk.account.faults.set(Fault(kind="status", operation="*", status=500))
    desk.add_member("m-1", "a@example.com")
    body = await desk.show(desk.add_customer("a@example.com", ("phone", PHONE)))
    desk.helpdesk.account.faults.clear()
    assert (body["status"], body["summary"]) == ("member", "Gold · 1,240 points · 2 coupons")
    assert (desk.helpdesk.requests, len(desk.scripted.snapshot_requests)) == ([], 1)


async def test_addresses_are_asked_for_once_per_customer(desk: Desk) -> None:
    desk.add_member("m-1", PHONE)
    ticket = desk.add_customer(None, ("phone", PHONE))
    assert [(await desk.show(ticket))["status"] for _ in range(3)] == ["member"] * 3
    assert desk.helpdesk.requests == []
    other = desk.helpdesk.account.state.tickets[desk.add_customer(None, ("phone", "+421900000002"))].customer_id
    desk.helpdesk.account.state.tickets[ticket].customer_id = other
    assert (await desk.show(ticket))["status"] == "not_member"
    assert desk.helpdesk.requests == [f"GET /customers/{other}"]


async def test_ticket_is_read_for_its_customer_if_the_call_names_none(desk: Desk) -> None:
    """Such a Gorgias does not know the variable of the customer's id."""
    desk.add_member("m-1", PHONE)
    ticket = desk.add_customer("a@example.com", ("phone", PHONE))
    customer_id = desk.helpdesk.account.state.tickets[ticket].customer_id
    body = await (await desk.gateway.get_widget("a@example.com", ticket_id=str(ticket), customer_id="None")).json()
    assert (body["status"], desk.gateway.tokens.parse(body["award_token"]).owner.kind) == ("member", FoundBy.PHONE)
    assert desk.helpdesk.requests == [f"GET /tickets/{ticket}", f"GET /customers/{customer_id}"]
    desk.helpdesk.answer(f"GET /tickets/{ticket}", status=404)
    for ticket_id, status in (("None", "not_member"), (str(ticket), "unavailable")):
        body = await (await desk.gateway.get_widget("a@example.com", ticket_id=ticket_id, customer_id="")).json()
        assert body["status"] == status  # another customer may have the ticket now, so nothing is remembered


async def test_panel_names_the_address_of_the_call_although_gorgias_has_another_now(desk: Desk) -> None:
    ticket = desk.add_customer("new@example.com")
    body = await (await desk.gateway.get_widget("old@example.com", ticket_id=str(ticket), customer_id="None")).json()
    assert body["summary"] == "No loyalty member with old@example.com, nor with new@example.com"


async def test_customer_with_an_impossible_id_is_unknown(desk: Desk) -> None:
    ticket = desk.add_customer(None)
    for customer_id in (0, 2**63, 10**30):
        desk.helpdesk.answer(f"GET /tickets/{ticket}", {"id": ticket, "customer": {"id": customer_id, "email": None}})
        async with await desk.gateway.get_widget("None", ticket_id=str(ticket), customer_id="None") as response:
            body = await response.json()
        assert (body["status"], "Gorgias' answer could not be read" in body["summary"]) == ("unavailable", True)


async def test_too_many_addresses_decide_nothing(desk: Desk) -> None:
    """The loyalty service may not search for all, or Gorgias lists more than are read.

    Or there are 51, and a call of the loyalty service takes 50.
    """
    desk.add_member("m-1", "x5@example.com")
    many: list[Channel] = [("email", f"x{number}@example.com") for number in range(6)]
    phones: list[Channel] = [("phone", f"+4219000000{number:02}") for number in range(60)]
    both: list[Channel] = [*(("email", f"y{number}@example.com") for number in range(26)), *phones[:25]]
    for channels, searches in ((many, 2), (phones, 1), (both, 1)):
        body = await desk.show(desk.add_customer("a@example.com", *channels))
        said = f"The customer has too many other addresses to look for all of them. {ASK}"
        assert (body["status"], body["summary"]) == ("unavailable", f"No member has a@example.com. {said}")
        assert (len(body["link_member"]), len(desk.scripted.snapshot_requests)) == (1, searches)


async def test_panel_names_no_other_addresses_if_the_tickets_email_took_all_searches(desk: Desk) -> None:
    desk.scripted.members = {}
    details = {"search_count": "5", "fetch_time": "2026-11-23T12:55:00+00:00"}
    desk.scripted.snapshot = Failure(grpc.StatusCode.NOT_FOUND, "MEMBER_NOT_FOUND", details)
    body = await desk.show(desk.add_customer("a@example.com", ("phone", PHONE)))
    said = f"The customer has too many other addresses to look for all of them. {ASK}"
    assert (body["status"], body["summary"]) == ("unavailable", f"No member has a@example.com. {said}")
    assert len(desk.scripted.snapshot_requests) == 1


async def test_address_of_the_shop_itself_finds_no_member(desk: Desk) -> None:
    """Mail that comes through the shop's address is from another person.

    It counts neither for the ticket nor the customer.
    """
    store = InstallationStore(desk.shop.database, KEYS)
    await store.record_gorgias_addresses(desk.gateway.merchant_id, ["Hello@Shop.example"])
    desk.add_member("m-1", "hello@shop.example")
    body = await desk.show(desk.add_customer("hello@shop.example", ("email", "HELLO@shop.example")))
    said = f"This ticket has the shop's own e-mail address, and its customer no other that can be looked for. {ASK}"
    assert (body["status"], body["summary"], desk.scripted.snapshot_requests) == ("no_identity", said, [])
    body = await desk.show(desk.add_customer("a@example.com", ("email", "hello@SHOP.example")))
    assert (body["status"], body["summary"]) == ("not_member", "No loyalty member with a@example.com")
    desk.add_member("m-2", PHONE)
    body = await desk.show(desk.add_customer("hello@shop.example", ("phone", PHONE)))
    assert desk.gateway.tokens.parse(body["award_token"]).member_id == "m-2"


async def test_address_of_the_shop_itself_finds_no_member_while_our_database_is_gone(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """TRIFFT is not asked until the database has said which these are. After that they stay known."""
    monkeypatch.setattr("gateway.customers.own_addresses._REMEMBER_S", 0.0)
    store = InstallationStore(desk.shop.database, KEYS)
    await store.record_gorgias_addresses(desk.gateway.merchant_id, ["hello@shop.example"])
    desk.add_member("m-1", "hello@shop.example")
    ticket = desk.add_customer("hello@shop.example")
    await desk.gateway.get_widget("a%20b@example.com", ticket_id="None")  # this makes the credential known

    async def show_without_database() -> str:
        await execute(desk.shop.database, "ALTER TABLE installations RENAME COLUMN gorgias_addresses TO gone")
        try:
            status: str = (await desk.show(ticket))["status"]
        finally:
            await execute(desk.shop.database, "ALTER TABLE installations RENAME COLUMN gone TO gorgias_addresses")
        return status

    assert (await show_without_database(), desk.scripted.snapshot_requests) == ("unavailable", [])
    assert ((await desk.show(ticket))["status"], desk.scripted.snapshot_requests) == ("no_identity", [])
    assert (await show_without_database(), desk.scripted.snapshot_requests) == ("no_identity", [])


async def test_link_decides_although_only_gorgias_names_the_customer(desk: Desk) -> None:
    desk.add_member("m-1", "a@example.com")
    desk.add_member("m-2", "m-2")
    ticket = desk.add_customer("a@example.com")
    await desk.link(ticket, "m-2")
    response = await desk.gateway.get_widget("a%20b@example.com", ticket_id=str(ticket), customer_id="None")
    assert desk.gateway.tokens.parse((await response.json())["award_token"]).member_id == "m-2"


async def test_link_decides_before_every_address(desk: Desk) -> None:
    """Gorgias is not asked, and TRIFFT only for the linked member."""
    desk.add_member("m-1", "a@example.com", "m-1")
    desk.add_member("m-2", "m-2")
    ticket = desk.add_customer("a@example.com", ("email", "b@example.com"))
    await desk.link(ticket, "m-2")
    body = await desk.show(ticket)
    assert (body["status"], body["linked_text"][:13]) == ("member", "Linked by Ana")
    panel = desk.gateway.tokens.parse(body["award_token"])
    assert (panel.member_id, panel.owner.kind, panel.owner.has_link("m-2")) == ("m-2", FoundBy.LINK, True)
    assert [request.identity.member_id for request in desk.scripted.snapshot_requests] == ["m-2"]
    assert desk.helpdesk.requests == []


async def test_link_to_a_member_unknown_to_trifft_is_reported(desk: Desk) -> None:
    """The addresses are not searched: the agent said who the member is."""
    desk.add_member("m-1", "a@example.com")
    ticket = desk.add_customer("a@example.com")
    await desk.link(ticket, "m-9")
    body = await desk.show(ticket)
    said = "TRIFFT does not know the member whom this customer is linked to. Unlink the customer."
    assert (body["status"], body["summary"], len(body["linked"])) == ("not_member", said, 1)


async def test_link_of_a_merged_customer_is_found_by_the_remaining_one(desk: Desk) -> None:
    """Gorgias must report the merge: while the other customer exists, the link is theirs alone."""
    desk.add_member("m-1", "m-1")
    there, left = desk.add_customer(None, ("chat", "4f1a")), desk.add_customer("a@example.com", ("chat", "4f1a"))
    await desk.link(there, "m-1", ("chat", "4f1a"))
    assert (await desk.show(left))["status"] == "not_member"
    merged, left = desk.add_customer(None, ("chat", "77")), desk.add_customer("b@example.com", ("chat", "77"))
    await desk.link(merged, "m-1", ("chat", "77"))
    merged_id, left_id = (desk.helpdesk.account.state.tickets[one].customer_id for one in (merged, left))
    desk.helpdesk.answer(f"GET /customers/{merged_id}", status=301, Location=f"/api/customers/{left_id}")
    body = await desk.show(left)
    assert (body["status"], body["linked_text"][:13]) == ("member", "Linked by Ana")
    assert desk.helpdesk.requests == [f"GET /customers/{left_id}", f"GET /customers/{merged_id}"]


async def test_addresses_count_while_our_database_is_gone(desk: Desk) -> None:
    """If they find no member, the panel says that there may be a link."""
    desk.add_member("m-1", "a@example.com")
    ticket = desk.add_customer("a@example.com")
    await desk.show(ticket)
    await execute(desk.shop.database, "ALTER TABLE customer_links RENAME TO gone")
    try:
        other = desk.add_customer("a@example.com")
        assert (await desk.show(other))["status"] == "member"
        body = await desk.show(desk.add_customer("nobody@example.com"))
        said = "Our own records did not answer at 13:55: the customer may be linked to a member."
        assert body["summary"] == f"No loyalty member with nobody@example.com. {said} {TAG}"
    finally:
        await execute(desk.shop.database, "ALTER TABLE gone RENAME TO customer_links")


async def test_failure_in_the_middle_of_a_search_is_reported(desk: Desk, scripted: ScriptedLoyalty) -> None:
    ticket = desk.add_customer(None, ("phone", PHONE))
    scripted.members = {}  # now the script's failure is the answer
    body = await desk.show(ticket)
    said = "The customer's addresses could not be looked for: the loyalty service did not answer at 13:55."
    assert (body["status"], body["summary"]) == ("unavailable", f"This ticket has no e-mail. {said} {TAG}")


ADDRESSES = [f"x{number}@example.com" for number in range(4)] + [f"+42190000000{number}" for number in range(4)]
HAVE = st.dictionaries(st.sampled_from(["m-1", "m-2", "m-3"]), st.sets(st.sampled_from(ADDRESSES), max_size=3))


@given(members=HAVE, email=st.none() | st.sampled_from(ADDRESSES[:4]), channels=st.sets(st.sampled_from(ADDRESSES)))
@settings(max_examples=60)
async def test_panel_of_a_member_is_shown_only_to_a_customer_with_an_address_of_theirs(
    desk: Desk, members: dict[str, set[str]], email: str | None, channels: set[str]
) -> None:
    """It is the member whom the rule names: the ticket's e-mail decides, then other e-mails, then phones."""
    desk.scripted.members = {"nobody@example.com": []}
    for member_id, addresses in members.items():
        desk.add_member(member_id, *addresses)
    listed: list[Channel] = [("email" if "@" in one else "phone", one) for one in sorted(channels)]
    body = await desk.show(desk.add_customer(email, *listed))
    others = channels - {email}
    groups: list[set[Any]] = [{email}, {one for one in others if "@" in one}, {one for one in others if "@" not in one}]
    found = [{member for member, have in members.items() if not have.isdisjoint(group)} for group in groups]
    deciding = next((names for names in found if names), set())
    if body["status"] == "member":
        assert {desk.gateway.tokens.parse(body["award_token"]).member_id} == deciding
        assert len(desk.helpdesk.requests) == (0 if found[0] else 1)
    elif body["status"] == "unavailable":
        assert len(others) + (email is not None) > 5
    elif len(deciding) > 1:
        assert body["status"] == "ambiguous"
    else:
        assert body["status"] == ("not_member" if others or email else "no_identity")
    *first, last = [request.max_search_count for request in desk.scripted.snapshot_requests] or [0]
    assert (first, last) in (([], 0), ([], 5), ([0], 4))

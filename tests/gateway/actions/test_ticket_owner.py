"""A press succeeds only where Gorgias says that the ticket is Jana's.

All buttons ask in the same way: one of them is tried with all answers of Gorgias, and each with some.
"""

from collections.abc import Callable
from datetime import UTC, timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import aiohttp
import grpc
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.database import open_database
from protos.loyalty.v1 import loyalty_pb2 as pb
from runtime.addresses import make_email_key
from runtime.text import isolate
from sandbox.gorgias.faults import Fault
from tests.gateway.actions.outcomes import APPLIED, UNDONE
from tests.gateway.edge.running import JANA, NOW, PETER, Gateway, run_gateway
from tests.gateway.edge.scripted import ScriptedLoyalty
from tests.gateway.edge.shared import Shop
from tests.gateway.helpdesk import Helpdesk
from tests.gateway.widget.test_view import make_snapshot

Loyalty = tuple[ScriptedLoyalty, str, grpc.aio.Server]
Press: TypeAlias = "Callable[..., Any]"
Change: TypeAlias = "Callable[[Helpdesk], object]"

JANAS_ID, STRANGERS_ID = 101, 103
TICKET, CUSTOMER = "GET /tickets/4711", f"GET /customers/{JANAS_ID}"
OTHER_CUSTOMER = ": this ticket now belongs to another customer. Add or remove a tag, then try again."
NOT_CHECKED = ". Gorgias did not say whose ticket this is. Nothing was changed. Try again in a minute."


@pytest.fixture
def shop(shop: Shop) -> Shop:
    """A shop in which a press that is let through succeeds."""
    shop.scripted.award, shop.scripted.reversal = APPLIED, UNDONE
    return shop


class Button:
    """One of the three buttons."""

    def __init__(self, gateway: Gateway, kind: str) -> None:
        buttons: dict[str, tuple[Press, str, Callable[..., str], str]] = {
            "award": (gateway.press, "Not added", gateway.tokens.make, "member-1"),
            "deduct": (gateway.press_deduct, "Not removed", partial(gateway.tokens.make, debit=True), "member-1"),
            "undo": (gateway.press_undo, "Not undone", gateway.tokens.make_undo, "A-10482"),
        }
        self.press, self.lead, self._make_token, self._subject = buttons[kind]
        self._token = f"{kind}_token"

    async def press_panel_of(self, email: str, **values: str) -> aiohttp.ClientResponse:
        token = self._make_token(self._subject, email)
        response: aiohttp.ClientResponse = await self.press(**{self._token: token}, **values)
        return response


@pytest.fixture(params=["award", "deduct", "undo"])
def button(request: pytest.FixtureRequest, gateway: Gateway) -> Button:
    return Button(gateway, request.param)


ONE_BUTTON = pytest.mark.parametrize("button", ["award"], indirect=True)


def list_sent(scripted: ScriptedLoyalty) -> list[Any]:
    return [*scripted.award_requests, *scripted.reversal_requests]


async def check_refused(response: aiohttp.ClientResponse, shop: Shop) -> dict[str, Any]:
    """Check the problem answer, and that nothing was sent, promised or written."""
    body: dict[str, Any] = await response.json()
    assert response.content_type == "application/problem+json"
    assert (list_sent(shop.scripted), await shop.list_notes(), shop.helpdesk.writes) == ([], [], [])
    return body


def answer_ticket(helpdesk: Helpdesk, customer: object, ticket_id: object = 4711) -> None:
    helpdesk.answer(TICKET, {"id": ticket_id, "customer": customer})


def answer_customer(helpdesk: Helpdesk, email: str | None, *channels: object, customer_id: object = JANAS_ID) -> None:
    """The ticket's customer loses the former address and gets these channels."""
    helpdesk.account.state.customers[JANAS_ID].email = email
    helpdesk.answer(CUSTOMER, {"id": customer_id, "email": email, "channels": list(channels)})


def channel(address: object, kind: str = "email") -> dict[str, object]:
    return {"type": kind, "address": address, "preferred": False}


def refuse(request: str, status: int, helpdesk: Helpdesk) -> None:
    helpdesk.answer(request, {"error": {"msg": "no"}}, status=status)


def give_to_the_stranger(helpdesk: Helpdesk) -> None:
    helpdesk.account.state.tickets[4711].customer_id = STRANGERS_ID


def merge(helpdesk: Helpdesk) -> None:
    """Jana is merged into a customer who has her address, too. The gateway does not follow Gorgias' redirect."""
    answer_customer(helpdesk, "new@example.com")
    helpdesk.answer(CUSTOMER, status=301, Location=f"{helpdesk.make_target().gorgias_url}/api/customers/{STRANGERS_ID}")
    helpdesk.account.state.customers[STRANGERS_ID].email = JANA


def redirect_ticket(helpdesk: Helpdesk) -> None:
    """Gorgias redirects to a ticket of the same customer."""
    helpdesk.answer(TICKET, status=301, Location=f"{helpdesk.make_target().gorgias_url}/api/tickets/4711/")


OTHERS: dict[str, Change] = {
    "re-assigned": give_to_the_stranger,
    "never had an address": lambda one: answer_customer(one, None),
    "address of another kind": lambda one: answer_customer(one, "new@example.com", channel(JANA, "chat")),
    "channels of others": lambda one: answer_customer(one, "new@example.com", channel("old@example.com")),
    "odd channels": lambda one: answer_customer(one, None, None, 7, [], {}, channel(None), channel([JANA])),
    "look-alike": lambda one: answer_customer(one, "ja\u0144a@example.com", channel("j\u0430na@example.com")),
    "another dot": lambda one: answer_customer(one, "jana@example\u3002com", channel("jana@example\uff0ecom")),
    "longer": lambda one: answer_customer(one, "jana@example.com.evil.example", channel(f"{JANA}&@evil.example")),
}


@ONE_BUTTON
@pytest.mark.parametrize("change", OTHERS.values(), ids=OTHERS.keys())
async def test_ticket_of_another_customer_is_refused(button: Button, shop: Shop, change: Change) -> None:
    change(shop.helpdesk)
    response = await button.press()
    body = await check_refused(response, shop)
    assert (response.status, body["reason"]) == (409, "OTHER_CUSTOMER")
    assert body["message"] == button.lead + OTHER_CUSTOMER


OTHER_TICKETS: list[str] = ["4712", "4713", "4714", "4726"]


@ONE_BUTTON
async def test_panel_pressed_with_the_number_of_anothers_ticket_is_refused(
    button: Button, shop: Shop, subtests: pytest.Subtests
) -> None:
    """The other ticket belongs to a stranger, to a chat visitor without an address, or to another member."""
    for ticket_id in OTHER_TICKETS:
        with subtests.test(ticket_id=ticket_id):
            response = await button.press(ticket_id=ticket_id)
            body = await check_refused(response, shop)
            assert (response.status, body["message"]) == (409, button.lead + OTHER_CUSTOMER)


NOT_IN_THE_ACCOUNT: list[str] = ["999999", "0", "04711", "4711.0", "4711/messages", "٤٧١١", "9" * 30]


@ONE_BUTTON
async def test_ticket_that_is_not_in_the_account_is_refused(
    button: Button, shop: Shop, subtests: pytest.Subtests
) -> None:
    for ticket_id in NOT_IN_THE_ACCOUNT:
        with subtests.test(ticket_id=ticket_id):
            response = await button.press(ticket_id=ticket_id)
            body = await check_refused(response, shop)
            assert (response.status, body["reason"]) == (422, "TICKET_NOT_FOUND")
            assert body["message"] == (
                f"{button.lead}: ticket {isolate(ticket_id)} is not in this Gorgias account. "
                "Try in another ticket of this customer."
            )


SILENT_TICKETS: dict[str, Change] = {
    **{
        f"status {status}": partial(refuse, TICKET, status)
        for status in (400, 401, 403, 408, 409, 410, 418, 429, 500, 502, 503)
    },
    "redirect": redirect_ticket,
    "hang": lambda one: one.account.faults.set(Fault(kind="hang", operation="get_ticket")),
    "reset": lambda one: one.account.faults.set(Fault(kind="reset", operation="get_ticket")),
    "no JSON": lambda one: one.answer(TICKET, b"<html>all is well</html>"),
    "cut short": lambda one: one.answer(TICKET, b'{"id": 4711, "customer": {"id": 101, "email": "jana@exa'),
    "no UTF-8": lambda one: one.answer(TICKET, b"\xff\xfe"),
    "empty": lambda one: one.answer(TICKET, b""),
    "a list": lambda one: one.answer(TICKET, [{"id": 4711, "customer": {"id": JANAS_ID, "email": JANA}}]),
    "null": lambda one: one.answer(TICKET),
    "another id": lambda one: answer_ticket(one, {"id": JANAS_ID, "email": JANA}, 4713),
    "id as text": lambda one: answer_ticket(one, {"id": JANAS_ID, "email": JANA}, "4711"),
    "no customer": lambda one: one.answer(TICKET, {"id": 4711}),
    "null customer": lambda one: answer_ticket(one, None),
    "customer without an id": lambda one: answer_ticket(one, {"email": "new@example.com"}),
    **{
        f"customer {number}": partial(answer_ticket, customer={"id": number, "email": JANA})
        for number in (0, -1, 10**18)
    },
    "customer as a list": lambda one: answer_ticket(one, [{"id": JANAS_ID, "email": JANA}]),
    "address as a list": lambda one: answer_ticket(one, {"id": JANAS_ID, "email": [JANA]}),
}


@ONE_BUTTON
@pytest.mark.parametrize("change", SILENT_TICKETS.values(), ids=SILENT_TICKETS.keys())
async def test_press_is_refused_if_gorgias_does_not_name_the_ticket_s_customer(
    button: Button, shop: Shop, change: Change
) -> None:
    change(shop.helpdesk)
    response = await button.press()
    shop.helpdesk.account.faults.clear()
    body = await check_refused(response, shop)
    assert (response.status, body["reason"]) == (503, "TICKET_NOT_CHECKED")
    assert body["message"] == button.lead + NOT_CHECKED


SILENT_CUSTOMERS: dict[str, Change] = {
    **{f"status {status}": partial(refuse, CUSTOMER, status) for status in (400, 403, 404, 410, 429, 500)},
    "merged": merge,
    "no JSON": lambda one: one.answer(CUSTOMER, b"jana@example.com"),
    "another id": lambda one: answer_customer(one, "new@example.com", channel(JANA), customer_id=STRANGERS_ID),
    "no id": lambda one: answer_customer(one, "new@example.com", channel(JANA), customer_id=None),
    "channels as an object": lambda one: one.answer(CUSTOMER, {"id": JANAS_ID, "channels": channel(JANA)}),
}


@ONE_BUTTON
@pytest.mark.parametrize("change", SILENT_CUSTOMERS.values(), ids=SILENT_CUSTOMERS.keys())
async def test_press_is_refused_if_gorgias_does_not_list_the_customer_s_addresses(
    button: Button, shop: Shop, change: Change
) -> None:
    shop.helpdesk.account.state.customers[JANAS_ID].email = "new@example.com"
    change(shop.helpdesk)
    response = await button.press()
    body = await check_refused(response, shop)
    assert (response.status, body["message"]) == (503, button.lead + NOT_CHECKED)


async def test_gorgias_calls_share_the_time_of_the_press(
    folder: Path, loyalty: Loyalty, helpdesk: Helpdesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The call about the customer gets what the call about the ticket has left of the time."""
    monkeypatch.setattr("gateway.actions.boundary._GORGIAS_SHARE", 0.05)
    helpdesk.account.state.customers[JANAS_ID].email = "new@example.com"
    helpdesk.account.faults.set(Fault(kind="hang", operation="*"))
    async with (
        run_gateway(folder, loyalty[1], gorgias=helpdesk.make_target(), action_timeout_s=3.0) as gateway,
        open_database(f"sqlite:///{folder / 'gateway.db'}") as database,
    ):
        response = await gateway.press()
        helpdesk.account.faults.clear()
        body = await check_refused(response, Shop(gateway, helpdesk, loyalty[0], database))
    assert (response.status, body["reason"]) == (503, "TICKET_NOT_CHECKED")


EACH_REFUSAL: dict[str, tuple[Change, str, int, str]] = {
    "another customer": (give_to_the_stranger, "4711", 409, OTHER_CUSTOMER),
    "not in the account": (lambda _: None, "999999", 422, f": ticket {isolate('999999')} is not in this"),
    "silent ticket": (partial(refuse, TICKET, 500), "4711", 503, NOT_CHECKED),
}


@pytest.mark.parametrize("case", EACH_REFUSAL.values(), ids=EACH_REFUSAL.keys())
async def test_every_button_is_refused_on_a_ticket_that_may_be_another_customers(
    button: Button, shop: Shop, case: tuple[Change, str, int, str]
) -> None:
    change, ticket_id, status, sentence = case
    change(shop.helpdesk)
    response = await button.press(ticket_id=ticket_id)
    body = await check_refused(response, shop)
    assert response.status == status
    assert body["message"].startswith(button.lead + sentence)


async def test_refusal_of_gorgias_tells_when_to_come_again(button: Button, helpdesk: Helpdesk) -> None:
    helpdesk.answer(TICKET, {"error": {"msg": "slow down"}}, status=429, **{"Retry-After": "7"})
    assert (await button.press()).headers["Retry-After"] == "7"


SAME: dict[str, Change] = {
    "the ticket's own": lambda _: None,
    "other case": lambda one: setattr(one.account.state.customers[JANAS_ID], "email", "JANA@Example.COM"),
    "a channel": lambda one: answer_customer(one, "new@example.com", channel("x@example.com"), channel(JANA)),
    "a channel beside odd ones": lambda one: answer_customer(one, None, None, {"type": 7}, channel("Jana@Example.com")),
}


@ONE_BUTTON
@pytest.mark.parametrize("change", SAME.values(), ids=SAME.keys())
async def test_ticket_of_the_panels_customer_is_verified(button: Button, shop: Shop, change: Change) -> None:
    change(shop.helpdesk)
    response = await button.press()
    assert (response.status, (await response.json())["status"]) == (200, "applied")
    [request] = list_sent(shop.scripted)
    assert (request.ticket_id, request.ticket_verified) == ("4711", True)
    assert len(await shop.list_notes()) == 1


async def test_nothing_is_remembered_from_one_press_to_the_next(
    button: Button, scripted: ScriptedLoyalty, helpdesk: Helpdesk
) -> None:
    """A press checks the ticket anew, whatever the press before found."""
    owners = helpdesk.account.state.tickets[4711]
    statuses = []
    for customer_id in (JANAS_ID, STRANGERS_ID, JANAS_ID, STRANGERS_ID):
        owners.customer_id = customer_id
        statuses.append((await button.press()).status)
    assert statuses == [200, 409, 200, 409]
    assert len(list_sent(scripted)) == 2


async def test_undo_of_an_award_on_another_ticket_of_the_same_customer(
    gateway: Gateway, scripted: ScriptedLoyalty
) -> None:
    """The panel names the award, so any of the customer's tickets will do."""
    token = gateway.tokens.make_undo("A-10482", PETER)
    assert (await gateway.press_undo(undo_token=token, ticket_id="4727")).status == 200
    assert [request.ticket_id for request in scripted.reversal_requests] == ["4727"]


async def test_press_compares_the_panels_address_in_any_spelling(
    gateway: Gateway, scripted: ScriptedLoyalty, helpdesk: Helpdesk
) -> None:
    """The URL of the widget had another spelling of the address than Gorgias has now."""
    scripted.snapshot = make_snapshot()
    panel = await (await gateway.get_widget("Jana@EXAMPLE.com")).json()
    assert (await gateway.press(award_token=panel["award_token"])).status == 200
    give_to_the_stranger(helpdesk)
    assert (await gateway.press(award_token=panel["award_token"])).status == 409
    assert len(scripted.award_requests) == 1


async def test_note_of_a_press_records_the_ticket_s_customer(shop: Shop) -> None:
    """If the ticket gets another customer before the note is written, it must say nothing of the member."""
    assert (await shop.gateway.press()).status == 200
    assert [note["customer_id"] for note in await shop.list_notes()] == [JANAS_ID]


@pytest.mark.parametrize("stale_reason", [pb.ERROR_REASON_UNSPECIFIED, pb.PROVIDER_TIMEOUT])
async def test_award_states_the_time_of_the_panels_data(
    gateway: Gateway, scripted: ScriptedLoyalty, stale_reason: pb.ErrorReason.ValueType
) -> None:
    """Old data would let no points through: for a panel with old data it is the time of the panel itself."""
    read = NOW - timedelta(hours=3, microseconds=1)
    scripted.snapshot = snapshot = make_snapshot(stale_reason=stale_reason)
    snapshot.fetch_time.FromDatetime(read)
    panel = await (await gateway.get_widget()).json()
    await gateway.press(award_token=panel["award_token"])
    [request] = scripted.award_requests
    assert request.HasField("member_fetch_time")
    assert request.member_fetch_time.ToDatetime(UTC) == (NOW if stale_reason else read)


@ONE_BUTTON
@pytest.mark.parametrize("half", [b"\\ud83d", b"\\ude00", b"\xff"])
async def test_address_that_is_not_text_never_matches(
    button: Button, scripted: ScriptedLoyalty, helpdesk: Helpdesk, half: bytes
) -> None:
    customer = b'{"id": 101, "email": "jana%b@example.com"}' % half
    helpdesk.answer(TICKET, b'{"id": 4711, "customer": %b}' % customer)
    helpdesk.answer(CUSTOMER, customer)
    response = await button.press_panel_of("jana?@example.com")
    assert (response.status, list_sent(scripted)) == (409, [])


# Letters that one rule or another treats as equal.
LOCALS = st.lists(
    st.sampled_from(["s", "S", "ß", "ẞ", "ss", "i", "İ", "\u0131", "é", "e\u0301", "k", "\u212a", "&", "+", "%40"])
)
DOMAINS = st.sampled_from(
    ["x.example", "X.example", "straße.example", "strasse.example", "bücher.example", "xn--bcher-kva.example"]
)
ADDRESSES = st.builds(lambda parts, domain: f"a{''.join(parts)}@{domain}", LOCALS, DOMAINS)


@ONE_BUTTON
@given(panels=ADDRESSES, tickets=ADDRESSES)
@example(panels="straße@x.example", tickets="strasse@x.example")
@example(panels="a@straße.example", tickets="a@strasse.example")
@example(panels="A@bücher.example", tickets="a@xn--bcher-kva.example")
async def test_two_peoples_addresses_never_share_a_press(
    button: Button, scripted: ScriptedLoyalty, helpdesk: Helpdesk, panels: str, tickets: str
) -> None:
    """Two spellings of one person's address always do."""
    scripted.award_requests.clear()
    scripted.reversal_requests.clear()
    answer_ticket(helpdesk, {"id": JANAS_ID, "email": tickets})
    answer_customer(helpdesk, tickets)
    response = await button.press_panel_of(panels)
    is_same = make_email_key(panels) == make_email_key(tickets)
    assert (response.status, len(list_sent(scripted))) == ((200, 1) if is_same else (409, 0))

"""Whose ticket it is, as Gorgias says: asked seldom, remembered, and unknown where it does not say."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import pytest_asyncio

from gateway.customers.address import AskGorgias, Customer
from gateway.customers.lookup import Customers
from gateway.customers.memory import Unanswered
from gateway.gorgias.customers import CustomerAddresses
from gateway.installation.accounts import Accounts
from gateway.installation.store import InstallationStore, Target
from runtime.database import Database
from sandbox.gorgias.faults import Fault
from tests.gateway.customers.conftest import PATIENCE_S
from tests.gateway.edge.running import Gateway, run_gateway
from tests.gateway.edge.scripted import ScriptedLoyalty
from tests.gateway.helpdesk import Helpdesk
from tests.gateway.outbox.room import Clock
from tests.gateway.waiting import wait_until
from tests.statements import execute

JANA = AskGorgias(ticket_id="4711", customer_id="101")
FIVE_MINUTES_S = 300.0
PANEL_REQUESTS = 20
SENTENCE = "The e-mail on this ticket cannot be read, so no member can be found."


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest_asyncio.fixture(loop_scope="session")
async def accounts(store: InstallationStore, target: Target, clock: Clock) -> AsyncIterator[Accounts]:
    await store.add("acme", target)
    async with Accounts(store, clock=clock) as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="session")
async def customers(accounts: Accounts, clock: Clock) -> AsyncIterator[Customers]:
    async with Customers(accounts, clock=clock) as opened:
        yield opened


async def find(customers: Customers, ask: AskGorgias = JANA, merchant_id: str = "acme") -> Customer | Unanswered:
    return await customers.find(merchant_id, ask, timeout_s=PATIENCE_S)


async def test_ticket_is_asked_for_once_in_five_minutes(customers: Customers, helpdesk: Helpdesk, clock: Clock) -> None:
    assert [await find(customers) for _ in range(3)] == [Customer("jana@example.com", 101)] * 3
    assert helpdesk.requests == ["GET /tickets/4711"]
    clock.ahead_s += FIVE_MINUTES_S + 1
    await find(customers)
    assert len(helpdesk.requests) == 2


async def test_what_gorgias_says_is_not_read_again(customers: Customers, helpdesk: Helpdesk) -> None:
    for email in ("victim%40example.com&@evil.example", " padded@example.com "):
        ticket = helpdesk.add_ticket(email)
        ask = AskGorgias(ticket_id=str(ticket.id), customer_id=str(ticket.customer_id))
        assert await find(customers, ask) == Customer(email, ticket.customer_id)


@pytest.mark.parametrize("email", [None, "", " "])
async def test_customer_without_an_email_has_none(customers: Customers, helpdesk: Helpdesk, email: str | None) -> None:
    ticket = helpdesk.add_ticket(email)
    assert await find(customers, AskGorgias(ticket_id=str(ticket.id), customer_id="None")) == Customer(
        None, ticket.customer_id
    )


async def test_those_who_wait_for_one_ticket_share_one_call(customers: Customers, helpdesk: Helpdesk) -> None:
    helpdesk.account.faults.set(Fault(kind="hang", operation="get_ticket"))
    waiting = [asyncio.create_task(find(customers)) for _ in range(20)]

    async def is_asked() -> bool:
        return bool(helpdesk.requests)

    await wait_until(is_asked)
    waiting[0].cancel()
    helpdesk.account.faults.clear()
    assert await asyncio.gather(*waiting[1:]) == [Customer("jana@example.com", 101)] * 19
    assert len(helpdesk.requests) == 1


async def test_answer_that_came_too_late_is_there_for_the_next_event(customers: Customers, helpdesk: Helpdesk) -> None:
    helpdesk.account.faults.set(Fault(kind="hang", operation="get_ticket"))
    assert await customers.find("acme", JANA, timeout_s=0.05) is Unanswered.SILENT
    helpdesk.account.faults.clear()
    assert await find(customers) == Customer("jana@example.com", 101)
    assert len(helpdesk.requests) == 1


REFUSED: dict[int, Unanswered] = {
    401: Unanswered.REFUSED,
    403: Unanswered.REFUSED,
    404: Unanswered.GONE,
    408: Unanswered.SILENT,
    429: Unanswered.BUSY,
    500: Unanswered.SILENT,
}


@pytest.mark.parametrize(("status", "why"), REFUSED.items())
async def test_customer_is_unknown_for_some_seconds_after_a_failure(
    customers: Customers, helpdesk: Helpdesk, clock: Clock, status: int, why: Unanswered
) -> None:
    helpdesk.account.faults.set(Fault(kind="status", operation="get_ticket", status=status, times=1))
    assert [await find(customers) for _ in range(3)] == [why] * 3
    assert len(helpdesk.requests) == 1
    clock.ahead_s += 6
    assert await find(customers) == Customer("jana@example.com", 101)


async def test_customer_is_unknown_where_the_connection_breaks(customers: Customers, helpdesk: Helpdesk) -> None:
    helpdesk.account.faults.set(Fault(kind="reset", operation="get_ticket"))
    assert await find(customers) is Unanswered.SILENT


async def test_customer_is_unknown_while_the_database_is_gone(customers: Customers, database: Database) -> None:
    await execute(database, "DROP TABLE installations")
    assert await find(customers) is Unanswered.STORE


async def test_customer_of_a_shop_that_is_not_installed_is_unknown(customers: Customers) -> None:
    assert await find(customers, merchant_id="bloom") is Unanswered.GONE


NO_TICKETS: list[str] = ["", "None", "{{ticket.id}}", "0", "-1", "04711", "9" * 19, "٤٧١١", "../users"]


async def test_ticket_that_cannot_be_one_is_not_asked_for(
    customers: Customers, helpdesk: Helpdesk, subtests: pytest.Subtests
) -> None:
    for ticket_id in NO_TICKETS:
        with subtests.test(ticket_id=ticket_id):
            assert await find(customers, AskGorgias(ticket_id=ticket_id, customer_id="101")) is Unanswered.GONE
            assert helpdesk.requests == []


async def test_ticket_that_changed_hands_is_not_answered_from_memory(customers: Customers, helpdesk: Helpdesk) -> None:
    """Nor is the new customer's address shown in answer to a call that was made for the old one."""
    await find(customers)
    state = helpdesk.account.state
    state.tickets[4711].customer_id = 103
    assert await find(customers, AskGorgias(ticket_id="4711", customer_id="103")) == Customer(
        "stranger@example.com", 103
    )
    assert await find(customers, AskGorgias(ticket_id="4711", customer_id="102")) is Unanswered.GONE


async def test_panels_leave_room_for_presses(customers: Customers, accounts: Accounts, helpdesk: Helpdesk) -> None:
    """However many panels ask: an agent's press finds its ticket."""
    tickets = [helpdesk.add_ticket("a&b@example.com") for _ in range(30)]
    asks = [AskGorgias(ticket_id=str(one.id), customer_id=str(one.customer_id)) for one in tickets]
    found = [await find(customers, ask) for ask in asks]
    assert sum(isinstance(one, Customer) for one in found) == PANEL_REQUESTS == len(helpdesk.requests)
    account = await accounts.get("acme")
    assert account is not None
    assert (await account.for_press.fetch_ticket(4711)).customer_id == 101
    assert len(helpdesk.requests) == PANEL_REQUESTS + 1


async def find_addresses(customers: Customers, customer_id: int) -> CustomerAddresses | Unanswered:
    return await customers.find_addresses("acme", customer_id, timeout_s=PATIENCE_S)


async def test_what_our_own_share_refuses_is_asked_for_once_there_is_room(
    customers: Customers, helpdesk: Helpdesk, clock: Clock
) -> None:
    """Of a burst, as many as the share allows; the others say so at once, and the next event of each is answered."""
    ids = [helpdesk.add_ticket(None, ("phone", f"+4219000001{number:02}")).customer_id for number in range(50)]
    burst = await asyncio.gather(*(find_addresses(customers, one) for one in ids))
    busy = [one for one, found in zip(ids, burst, strict=True) if found is Unanswered.BUSY]
    assert len(busy) == len(ids) - PANEL_REQUESTS
    assert len(helpdesk.requests) == PANEL_REQUESTS
    clock.ahead_s += 18.0
    assert await find_addresses(customers, busy[-1]) is Unanswered.BUSY
    clock.ahead_s += 2.0
    late = await asyncio.gather(*(find_addresses(customers, one) for one in busy[-PANEL_REQUESTS:]))
    assert Unanswered.BUSY not in late
    assert len(helpdesk.requests) == len(set(helpdesk.requests)) == 2 * PANEL_REQUESTS


async def test_one_that_comes_a_little_early_waits_for_its_permit(
    customers: Customers, helpdesk: Helpdesk, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One event a second is all that panels may ask: a jitter must not cost an answer."""

    async def sleep(seconds: float) -> None:
        clock.ahead_s += seconds + 0.001

    ids = [helpdesk.add_ticket(None).customer_id for _ in range(PANEL_REQUESTS + 1)]
    for one in ids[:-1]:
        await find_addresses(customers, one)
    clock.ahead_s += 19.9
    # Not of all that runs in this process.
    monkeypatch.setattr("gateway.customers.memory.asyncio", SimpleNamespace(**(vars(asyncio) | {"sleep": sleep})))
    assert isinstance(await find_addresses(customers, ids[-1]), CustomerAddresses)


async def test_addresses_are_those_of_emails_and_phones_the_preferred_first(
    customers: Customers, helpdesk: Helpdesk
) -> None:
    channels: list[object] = [
        {"type": "phone", "address": "+421900000001", "preferred": False},
        {"type": "phone", "address": "+421900000002", "preferred": True},
        {"type": "email", "address": "b@x.example"},
        {"type": "email", "address": "a@x.example", "preferred": True},
        {"type": "whatsapp", "address": "421900000003"},
        *({"type": "email", "address": one} for one in (None, 7, "", " ", ["c@x.example"])),
        *(None, 5, [], {}, {"type": "email"}, {"address": "d@x.example"}),
    ]
    helpdesk.answer("GET /customers/101", {"id": 101, "email": "own@x.example", "channels": channels})
    found = await find_addresses(customers, 101)
    assert isinstance(found, CustomerAddresses)
    assert found.emails == ("own@x.example", "a@x.example", "b@x.example")
    assert found.phones == ("+421900000002", "+421900000001")
    assert {kind for kind, _ in found.channels} == {"email", "phone", "whatsapp"}
    assert not found.is_cut
    many = [{"type": "phone", "address": f"+42190000{number:04}"} for number in range(200)]
    helpdesk.answer("GET /customers/102", {"id": 102, "channels": many})
    cut = await find_addresses(customers, 102)
    assert isinstance(cut, CustomerAddresses)
    assert (len(cut.phones), cut.is_cut) == (50, True)


async def test_memory_is_bounded(customers: Customers, helpdesk: Helpdesk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest is forgotten first."""
    monkeypatch.setattr("gateway.customers.memory._CAPACITY", 2)
    for ticket_id, customer_id in ((4711, 101), (4712, 102), (4713, 103), (4713, 103), (4712, 102), (4711, 101)):
        await find(customers, AskGorgias(ticket_id=str(ticket_id), customer_id=str(customer_id)))
    assert helpdesk.requests == [f"GET /tickets/{number}" for number in (4711, 4712, 4713, 4711)]


async def test_panel_says_that_the_address_cannot_be_read_while_gorgias_fails(
    gateway: Gateway, scripted: ScriptedLoyalty, helpdesk: Helpdesk
) -> None:
    """With a 200: the failure is not the integration's."""
    helpdesk.account.faults.set(Fault(kind="status", operation="get_ticket", status=503))
    response = await gateway.get_widget("jana&co@example.com&@evil.example")
    body = await response.json()
    assert (response.status, body["status"], body["summary"]) == (200, "no_identity", SENTENCE)
    assert scripted.snapshot_requests == []


async def test_panel_of_a_chat_says_that_there_is_no_address(gateway: Gateway, scripted: ScriptedLoyalty) -> None:
    """Where the URL does not say it, Gorgias does."""
    response = await gateway.session.get(gateway.make_widget_url("x#", ticket_id="4714", customer_id="104"))
    body = await response.json()
    assert (response.status, body["summary"]) == (
        200,
        (
            "This customer has no e-mail address and no phone number that can be looked for. "
            "Ask the customer for the support ID in their app, then press Link to member."
        ),
    )
    assert scripted.snapshot_requests == []


async def test_panel_does_not_wait_for_a_gorgias_that_hangs(
    tmp_path: Path, installed_file: Path, loyalty_target: str, helpdesk: Helpdesk
) -> None:
    """The answer comes while Gorgias still holds the call."""
    helpdesk.account.faults.set(Fault(kind="hang", operation="get_ticket"))
    shutil.copy(installed_file, tmp_path / "gateway.db")
    async with run_gateway(tmp_path, loyalty_target, gorgias=helpdesk.make_target(), read_timeout_s=0.3) as gateway:
        response = await gateway.get_widget("a%20b@example.com")
        assert (response.status, (await response.json())["summary"]) == (200, SENTENCE)
    helpdesk.account.faults.clear()

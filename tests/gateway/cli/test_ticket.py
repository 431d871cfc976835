"""`check ID --ticket N`, from Gorgias' call over HTTP to the operator's lines."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
import msgspec
import pytest_asyncio
from aiohttp import web
from yarl import URL

from gateway.__main__ import listen, make_runner
from gateway.actions.link_token import LINK_TOKENS
from gateway.actions.token import TOKENS
from gateway.app import STORE, create_app
from gateway.config import Config
from gateway.events.service import EVENTS
from runtime.settings import Listen
from sandbox.gorgias.faults import Fault as GorgiasFault
from sandbox.trifft.faults import Fault
from tests.gateway.cli.operating import Operator, Result
from tests.gateway.edge.running import Gateway, PanelTokens
from tests.gateway.helpdesk import Helpdesk

SETTINGS = {"GATEWAY_MAX_STALENESS_S": "0", "GATEWAY_WIDGET_TIMEOUT_S": "20", "GATEWAY_READ_TIMEOUT_S": "18"}


@dataclass(frozen=True)
class Shop:
    """An installed shop with its gateway. `call` calls as Gorgias does, `check` as the operator does."""

    gateway: Gateway
    app: web.Application
    operator: Operator
    helpdesk: Helpdesk

    async def call(self, ticket_id: int, customer_id: int, email: str, *, url: str = "") -> str:
        """Call the widget, and wait until the event is on record. Returns the panel's status."""
        url = url or self.gateway.make_widget_url(email, ticket_id=str(ticket_id), customer_id=str(customer_id))
        async with self.gateway.session.get(URL(url, encoded=True)) as response:
            body = await response.json()
        await self.app[EVENTS].flush()
        return str(body["status"])

    async def check(self, ticket_id: int | str, *options: str) -> Result:
        return await self.operator.run("check", "acme", "--ticket", str(ticket_id), *options)

    async def check_json(self, ticket_id: int) -> tuple[int, list[dict[str, Any]], dict[str, dict[str, Any]]]:
        """Return the exit code, the events, and the checks by name."""
        result = await self.check(ticket_id, "--json")
        assert result.data["ticket_id"] == ticket_id
        return result.code, result.data["events"], {check["name"]: check for check in result.data["checks"]}


@asynccontextmanager
async def run_shop(operator: Operator, helpdesk: Helpdesk) -> AsyncIterator[Shop]:
    """Run the gateway of an operator who has installed acme."""
    app = create_app(msgspec.structs.replace(Config.from_env(operator.settings), gorgias_requests=1_000_000))
    runner = make_runner(app)
    await runner.setup()
    server = await listen(runner, Listen("127.0.0.1", 0))
    installation = await app[STORE].get("acme")
    assert installation is not None
    async with aiohttp.ClientSession() as session:
        gateway = Gateway(
            url=f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}",
            merchant_id="acme",
            credential=installation.credential,
            webhook_secret="",
            session=session,
            tokens=PanelTokens(app[TOKENS], app[LINK_TOKENS], "acme"),
        )
        yield Shop(gateway, app, operator, helpdesk)
    server.close()
    await runner.cleanup()


@pytest_asyncio.fixture(loop_scope="session")
async def shop(installed: Operator, helpdesk: Helpdesk) -> AsyncIterator[Shop]:
    installed.settings.update(SETTINGS)
    async with run_shop(installed, helpdesk) as running:
        yield running


async def test_each_panel_is_explained(shop: Shop) -> None:
    """The lines say who was looked for and how, what was answered, and what `check` thinks of it."""
    for ticket_id, customer_id, email, source, status, state in (
        (4711, 101, "jana@example.com", "url", "member", "ok"),
        (4711, 101, "jana%40example.com", "encoded_url", "member", "ok"),
        (4713, 103, "stranger@example.com", "url", "not_member", "ok"),
        (4714, 104, "None", "url_has_none", "no_identity", "ok"),
        (4715, 105, "twins@example.com", "url", "ambiguous", "failed"),
        (4716, 106, "blocked@example.com", "url", "blocked", "ok"),
        (4731, 117, "jana@example.com&@evil.example", "gorgias", "not_member", "ok"),
    ):
        assert await shop.call(ticket_id, customer_id, email) == status
        code, [event, *_], checks = await shop.check_json(ticket_id)
        assert (event["url"], event["source"], event["status"]) == ("current", source, status)
        is_asked = source == "gorgias" or status in {"not_member", "no_identity"}
        assert (event["customer_id"], event["lookup_ms"] is not None) == (customer_id, is_asked)
        buttons = {"member": ["add"], "blocked": []}.get(status, ["link"])
        assert (event["buttons"], event["is_stale"]) == (buttons, False)
        assert (checks["sidebar"]["state"], code) == (state, int(state == "failed")), checks
    _, events, _ = await shop.check_json(4711)
    assert [event["source"] for event in events] == ["encoded_url", "url"]
    told = (await shop.check(4711)).out
    for words in (
        "called: by this version's URL, for customer 101",
        "looked for: the address in the URL, decoded",
        "TRIFFT: one member, read for this call (",
        "answered: member in ",
        "buttons: Add Loyalty Points",
        "its customer 101 has an e-mail address",
        "TRIFFT has one member with it",
        "none is on record for this ticket",
    ):
        assert words in told
    assert "jana" not in told.lower()


async def test_search_by_the_customers_other_addresses_is_explained(shop: Shop) -> None:
    """The lines say what was asked for, what decided, and what is unknown. They show no address."""
    by_phone = shop.helpdesk.add_ticket(None, ("phone", "+421 900 000 000"), ("whatsapp", "421900000000"))
    assert by_phone.customer_id
    assert await shop.call(by_phone.id, by_phone.customer_id, "None") == "member"
    code, [event], checks = await shop.check_json(by_phone.id)
    assert (code, event["source"], event["others"], event["found_by"]) == (0, "url_has_none", "searched", "phone")
    assert event["lookup_ms"] is not None
    assert {name: checks[name]["detail"] for name in ("ticket", "link", "addresses", "member")} == {
        "ticket": f"its customer {by_phone.customer_id} has no e-mail address",
        "link": "no agent has linked the customer to a member",
        "addresses": "the customer has no other e-mail address and 1 phone number to look for",
        "member": "TRIFFT has one member with a phone number of the customer",
    }
    told = (await shop.check(by_phone.id)).out
    assert "has no e-mail address; then: the customer's other addresses (asked in " in told
    assert "TRIFFT: one member, found by a phone number, read for this call" in told
    assert "+421" not in told
    assert "900000000" not in told.replace(" ", "")  # random ids may contain shorter parts of it
    silent = shop.helpdesk.add_ticket("nobody@example.com", ("phone", "+421900000000"))
    shop.helpdesk.account.faults.set(GorgiasFault(kind="status", operation="get_customer", status=503))
    assert await shop.call(silent.id, silent.customer_id, "nobody@example.com") == "unavailable"
    code, [event], checks = await shop.check_json(silent.id)
    assert (code, event["reason"], event["others"]) == (1, "GORGIAS_SILENT", "not_said")
    assert checks["addresses"]["state"] == checks["sidebar"]["state"] == "failed"
    assert "unavailable (GORGIAS_SILENT)" in checks["sidebar"]["detail"]
    assert "TRIFFT: no member with the ticket's e-mail address" in (await shop.check(silent.id)).out
    shop.helpdesk.account.faults.clear()
    _, _, checks = await shop.check_json(silent.id)
    assert checks["sidebar"]["detail"].endswith("; a new event would be answered: member")


async def test_link_and_own_address_are_explained(shop: Shop) -> None:
    own = shop.helpdesk.add_ticket("support@acme.example")
    assert await shop.call(own.id, own.customer_id, "support@acme.example") == "no_identity"
    _, [event], checks = await shop.check_json(own.id)
    assert (event["others"], checks["ticket"]["state"]) == ("none", "warning")
    assert checks["ticket"]["detail"].startswith(f"its customer {own.customer_id} has an e-mail address of the shop")
    body = await (await shop.gateway.get_widget("None", ticket_id="4714", customer_id="104")).json()
    form = {"link_token": body["link_token"], "support_id": "JN-4821", "ticket_id": "4714", "agent_name": "Ana"}
    headers = {"Authorization": f"Bearer {shop.gateway.credential}"}
    url = f"{shop.gateway.url}/gorgias/actions/link-member"
    async with shop.gateway.session.post(url, data=form, headers=headers) as response:
        assert response.status == 200, await response.text()
    assert await shop.call(4714, 104, "None") == "member"
    code, [event, *_], checks = await shop.check_json(4714)
    assert (code, event["source"], event["found_by"], event["others"]) == (0, "link", "link", None)
    assert checks["link"]["detail"] == "L-1 links the customer to a member: it decides"
    told = (await shop.check(4714)).out
    assert "looked for: nobody: an agent's link decides" in told
    assert "found by an agent's link" in told


async def test_unreadable_phone_number_is_reported(shop: Shop) -> None:
    """The lines do not show the number. They say that there is one, and what to do."""
    odd = shop.helpdesk.add_ticket(None, ("phone", "0905"))
    assert await shop.call(odd.id, odd.customer_id, "None") == "no_identity"
    _, _, checks = await shop.check_json(odd.id)
    assert checks["addresses"]["detail"].endswith(" and no phone number to look for; others cannot be read")
    assert (checks["addresses"]["state"], checks["ticket"]["state"]) == ("warning", "warning")
    assert "Link to member" in checks["ticket"]["advice"]


async def test_ticket_without_a_call_of_gorgias_is_explained(shop: Shop) -> None:
    """The advice says what would help. Once Gorgias has called for another ticket, the integration works."""
    code, events, checks = await shop.check_json(4713)
    assert (code, events, checks["integration"]["state"]) == (1, [], "ok")
    words = "Gorgias has not called for ticket 4713 in the last 7 days"
    assert checks["sidebar"]["detail"] == f"{words}, nor for any other"
    assert checks["sidebar"]["advice"].startswith("opening a ticket calls nothing: add a tag to the ticket")
    await shop.call(4711, 101, "jana@example.com")
    _, _, checks = await shop.check_json(4713)
    assert checks["sidebar"]["detail"].startswith(f"{words}; for others, last at ")
    for ticket in ("4713a", "0", ""):
        wrong = await shop.check(ticket)
        assert (wrong.code, "--ticket must be the number of a ticket" in wrong.err) == (2, True)
    code, _, checks = await shop.check_json(999_999)
    assert (code, checks["ticket"]["detail"]) == (1, "Gorgias has no such ticket")


async def test_failure_of_trifft_is_reported_with_advice(shop: Shop) -> None:
    project = shop.helpdesk.projects["acme"]
    await shop.call(4711, 101, "jana@example.com")
    project.faults.set(Fault(kind="status", status=401))
    assert await shop.call(4711, 101, "jana@example.com") == "member"
    assert await shop.call(4713, 103, "stranger@example.com") == "unavailable"
    code, [old, new], checks = await shop.check_json(4711)
    assert (code, old["reason"], new["reason"], old["is_stale"]) == (1, "PROVIDER_CREDENTIALS", None, True)
    assert (old["buttons"], new["buttons"]) == ([], ["add"])
    assert (checks["sidebar"]["state"], checks["member"]["state"]) == ("warning", "failed")
    code, [event], checks = await shop.check_json(4713)
    assert (code, event["reason"], event["status"]) == (1, "PROVIDER_CREDENTIALS", "unavailable")
    assert checks["sidebar"]["advice"] == checks["member"]["advice"]
    assert "merchant update acme --trifft-token-file F" in checks["sidebar"]["advice"]
    assert "TRIFFT: PROVIDER_CREDENTIALS: " in (await shop.check(4713)).out
    project.faults.clear()
    code, _, checks = await shop.check_json(4713)
    assert (code, checks["member"]["state"], checks["sidebar"]["state"]) == (1, "ok", "failed")
    assert checks["sidebar"]["detail"].endswith("a new event would be answered: not_member")
    assert checks["sidebar"]["advice"].startswith("add a tag to the ticket")


async def test_missing_answer_of_gorgias_is_reported(shop: Shop) -> None:
    """A URL that is cut short gives no address. The lines tell old URLs from this version's."""
    shop.helpdesk.account.faults.set(GorgiasFault(kind="status", operation="get_ticket", status=403))
    url = shop.gateway.make_widget_url("jana@example.com")
    assert await shop.call(4711, 101, "", url=url.partition("&end=")[0]) == "no_identity"
    old = f"{shop.gateway.url}/gorgias/widget?email=x&ticket_id=4711&customer_id=101&token={shop.gateway.credential}"
    assert await shop.call(4711, 101, "", url=old) == "no_identity"
    code, events, checks = await shop.check_json(4711)
    assert (code, [(event["url"], event["source"]) for event in events]) == (
        1,
        [("old", "not_said"), ("cut", "not_said")],
    )
    assert (checks["ticket"]["state"], checks["sidebar"]["state"]) == ("failed", "failed")
    assert "Gorgias did not say whose the ticket is" in checks["sidebar"]["detail"]


async def test_sidebar_shows_the_customers_newest_answer(shop: Shop) -> None:
    """Gorgias keeps answers by customer: an event of the customer's other ticket fills this ticket's sidebar, too."""
    await shop.call(4726, 116, "peter@example.com")
    code, events, checks = await shop.check_json(4727)
    assert (code, events, checks["sidebar"]["state"]) == (0, [], "ok")
    assert checks["sidebar"]["detail"].endswith(", by the customer's ticket 4726: member")
    await shop.call(4727, 101, "jana@example.com")
    code, [event], checks = await shop.check_json(4727)
    assert (code, event["customer_id"]) == (0, 101)
    assert checks["sidebar"]["detail"].endswith(", by the customer's ticket 4726: member")


async def test_forgotten_member_is_in_no_event(shop: Shop) -> None:
    await shop.call(4711, 101, "jana@example.com")
    await shop.call(4713, 103, "stranger@example.com")
    forgotten = await shop.operator.run("member", "forget", "acme", "--email", "jana@example.com", "--yes")
    assert (forgotten.code, "Deleted: 1 ticket event of" in forgotten.out) == (0, True)
    assert [len((await shop.check_json(ticket_id))[1]) for ticket_id in (4711, 4713)] == [0, 1]


async def test_shop_that_is_not_installed_is_reported(operator: Operator) -> None:
    checked = await operator.run("check", "acme", "--ticket", "#4711", "--json")
    assert (checked.code, checked.data["events"]) == (1, [])
    assert [(check["name"], check["detail"]) for check in checked.data["checks"]] == [("Gorgias", "is not installed")]

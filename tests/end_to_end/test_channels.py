"""Customers of all channels in a browser: found by a phone or another address, linked by a support ID, merged."""

import re

import pytest
from playwright.async_api import Page, expect

from tests.end_to_end.desk import action, expect_accessible, notes, open_ticket, press, row
from tests.end_to_end.stack import Stack

# One browser serves all tests, so they share its event loop.
pytestmark = pytest.mark.asyncio(loop_scope="session")

AWARD, LINK, UNLINK = "Add Loyalty Points", "Link to member", "Unlink"
SUPPORT_ID = "Support ID"
NO_ADDRESS = "no phone number that can be looked for"
LINKED = re.compile(r"Linked by Ana Kovacs, \d{1,2} \w{3}")


async def test_member_is_found_by_a_phone_or_a_second_address(stack: Stack) -> None:
    """The WhatsApp customer's opaque id looks like another member's number, and the phone finds the right member."""
    panel = stack.look_up("acme", 4751)
    assert panel["summary"].startswith("380 points")
    assert panel["summary"].endswith("found by +421905123456")
    assert panel["full_name"] == "Walter Whatsapp"
    assert stack.press("acme", 4751, panel, AWARD, points="20").startswith("20 points added for Walter")
    stack.wait_for_panel("acme", 4751, lambda panel: panel["points"] == "400")
    [award, *_] = await stack.operate("award", "list", "acme", "--limit", "1")
    assert award["identified_by"] == "phone"

    second = stack.look_up("acme", 4753)
    assert second["full_name"] == "Sofia Second"
    assert "found by sofia@example.com" in second["summary"]
    for ticket_id, words in {4752: "found by +421905123457", 4755: "found by +421905123458", 4754: "no e-mail"}.items():
        assert words in stack.look_up("acme", ticket_id)["summary"]


async def test_two_members_with_one_email_are_told_apart_by_the_support_id(stack: Stack) -> None:
    twins = {one["first_name"]: one["support_id"] for one in stack.ask("GET", "trifft/acme/members?q=twins@")}
    panel = stack.look_up("acme", 4715)
    for support_id in twins.values():
        assert support_id in panel["summary"]
    answer = stack.press("acme", 4715, panel, LINK, support_id=twins["Tom"])
    assert answer.startswith(f"Linked to Tom Twin ({twins['Tom']}).")
    linked = stack.wait_for_panel("acme", 4715, lambda panel: panel["full_name"] == "Tom Twin")
    assert len(linked["add_points"]) == 1
    assert stack.press("acme", 4715, linked, UNLINK).startswith("Unlinked from")
    stack.wait_for_panel("acme", 4715, lambda panel: "2 members have twins@example.com" in panel["summary"])


async def open_tools(page: Page) -> None:
    """Open the controls of the ticket's customer, by keyboard."""
    tools = page.get_by_test_id("customer-tools")
    if await tools.get_attribute("open") is None:
        await tools.locator("summary").press("Enter")
    await expect(page.get_by_test_id("start-channel")).to_be_visible()


async def start_ticket(page: Page, channel: str) -> int:
    """Start a ticket of a new customer on this channel. Returns the ticket that is then shown."""
    before = page.url
    await open_tools(page)
    await page.get_by_test_id("start-channel").select_option(channel)
    await page.get_by_test_id("start-new").press("Enter")
    await expect(page).not_to_have_url(before)
    ticket_id = int(page.url.rpartition("/")[2])
    await expect(page.locator(".ticket-facts")).to_contain_text(f" #{ticket_id} · {channel}")
    return ticket_id


async def link(page: Page, support_id: str, answer: str) -> None:
    await expect(await press(page, LINK, {SUPPORT_ID: support_id})).to_contain_text(answer)
    await page.keyboard.press("Escape")


async def test_chat_visitor_is_linked_gets_points_is_merged_and_unlinked(page: Page, stack: Stack) -> None:
    """The visitor is merged into a customer who already has a panel without a member."""
    await open_ticket(page, stack, "acme", 4754)
    other_ticket = await start_ticket(page, "whatsapp")
    await expect(row(page, "Loyalty")).to_contain_text(NO_ADDRESS)
    other = stack.ask("GET", f"gorgias/acme/tickets/{other_ticket}")["customer"]
    ticket_id = await start_ticket(page, "chat")
    await expect(row(page, "Loyalty")).to_contain_text(NO_ADDRESS)
    await expect(action(page, AWARD)).to_have_count(0)
    await expect_accessible(page)

    await link(page, "NO-1", "Not linked. No member has the support ID NO-1")
    await link(page, "CARD-7", "Linked to Clara Card (CARD-7).")
    await expect(row(page, "Link")).to_contain_text(LINKED)
    await expect(row(page, "Full name")).to_contain_text("Clara Card")
    await expect(notes(page)).to_have_count(1)
    await expect(await press(page, AWARD, {"Points to add": "15"})).to_contain_text("15 points added for Clara Card")
    await page.keyboard.press("Escape")
    await expect(row(page, "Points")).to_contain_text("60")
    [award, *_] = await stack.operate("award", "list", "acme", "--limit", "1")
    assert (award["identified_by"], award["ticket_id"]) == ("link", str(ticket_id))

    await open_tools(page)
    await page.get_by_test_id("other-customer").select_option(str(other["id"]))
    await page.get_by_test_id("customer-merge").press("Enter")
    await expect(page.get_by_role("heading", name=other["name"])).to_be_visible()
    await expect(row(page, "Link")).to_contain_text(LINKED)
    await expect(row(page, "Full name")).to_contain_text("Clara Card")

    await expect(await press(page, UNLINK)).to_contain_text("Unlinked from member CARD-7.")
    await page.keyboard.press("Escape")
    await expect(row(page, "Loyalty")).to_contain_text(NO_ADDRESS)
    await expect(action(page, AWARD)).to_have_count(0)

"""An agent's day in a real browser, through all three processes."""

import asyncio
import re
from typing import Literal

import pytest
from playwright.async_api import Locator, Page, expect

from gateway.loyalty_client import LoyaltyClient
from protos.loyalty.v1 import loyalty_pb2 as pb
from tests.end_to_end.desk import JANA, action, expect_accessible, open_ticket, press, row
from tests.end_to_end.stack import Stack

# One browser serves all tests, so they share its event loop.
pytestmark = pytest.mark.asyncio(loop_scope="session")

AS_OF = re.compile(r"\w{3} \d{1,2} \w{3} \d{4}, \d{2}:\d{2} CES?T")
ROWS = (
    "Loyalty",
    "Data from",
    "Segments",
    "Full name",
    "Referral / support ID",
    "Points",
    "Tier",
    "Favorite location",
    "Member since",
)

# Ticket → what its sidebar sums up after an event, or "" where another test looks.
SUMMARIES: dict[str, dict[str | None, str]] = {
    "acme": {
        "empty@example.com": "0 points · no coupons",
        "stranger@example.com": "No loyalty member with stranger@example.com",
        None: "No e-mail on this ticket, so no member can be found.",
        "twins@example.com": "2 members have twins@example.com. Points cannot be added here.",
        "blocked@example.com": "Blocked in TRIFFT · ",
        "forgotten@example.com": "No loyalty member with forgotten@example.com",
        "hanako@example.com": " points · ",
        "layla@example.com": " points · 1 coupon",
        "markup@example.com": " points · ",
        "collector@example.com": " points · 40 coupons",
        "novalue@example.com": " coupons",
        "fraction@example.com": "99.75 points · ",
        "a+b@example.com": " points · ",
        "JOHN.DOE@EXAMPLE.COM": " points · ",
        "peter@example.com": "220 points · ",
    },
    "bloom": {
        "zuzana@example.org": "2\N{NO-BREAK SPACE}500 points · ",
        "nowallet@example.org": "Points are switched off for this customer · ",
        "late@example.org": " points · ",
    },
}


async def test_agent_day(page: Page, stack: Stack) -> None:
    """Sees a member, sees a change only after the next ticket event, gives points once with a double click."""
    await open_ticket(page, stack, "acme", 4711)
    calls = stack.ask("GET", "gorgias/acme/calls")
    await page.reload()
    assert stack.ask("GET", "gorgias/acme/calls") == calls, "opening a ticket or reloading the page fires nothing"

    await page.get_by_test_id("event-add-tag").click()
    await expect(row(page, "Loyalty")).to_contain_text("Gold · 1,240 points · 2 coupons")
    for title, value in {
        "Segments": "VIP, Registered in last 7 days",
        "Full name": "Jana Nováková",
        "Referral / support ID": "JN-4821",
        "Points": "1,240",
        "Tier": "Gold",
        "Favorite location": "Bratislava, Eurovea",
        "Member since": "8 Aug 2024",
    }.items():
        await expect(row(page, title)).to_contain_text(value)
    rows = page.get_by_test_id("sidebar").locator("[data-testid^='row-']")
    ids = [await rows.nth(n).get_attribute("data-testid") for n in range(await rows.count())]
    assert ids[:9] == [f"row-{title}" for title in ROWS]
    await expect(row(page, "Data from")).to_contain_text(AS_OF)

    coupons = page.get_by_test_id("sidebar").get_by_role("button", name="Coupons")
    await expect(coupons).to_have_attribute("aria-expanded", "true")
    await coupons.click()
    await expect(coupons).to_have_attribute("aria-expanded", "false")
    await expect(row(page, "Coupon").first).to_be_hidden()
    await coupons.click()
    await expect(row(page, "Coupon").first).to_contain_text("Welcome! · 5 EUR · until 31 Dec 2026")

    link = page.get_by_role("link", name="Loyalty Member Profile")
    assert await link.get_attribute("target") == "_blank"
    async with page.context.expect_page() as opened:
        await link.click()
    admin = await opened.value
    await expect(admin.get_by_role("heading", level=1)).to_have_text("Jana Nováková")
    await admin.get_by_label("Points", exact=True).fill("2000")
    await admin.get_by_label("Tier").fill("Platinum")
    await admin.get_by_role("button", name="Save").click()
    await expect(admin.get_by_test_id("saved")).to_contain_text("Saved")

    await page.bring_to_front()
    await expect(row(page, "Points")).to_contain_text("1,240")
    await page.get_by_test_id("event-remove-tag").click()
    await expect(row(page, "Points")).to_contain_text("2,000")
    await expect(row(page, "Tier")).to_contain_text("Platinum")

    await page.get_by_role("button", name="Add Loyalty Points").click()
    dialog = page.get_by_test_id("action-dialog")
    await dialog.get_by_label("Points to add").fill("100")
    await dialog.get_by_label("Note").fill("Sorry for the wait")
    await dialog.get_by_role("button", name="Execute").dblclick()
    await expect(page.get_by_test_id("action-answer")).to_contain_text(re.compile(r"A-\d+"))
    await page.keyboard.press("Escape")
    await page.get_by_test_id("event-add-tag").click()
    await expect(row(page, "Points")).to_contain_text("2,100")

    movements = stack.ask("GET", f"trifft/acme/members/{JANA}")["movements"]
    assert [movement["note"] for movement in movements].count("Sorry for the wait") == 1
    [award] = stack.operate("award", "list", "acme")
    assert (award["state"], award["points"]) == ("applied", 100)


@pytest.mark.parametrize("account", ["acme", "bloom"])
async def test_every_seeded_ticket_says_what_is_the_matter(page: Page, stack: Stack, account: str) -> None:
    """Each kind of member, through a ticket event, in the words of the sidebar."""
    seen = set()
    for listed in stack.ask("GET", f"gorgias/{account}/tickets"):
        ticket = stack.ask("GET", f"gorgias/{account}/tickets/{listed['id']}")
        email = ticket["customer"]["email"]
        if email not in SUMMARIES[account]:
            continue
        await open_ticket(page, stack, account, listed["id"])
        await page.get_by_test_id("event-add-tag").click()
        await expect(row(page, "Loyalty")).to_contain_text(SUMMARIES[account][email])
        seen.add(email)
    assert seen == SUMMARIES[account].keys()


async def test_values_can_be_copied(page: Page, stack: Stack) -> None:
    await open_ticket(page, stack, "acme", 4711)
    await page.get_by_test_id("event-add-tag").click()
    support_id = row(page, "Referral / support ID")
    await expect(support_id).to_contain_text("JN-4821")
    await support_id.hover()
    await support_id.get_by_role("button").click()
    assert await page.evaluate("navigator.clipboard.readText()") == "JN-4821"


async def test_points_are_offered_only_where_they_can_be_added(page: Page, stack: Stack) -> None:
    """Above the first line for a member; neither for a stranger nor for a member who is blocked."""
    add = action(page, "Add Loyalty Points")
    for ticket_id, words, count in (
        (4713, "No loyalty member", 0),
        (4716, "Blocked in TRIFFT", 0),
        (4711, " points · ", 1),
    ):
        await open_ticket(page, stack, "acme", ticket_id)
        await page.get_by_test_id("event-add-tag").click()
        await expect(row(page, "Loyalty")).to_contain_text(words)
        await expect(add).to_have_count(count)
    (button_y, _), (row_y, _) = await measure(add, "y"), await measure(row(page, "Loyalty"), "y")
    assert button_y < row_y


async def measure(place: Locator, axis: Literal["x", "y"] = "x") -> tuple[float, float]:
    """Where it begins, and its height, once it is drawn: the page may be drawing it anew at this moment."""
    async with asyncio.timeout(10):
        while (box := await place.bounding_box()) is None:
            await expect(place).to_be_visible()
    return box[axis], box["height"]


async def test_many_tags_and_a_toast_leave_the_ticket_readable(page: Page, stack: Stack) -> None:
    """Of a customer without an e-mail, so that TRIFFT is not asked a dozen times. The toast is of another ticket."""
    await open_ticket(page, stack, "acme", 4714)
    tags = page.locator(".tag")
    for number in range(1, 13):
        name = f"tag with a long name {number}"
        await page.get_by_label("Tag", exact=True).fill(name)
        await page.get_by_test_id("event-add-tag").click()
        await expect(tags.last).to_have_text(name)
    await expect(tags.last).to_be_in_viewport()
    await open_ticket(page, stack, "acme", 4711)
    await page.get_by_test_id("event-add-tag").click()
    await expect(await press(page, "Add Loyalty Points", {"Points to add": "ten"})).not_to_be_empty()
    await page.keyboard.press("Escape")
    await expect(page.get_by_test_id("toast")).to_be_visible()
    await open_ticket(page, stack, "acme", 4714)
    await expect(tags.last).to_have_text(name)
    head, messages = page.locator(".ticket-head"), page.locator(".messages")
    (head_x, head_height), (_, messages_height) = await measure(head), await measure(messages)
    assert messages_height > head_height
    assert (await page.get_by_test_id("toast").evaluate("toast => toast.getBoundingClientRect().right")) <= head_x
    await expect_accessible(page)


async def test_address_that_holds_anothers_shows_no_panel_of_theirs(page: Page, stack: Stack) -> None:
    """Its owner chose it. An address with an "&" in it that is on file is found, whole."""
    await open_ticket(page, stack, "acme", 4731)
    await page.get_by_test_id("event-add-tag").click()
    await expect(row(page, "Loyalty")).to_contain_text("No loyalty member with jana@example.com&@evil.example")
    for ticket, points in ((4732, "70"), (4733, "55")):
        await open_ticket(page, stack, "acme", ticket)
        await page.get_by_test_id("event-add-tag").click()
        await expect(row(page, "Loyalty")).to_contain_text(f"{points} points")


async def test_outage_shows_old_data_and_says_so(page: Page, stack: Stack) -> None:
    """TRIFFT stops answering after a good read: the agent keeps the last good data, labelled, and its own time."""
    await open_ticket(page, stack, "acme", 4726)
    await page.get_by_test_id("event-add-tag").click()
    await expect(row(page, "Loyalty")).to_contain_text(" points · ")
    stack.ask("POST", "trifft/acme/faults", {"operation": "*", "kind": "status", "status": 503})
    try:
        await page.get_by_test_id("event-remove-tag").click()
        await expect(row(page, "Loyalty")).to_contain_text(
            re.compile(r"OLD DATA: .*TRIFFT did not answer at \d\d:\d\d")
        )
    finally:
        stack.ask("DELETE", "trifft/acme/faults")


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (420, "dark")])
async def test_page_is_accessible(page: Page, stack: Stack, scheme: Literal["light", "dark"], width: int) -> None:
    """No violation that axe-core knows of, on the helpdesk and on TRIFFT Admin."""
    await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    await page.set_viewport_size({"width": width, "height": 900})
    for path in ("/#/acme/tickets/4711", "/trifft-admin/acme/", f"/trifft-admin/acme/members/{JANA}"):
        await page.goto(stack.url + path)
        await page.wait_for_load_state("networkidle")
        await expect_accessible(page)


async def test_change_in_trifft_admin_reaches_a_reader_who_would_take_what_is_held(stack: Stack) -> None:
    """By the webhook that `make run` has pasted into the stand-in: without it the reader would wait for 15 min."""
    identity = pb.MemberIdentity(email="a+b@example.com")
    async with LoyaltyClient(stack.settings["GATEWAY_LOYALTY_TARGET"], stack.loyalty_key) as loyalty:

        async def read() -> pb.Member:
            return (await loyalty.find_member("acme", identity, timeout_s=5)).member

        before = await read()
        points = before.wallet.points_balance + 7
        stack.ask("PATCH", f"trifft/acme/members/{before.member_id}", {"points": points})
        async with asyncio.timeout(5):
            while (await read()).wallet.points_balance != points:  # noqa: ASYNC110 - another process's doing
                await asyncio.sleep(0.05)
    [delivery, *_] = stack.ask("GET", "trifft/acme/webhook")["deliveries"]
    assert (delivery["event"], delivery["status"]) == ("wallet_credited", 202)

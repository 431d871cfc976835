"""A day of the demo shops through all three processes: in a real browser, or over the API of its page."""

import asyncio
import re
from typing import Literal

import pytest
from playwright.async_api import Locator, Page, ViewportSize, expect

from protos.loyalty.v1 import loyalty_pb2 as pb
from tests.end_to_end.desk import JANA, action, expect_accessible, fire, notes, open_ticket, press, row
from tests.end_to_end.stack import Stack

# One browser serves all tests, so they share its event loop. Tests without a browser come first: an open page would
# load everything that they change.
pytestmark = pytest.mark.asyncio(loop_scope="session")

AWARD, REMOVE, UNDO = "Add Loyalty Points", "Remove points", "Undo last award"
MINUS = "\N{MINUS SIGN}"
NARROW = ViewportSize(width=420, height=900)
# An unknown outcome is looked up after 5 s, and its note is written some seconds later.
SETTLED_MS = 45_000
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

NO_ADDRESS = (
    "This customer has no e-mail address and no phone number that can be looked for. "
    "Ask the customer for the support ID in their app, then press Link to member."
)
# Each demo customer's summary after a ticket event: by e-mail address, or by name without one.
SUMMARIES: dict[str, dict[str, str]] = {
    "acme": {
        "empty@example.com": "0 points · no coupons",
        "stranger@example.com": "No loyalty member with stranger@example.com",
        "Chat visitor": NO_ADDRESS,
        "insta.ivan": NO_ADDRESS,
        "Walter": " · found by +421905123456",
        "Paula, by phone": " · found by +421905123457",
        "sofia.office@example.com": " · found by sofia@example.com",
        "support@acme.example": " · found by +421905123458",
        "twins@example.com": "2 members have twins@example.com: ",
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
        "peter@example.com": " points · ",
        "jana@example.com&@evil.example": "No loyalty member with jana@example.com&@evil.example",
    },
    "bloom": {
        "zuzana@example.org": "2 500 points · ",
        "nowallet@example.org": "Points are switched off for this customer · ",
        "late@example.org": " points · ",
    },
}


async def press_again(page: Page) -> Locator:
    """Execute once more in the modal that is open."""
    await page.get_by_test_id("action-dialog").get_by_role("button", name="Execute").click()
    return page.get_by_test_id("action-answer")


async def look_up(page: Page, stack: Stack, account: str, ticket_id: int, points: str) -> None:
    """Show a ticket, and fire an event so that its sidebar has the customer's data."""
    await open_ticket(page, stack, account, ticket_id)
    await fire(page, "add-tag")
    await expect(row(page, "Points")).to_contain_text(points)


@pytest.mark.parametrize("account", ["acme", "bloom"])
async def test_every_demo_customer_s_panel_names_its_case(stack: Stack, account: str) -> None:
    """The panel describes each kind of member and of address. Only members are offered points."""
    seen = set()
    for listed in stack.ask("GET", f"gorgias/{account}/tickets"):
        ticket = stack.ask("GET", f"gorgias/{account}/tickets/{listed['id']}")
        who = ticket["customer"]["email"] or ticket["customer"]["name"]
        if who in SUMMARIES[account]:
            panel = stack.look_up(account, listed["id"])
            assert SUMMARIES[account][who] in panel["summary"]
            assert panel["status"] == "member" or not panel["add_points"]
            seen.add(who)
    assert seen == SUMMARIES[account].keys()


async def test_outage_shows_old_data_and_says_so(stack: Stack) -> None:
    """TRIFFT fails after a good read: the agent keeps the last good data, labelled with its own time."""
    assert " points · " in stack.look_up("acme", 4726)["summary"]
    stack.ask("POST", "trifft/acme/faults", {"operation": "*", "kind": "status", "status": 503})
    try:
        assert re.search(r"OLD DATA: .*TRIFFT did not answer at \d\d:\d\d", stack.look_up("acme", 4726)["summary"])
    finally:
        stack.ask("DELETE", "trifft/acme/faults")


async def test_change_in_trifft_admin_reaches_a_reader_who_accepts_held_data(stack: Stack) -> None:
    """`make run` has set the webhook in the stand-in: without it the reader would see the change after 15 min."""
    identity = pb.MemberIdentity(email="a+b@example.com")
    async with stack.connect() as loyalty:

        async def read() -> pb.Member:
            return (await loyalty.find_member("acme", identity, timeout_s=20)).member

        before = await read()
        points = before.wallet.points_balance + 7
        stack.ask("PATCH", f"trifft/acme/members/{before.member_id}", {"points": points})
        async with asyncio.timeout(30):
            while (await read()).wallet.points_balance != points:  # noqa: ASYNC110 - another process changes it
                await asyncio.sleep(0.05)
    [delivery, *_] = stack.ask("GET", "trifft/acme/webhook")["deliveries"]
    assert (delivery["event"], delivery["status"]) == ("wallet_credited", 202)


async def test_an_undo_on_another_ticket_leaves_a_note_in_both(stack: Stack) -> None:
    """Peter has two tickets. The note shows what was typed as text."""
    panel = stack.look_up("acme", 4726)
    assert panel["points"] == "220"
    assert "40 points added" in stack.press("acme", 4726, panel, AWARD, points="40", note="{{ticket.id}} None")
    [added] = stack.wait_for_notes("acme", 4726, "", 1)
    assert "Note: {{ticket.id}} None" in added

    panel = stack.wait_for_panel("acme", 4727, lambda panel: bool(panel["undo"]))
    assert stack.press("acme", 4727, panel, UNDO).startswith("40 points taken back from ")
    assert stack.press("acme", 4727, panel, UNDO).startswith("Already undone: Ana Kovacs took back 40 points at")
    [undone] = stack.wait_for_notes("acme", 4727, "", 1)
    assert "40 points taken back" in undone
    assert "This was done in" not in undone
    [_, elsewhere] = stack.wait_for_notes("acme", 4726, "", 2)
    assert "This was done in ticket 4727." in elsewhere
    stack.wait_for_panel("acme", 4726, lambda panel: panel["points"] == "220")


async def test_a_refusal_that_gorgias_hides_is_on_the_next_panel(stack: Stack) -> None:
    """It is only on this member's panel, and until a press is answered."""
    switches = stack.ask("GET", "gorgias/acme/switches")
    stack.ask("PUT", "gorgias/acme/switches", switches | {"hide_refusals": True})
    panel = stack.look_up("acme", 4725)
    assert (panel["points"], panel["last_try"]) == ("340", [])
    assert stack.press("acme", 4725, panel, AWARD, points="ten") == "The action failed (HTTP 400)."
    [line] = stack.look_up("acme", 4725)["last_try"]
    assert re.search(
        r"Not added at \d\d:\d\d \(\d+ \w+, Ana Kovacs, ticket 4725\)\. "
        "Enter whole points from 1 to 500, for example 100\\.",
        str(line),
    )
    stack.ask("PUT", "gorgias/acme/switches", switches)
    assert stack.look_up("acme", 4719)["last_try"] == []


async def test_points_are_removed_where_the_shop_allows_it_and_given_back(stack: Stack) -> None:
    """A removal needs a reason, is at most 100 points, and leaves a note. The undo gives the points back."""
    [zuzana] = stack.ask("GET", "trifft/bloom/members?q=zuzana@example.org")
    before, after = (
        f"{points:,}".replace(",", "\N{NO-BREAK SPACE}") for points in (zuzana["points"], zuzana["points"] - 50)
    )
    panel = stack.look_up("bloom", 4728)
    assert panel["points"] == before
    answer = stack.press("bloom", 4728, panel, REMOVE, points="101", reason="good")
    assert answer == "Not removed. Enter whole points from 1 to 100, for example 100."
    answer = stack.press("bloom", 4728, panel, REMOVE, points="50", reason="good")
    assert re.fullmatch(
        rf"50 points removed from Zuzana Kováčová\. Balance {after}\. Reason: Goodwill\. Award A-\d+\.", answer
    )
    [note] = stack.wait_for_notes("bloom", 4728, "50 points removed from", 1)
    assert "50 points removed from Zuzana Kováčová (ZK-1001)." in note
    assert f"Balance: {before} → {after}".split() == note.splitlines()[-2].split()
    panel = stack.wait_for_panel("bloom", 4728, lambda panel: panel["points"] == after)
    assert re.search(rf"{MINUS}50, .*, ticket 4728, .*Goodwill", str(panel["support_awards"][0]))
    assert f"Undo {MINUS}50, ticket 4728, A-" in str(panel["undo"])

    assert stack.press("bloom", 4728, panel, UNDO).startswith("50 points given back to Zuzana Kováčová.")
    assert len(stack.wait_for_notes("bloom", 4728, "Gives back award A-", 1)) == 1
    panel = stack.wait_for_panel("bloom", 4728, lambda panel: panel["points"] == before)
    assert re.search(r"\+50, undoes A-\d+", str(panel["support_awards"][0]))
    newest, deduction = (await stack.operate("award", "list", "bloom"))[:2]
    assert (newest["points"], newest["debit"], newest["reverses"]) == (50, False, deduction["award_id"])
    assert (deduction["points"], deduction["debit"], deduction["state"]) == (-50, True, "applied")


async def test_agent_day(page: Page, stack: Stack) -> None:
    """The agent sees a member, copies a value, and sees a change only after the next ticket event."""
    await open_ticket(page, stack, "acme", 4711)
    calls = stack.ask("GET", "gorgias/acme/calls")
    await page.reload()
    assert stack.ask("GET", "gorgias/acme/calls") == calls, "opening a ticket or reloading the page fires nothing"

    await fire(page, "add-tag")
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

    await expect(row(page, "More")).to_contain_text(
        ["200 points expire on 31 Dec 2026", "260 points to the next tier", "Birthday: 12 March"]
    )
    await expect(row(page, "Movement")).to_contain_text(
        [
            "+100 on 12 Nov 2026: Order 1001",
            "\N{MINUS SIGN}60 on 3 Nov 2026: Coffee for points",
            "+40 on 29 Oct 2026: Order 999",
        ]
    )

    support_id = row(page, "Referral / support ID")
    await support_id.hover()
    await support_id.get_by_role("button").click()
    assert await page.evaluate("navigator.clipboard.readText()") == "JN-4821"

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
    await admin.get_by_label("Tier", exact=True).fill("Platinum")
    await admin.get_by_label("Birthday, for example").fill("")
    await admin.get_by_role("button", name="Save").click()
    await expect(admin.get_by_test_id("saved")).to_contain_text("Saved")

    await page.bring_to_front()
    await expect(row(page, "Points")).to_contain_text("1,240")
    await fire(page, "remove-tag")
    await expect(row(page, "Points")).to_contain_text("2,000")
    await expect(row(page, "Tier")).to_contain_text("Platinum")
    await expect(row(page, "More")).to_have_text([re.compile("200 points expire on 31 Dec 2026")])
    await expect(row(page, "Movement").first).to_contain_text(": Changed in TRIFFT Admin")


async def test_points_are_offered_only_where_they_can_be_added(page: Page, stack: Stack) -> None:
    """The button is above the first line of a member, and absent for a stranger."""
    add = action(page, "Add Loyalty Points")
    for ticket_id, words, count in (
        (4713, "No loyalty member", 0),
        (4711, " points · ", 1),
    ):
        await open_ticket(page, stack, "acme", ticket_id)
        await fire(page, "add-tag")
        await expect(row(page, "Loyalty")).to_contain_text(words)
        await expect(add).to_have_count(count)
    (button_y, _), (row_y, _) = await measure(add, "y"), await measure(row(page, "Loyalty"), "y")
    assert button_y < row_y


async def measure(place: Locator, axis: Literal["x", "y"] = "x") -> tuple[float, float]:
    """Return the element's top and height once it is drawn: the page may be redrawing it at this moment."""
    async with asyncio.timeout(30):
        while (box := await place.bounding_box()) is None:
            await expect(place).to_be_visible()
    return box[axis], box["height"]


async def test_many_tags_and_a_toast_leave_the_ticket_readable(page: Page, stack: Stack) -> None:
    """The customer has no e-mail, so TRIFFT is not asked a dozen times. The toast is about another ticket."""
    names = [f"tag with a long name {number}" for number in range(1, 13)]
    for name in names[:-1]:
        stack.ask("POST", "gorgias/acme/tickets/4714/events", {"event": "add-tag", "value": name})
    await open_ticket(page, stack, "acme", 4714)
    tags = page.locator(".tag")
    await page.get_by_label("Tag", exact=True).fill(names[-1])
    await fire(page, "add-tag")
    await expect(tags.last).to_have_text(names[-1])
    await expect(tags.last).to_be_in_viewport()
    await look_up(page, stack, "acme", 4724, "1")
    await expect(await press(page, AWARD, {"Points to add": "ten"})).not_to_be_empty()
    await page.keyboard.press("Escape")
    toast = page.get_by_test_id("toast").last
    await expect(toast).to_be_visible()
    await open_ticket(page, stack, "acme", 4714)
    await expect(tags.last).to_have_text(names[-1])
    head, messages = page.locator(".ticket-head"), page.locator(".messages")
    (head_x, head_height), (_, messages_height) = await measure(head), await measure(messages)
    assert messages_height > head_height
    assert (await toast.evaluate("toast => toast.getBoundingClientRect().right")) <= head_x
    await expect_accessible(page)


async def test_a_click_is_kept_while_the_ticket_changes(page: Page, stack: Stack) -> None:
    """The page does not redraw a button that is held down. TRIFFT is not asked for this customer."""
    await open_ticket(page, stack, "acme", 4714)
    button, tags = page.get_by_test_id("event-add-tag"), page.locator(".tag")
    before = await tags.count()
    await button.hover()
    await page.mouse.down()
    async with page.expect_response(re.compile(r"/acme/tickets$")):
        stack.ask("POST", "gorgias/acme/tickets/4714/events", {"event": "add-tag", "value": "meanwhile"})
    await expect(button).to_be_visible()
    await page.mouse.up()
    await expect(tags).to_have_count(before + 2)


@pytest.mark.parametrize("path", ["/trifft-admin/acme/", f"/trifft-admin/acme/members/{JANA}"])
async def test_page_of_trifft_admin_is_accessible(page: Page, stack: Stack, path: str) -> None:
    """axe-core finds no violation, wide and light, narrow and dark. Other tests check the helpdesk."""
    await page.goto(stack.url + path)
    await page.wait_for_load_state("networkidle")
    await expect_accessible(page)
    await page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    await page.set_viewport_size(NARROW)
    await expect_accessible(page)


async def test_an_award_is_noted_and_shown_by_itself_and_can_be_undone(page: Page, stack: Stack) -> None:
    """After the first look no ticket event is fired by hand. The undo asks for nothing, and works once."""
    stack.ask("PATCH", f"trifft/acme/members/{JANA}", {"points": 1240})
    await look_up(page, stack, "acme", 4711, "1,240")
    await expect(action(page, AWARD)).to_have_count(1)
    await expect(action(page, UNDO)).to_have_count(0)
    await expect(action(page, REMOVE)).to_have_count(0)

    answer = await press(page, AWARD, {"Points to add": "100", "Note": "Sorry for the wait"})
    await expect(answer).to_have_text(
        re.compile(r"^100 points added for Jana Nováková\. Balance 1,340\. Award A-\d+\.$")
    )
    award_id = (await answer.inner_text()).split()[-1].removesuffix(".")
    await page.keyboard.press("Escape")
    await expect(row(page, "Points")).to_contain_text("1,340")
    await expect(row(page, "Given by support")).to_contain_text(
        re.compile(rf"\+100, \d+ \w+, Ana Kovacs, ticket 4711, {award_id}")
    )
    await expect(notes(page)).to_have_count(1)
    await expect(notes(page)).to_contain_text("Internal note")
    lines = (await notes(page).locator(".message-text").inner_text()).splitlines()
    assert lines[:2] == ["100 points added for Jana Nováková (JN-4821).", "Note: Sorry for the wait"]
    assert lines[2].startswith("By Ana Kovacs, ana@acme.example, ")
    assert lines[3:] == ["Balance: 1,240 → 1,340", f"Award {award_id} · added"]
    await expect_accessible(page)

    await action(page, UNDO).click()
    dialog = page.get_by_test_id("action-dialog")
    await expect(dialog.get_by_role("textbox")).to_have_count(0)
    await expect(dialog.get_by_role("button", name="Execute")).to_be_focused()
    await expect_accessible(page)
    await dialog.get_by_role("button", name="Execute").dblclick()
    await expect(page.get_by_test_id("action-answer")).to_contain_text(re.compile(r"100 points .*\(?A-\d+"))
    await page.keyboard.press("Escape")
    await expect(row(page, "Points")).to_contain_text("1,240")
    await expect(notes(page)).to_have_count(2)
    await expect(notes(page).last).to_contain_text(f"Takes back award {award_id}.")
    await expect(action(page, UNDO)).to_have_count(0)
    await expect(row(page, "Given by support").first).to_contain_text("100")

    movements = stack.ask("GET", "trifft/acme/members?q=jana@example.com")
    assert movements[0]["points"] == 1240
    undone, award = await stack.operate("award", "list", "acme", "--member", JANA)
    assert (award["award_id"], award["state"]) == (award_id, "applied")
    assert (undone["reverses"], undone["state"]) == (award_id, "applied")


async def test_points_that_are_spent_cannot_be_taken_back(page: Page, stack: Stack) -> None:
    """A double click gives the points once. The member spends them in the shop before the undo.

    If Gorgias hides the refusal, the next panel shows it.
    """
    await look_up(page, stack, "acme", 4718, "560")
    await expect(await press(page, AWARD, {"Points to add": "50"}, clicks=2)).to_contain_text(re.compile(r"A-\d+"))
    await page.keyboard.press("Escape")
    await expect(row(page, "Points")).to_contain_text("610")

    async with page.context.expect_page() as opened:
        await page.get_by_role("link", name="Loyalty Member Profile").click()
    admin = await opened.value
    await admin.get_by_label("Points to spend").fill("600")
    await admin.get_by_role("button", name="Spend in the shop").click()
    await expect(admin.get_by_test_id("movements")).to_contain_text("-600")

    await page.bring_to_front()
    answer = await press(page, UNDO)
    await expect(answer).to_contain_text("Not undone: TRIFFT refuses to take the points back")
    await page.keyboard.press("Escape")
    [hanako] = stack.ask("GET", "trifft/acme/members?q=hanako@example.com")
    assert hanako["points"] == 10

    switches = stack.ask("GET", "gorgias/acme/switches")
    stack.ask("PUT", "gorgias/acme/switches", switches | {"hide_refusals": True})
    await expect(await press(page, AWARD, {"Points to add": "ten"})).to_have_text("The action failed (HTTP 400).")
    stack.ask("PUT", "gorgias/acme/switches", switches)
    await page.keyboard.press("Escape")
    await fire(page, "remove-tag")
    await expect(row(page, "Last try")).to_contain_text("Enter whole points from 1 to 500, for example 100.")


async def test_an_award_whose_answer_is_lost_is_checked_and_then_settled(page: Page, stack: Stack) -> None:
    """TRIFFT books the points and its answer is lost; so is the first answer to the note. Each note appears once."""
    await look_up(page, stack, "acme", 4721, "4,000")
    stack.ask("POST", "trifft/acme/faults", {"operation": "credit", "kind": "lost_answer", "times": 1})
    stack.ask("POST", "gorgias/acme/faults", {"operation": "create_message", "kind": "lost_answer", "times": 1})
    answer = await press(page, AWARD, {"Points to add": "30"})
    await expect(answer).to_contain_text("We do not know yet whether the 30 points arrived. Do not add them again.")
    await page.keyboard.press("Escape")
    await expect(notes(page).first).to_contain_text("being checked")
    await expect(row(page, "Given by support")).to_contain_text("being checked")
    await expect(await press(page, AWARD, {"Points to add": "5"})).to_contain_text("Not added")
    await page.keyboard.press("Escape")
    await page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    await page.set_viewport_size(NARROW)
    await page.get_by_role("button", name="Conversation", exact=True).click()
    await expect_accessible(page)

    await expect(notes(page)).to_have_count(2, timeout=SETTLED_MS)
    await expect(notes(page).last).to_contain_text("checked: added")
    await page.get_by_role("button", name="Customer", exact=True).click()
    await expect(row(page, "Points")).to_contain_text("4,030")
    await expect(row(page, "Given by support")).not_to_contain_text("being checked")


async def test_a_shop_with_reasons_and_a_limit_names_both(page: Page, stack: Stack) -> None:
    """The screen is narrow. A reason is required, and a member's limit is 300 points a day. Points can be removed."""
    [zuzana] = stack.ask("GET", "trifft/bloom/members?q=zuzana@example.org")
    await look_up(page, stack, "bloom", 4728, "500")
    await page.set_viewport_size(NARROW)
    await page.get_by_role("button", name="Customer", exact=True).click()
    fields = {"Points to add": "200", "Reason": ""}
    await expect(await press(page, AWARD, fields)).to_contain_text("must be filled in")
    dialog = page.get_by_test_id("action-dialog")
    for typed, said in (("Because", "Goodwill"), ("good", "200 points added")):
        await dialog.get_by_label("Reason").fill(typed)
        await dialog.get_by_role("button", name="Execute").click()
        await expect(page.get_by_test_id("action-answer")).to_contain_text(said)
    await expect_accessible(page)
    await page.keyboard.press("Escape")
    await expect(row(page, "Points")).to_contain_text("700")

    answer = await press(page, AWARD, fields | {"Points to add": "150", "Reason": "Late"})
    await expect(answer).to_contain_text("200 of 300 points for this member today are used. You can add up to 100")
    await page.keyboard.press("Escape")

    answer = await press(page, REMOVE, {"Points to remove": "60", "Reason": "good"})
    await expect(answer).to_contain_text(re.compile(r"60 points removed from Zuzana Kováčová\. Balance .*640\."))
    await page.keyboard.press("Escape")
    await expect(row(page, "Points")).to_contain_text("640")
    await expect(row(page, "Given by support").first).to_contain_text(f"{MINUS}60")
    await page.get_by_role("button", name="Conversation", exact=True).click()
    added = notes(page).filter(has_text="points added")
    await expect(added).to_have_count(1)
    await expect(added).to_contain_text("Reason: Goodwill")
    stack.ask("PATCH", f"trifft/bloom/members/{zuzana['id']}", {"points": zuzana["points"]})

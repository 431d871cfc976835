"""Points given and taken back in a real browser, through all three processes: the answer, the note, the sidebar."""

import re

import pytest
from playwright.async_api import Locator, Page, ViewportSize, expect

from tests.end_to_end.desk import action, expect_accessible, notes, open_ticket, press, row
from tests.end_to_end.stack import Stack

# One browser serves all tests, so they share its event loop.
pytestmark = pytest.mark.asyncio(loop_scope="session")

AWARD, REMOVE, UNDO = "Add Loyalty Points", "Remove points", "Undo last award"
MINUS = "\N{MINUS SIGN}"
WIDE = ViewportSize(width=1280, height=900)
NARROW = ViewportSize(width=420, height=900)
# An outcome that is not known is looked up after 5 s, and the note about it is written some seconds later.
SETTLED_MS = 45_000


async def press_again(page: Page) -> Locator:
    """Execute once more in the modal that is open."""
    await page.get_by_test_id("action-dialog").get_by_role("button", name="Execute").click()
    return page.get_by_test_id("action-answer")


async def look_up(page: Page, stack: Stack, account: str, ticket_id: int, points: str) -> None:
    """A ticket whose sidebar has its customer's data."""
    await open_ticket(page, stack, account, ticket_id)
    await page.get_by_test_id("event-add-tag").click()
    await expect(row(page, "Points")).to_contain_text(points)


async def test_an_award_is_noted_and_shown_by_itself_and_can_be_undone(page: Page, stack: Stack) -> None:
    """No ticket event by hand after the first look; the undo asks for nothing, and works once."""
    await look_up(page, stack, "acme", 4711, "1,240")
    await expect(action(page, UNDO)).to_have_count(0)

    answer = await press(page, AWARD, {"Points to add": "100", "Note": "Sorry for the wait"})
    await expect(answer).to_have_text("100 points added for Jana Nováková. Balance 1,340. Award A-1.")
    await page.keyboard.press("Escape")
    await expect(row(page, "Points")).to_contain_text("1,340")
    await expect(row(page, "Given by support")).to_contain_text(
        re.compile(r"\+100, \d+ \w+, Ana Kovacs, ticket 4711, A-1")
    )
    await expect(notes(page)).to_have_count(1)
    await expect(notes(page)).to_contain_text("Internal note")
    lines = (await notes(page).locator(".message-text").inner_text()).splitlines()
    assert lines[:2] == ["100 points added for Jana Nováková (JN-4821).", "Note: Sorry for the wait"]
    assert lines[2].startswith("By Ana Kovacs, ana@acme.example, ")
    assert lines[3:] == ["Balance: 1,240 → 1,340", "Award A-1 · added"]
    await expect_accessible(page)

    await action(page, UNDO).click()
    dialog = page.get_by_test_id("action-dialog")
    await expect(dialog.get_by_role("textbox")).to_have_count(0)
    await expect(dialog.get_by_role("button", name="Execute")).to_be_focused()
    await expect_accessible(page)
    await dialog.get_by_role("button", name="Execute").dblclick()
    await expect(page.get_by_test_id("action-answer")).to_contain_text(re.compile(r"100 points .*\(?A-2"))
    await page.keyboard.press("Escape")
    await expect(row(page, "Points")).to_contain_text("1,240")
    await expect(notes(page)).to_have_count(2)
    await expect(notes(page).last).to_contain_text("Takes back award A-1.")
    await expect(action(page, UNDO)).to_have_count(0)
    await expect(row(page, "Given by support").first).to_contain_text("100")

    movements = stack.ask("GET", "trifft/acme/members?q=jana@example.com")
    assert movements[0]["points"] == 1240
    listed = stack.operate("award", "list", "acme")
    assert [(award["award_id"], award["state"]) for award in listed] == [("A-2", "applied"), ("A-1", "applied")]


async def test_an_undo_on_another_ticket_leaves_a_note_in_both(page: Page, stack: Stack) -> None:
    """Peter has two tickets. What was typed into the note is text."""
    await look_up(page, stack, "acme", 4726, "220")
    typed = {"Points to add": "40", "Note": "{{ticket.id}} None"}
    await expect(await press(page, AWARD, typed)).to_contain_text("40 points added")
    await page.keyboard.press("Escape")
    await expect(notes(page)).to_contain_text("Note: {{ticket.id}} None")

    await open_ticket(page, stack, "acme", 4727)
    await expect(await press(page, UNDO)).to_contain_text("40 points taken back from ")
    await expect(await press_again(page)).to_contain_text(
        re.compile("^Already undone: Ana Kovacs took back 40 points at")
    )
    await page.keyboard.press("Escape")
    await expect(notes(page)).to_have_count(1)
    await expect(notes(page)).to_contain_text("40 points taken back")
    await expect(notes(page)).not_to_contain_text("This was done in")
    await open_ticket(page, stack, "acme", 4726)
    await expect(notes(page)).to_have_count(2)
    await expect(notes(page).last).to_contain_text("This was done in ticket 4727.")
    await expect(row(page, "Points")).to_contain_text("220")


async def test_a_refusal_that_gorgias_hides_is_on_the_next_panel(page: Page, stack: Stack) -> None:
    """On the panel of this member only, and until a press is answered."""
    switches = stack.ask("GET", "gorgias/acme/switches")
    stack.ask("PUT", "gorgias/acme/switches", switches | {"hide_refusals": True})
    await look_up(page, stack, "acme", 4726, "220")
    await expect(row(page, "Last try")).to_have_count(0)
    await expect(await press(page, AWARD, {"Points to add": "ten"})).to_have_text("The action failed (HTTP 400).")
    await page.keyboard.press("Escape")
    await page.get_by_test_id("event-add-tag").click()
    await expect(row(page, "Last try")).to_contain_text(
        re.compile(
            r"Not added at \d\d:\d\d \(\d+ \w+, Ana Kovacs, ticket 4726\)\. "
            "Enter whole points from 1 to 500, for example 100\\."
        )
    )
    await page.set_viewport_size(NARROW)
    await page.get_by_role("button", name="Customer", exact=True).click()
    await expect(row(page, "Last try")).to_be_visible()
    await expect_accessible(page)
    stack.ask("PUT", "gorgias/acme/switches", switches)
    await page.set_viewport_size(WIDE)
    await look_up(page, stack, "acme", 4711, "1,240")
    await expect(row(page, "Last try")).to_have_count(0)


async def test_points_that_are_spent_cannot_be_taken_back(page: Page, stack: Stack) -> None:
    """The member spends them in the shop, between the award and the undo."""
    await look_up(page, stack, "acme", 4726, "220")
    await expect(await press(page, AWARD, {"Points to add": "50"})).to_contain_text("50 points added")
    await page.keyboard.press("Escape")
    await expect(row(page, "Points")).to_contain_text("270")

    async with page.context.expect_page() as opened:
        await page.get_by_role("link", name="Loyalty Member Profile").click()
    admin = await opened.value
    await admin.get_by_label("Points to spend").fill("250")
    await admin.get_by_role("button", name="Spend in the shop").click()
    await expect(admin.get_by_test_id("movements")).to_contain_text("-250")
    await expect_accessible(admin)

    await page.bring_to_front()
    answer = await press(page, UNDO)
    await expect(answer).to_contain_text("Not undone: TRIFFT refuses to take the points back")
    [peter] = stack.ask("GET", "trifft/acme/members?q=peter@example.com")
    assert peter["points"] == 20


async def test_an_answer_that_is_lost_is_being_checked_and_then_settled(page: Page, stack: Stack) -> None:
    """TRIFFT books the points and its answer is lost; the first answer to the note is lost, too. One note of each."""
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
    await page.set_viewport_size(NARROW)
    await expect_accessible(page)

    await expect(notes(page)).to_have_count(2, timeout=SETTLED_MS)
    await expect(notes(page).last).to_contain_text("checked: added")
    await page.get_by_role("button", name="Customer", exact=True).click()
    await expect(row(page, "Points")).to_contain_text("4,030")
    await expect(row(page, "Given by support")).not_to_contain_text("being checked")
    await expect_accessible(page)


async def test_a_shop_with_reasons_and_a_limit_says_what_it_wants(page: Page, stack: Stack) -> None:
    """On a narrow screen: a reason must be named, and 300 points a day are the member's limit."""
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
    await page.get_by_role("button", name="Conversation", exact=True).click()
    await expect(notes(page)).to_have_count(1)
    await expect(notes(page)).to_contain_text("Reason: Goodwill")


async def test_points_are_removed_where_the_shop_allows_it_and_given_back(page: Page, stack: Stack) -> None:
    """For a reason, at most 100 at once, with a note; the undo gives them back. The other shop has no such button."""
    await look_up(page, stack, "acme", 4711, "1,240")
    await expect(action(page, AWARD)).to_have_count(1)
    await expect(action(page, REMOVE)).to_have_count(0)

    [zuzana] = stack.ask("GET", "trifft/bloom/members?q=zuzana@example.org")
    before, after = (
        f"{points:,}".replace(",", "\N{NO-BREAK SPACE}") for points in (zuzana["points"], zuzana["points"] - 50)
    )
    await look_up(page, stack, "bloom", 4728, before)
    fields = {"Points to remove": "101", "Reason": ""}
    await expect(await press(page, REMOVE, fields)).to_contain_text("must be filled in")
    await expect_accessible(page)
    dialog = page.get_by_test_id("action-dialog")
    await dialog.get_by_label("Reason").fill("good")
    await expect(await press_again(page)).to_have_text(
        "Not removed. Enter whole points from 1 to 100, for example 100."
    )
    await dialog.get_by_label("Points to remove").fill("50")
    await expect(await press_again(page)).to_have_text(
        re.compile(rf"50 points removed from Zuzana Kováčová\. Balance {after}\. Reason: Goodwill\. Award A-\d+\.")
    )
    await page.keyboard.press("Escape")
    removed = notes(page).filter(has_text="points removed from")
    await expect(removed).to_contain_text("50 points removed from Zuzana Kováčová (ZK-1001).")
    await expect(removed).to_contain_text(f"Balance: {before} → {after}")
    await expect(row(page, "Points")).to_contain_text(after)
    given = row(page, "Given by support").first
    await expect(given).to_contain_text(re.compile(rf"{MINUS}50, .*, ticket 4728, .*Goodwill"))

    await expect(row(page, UNDO)).to_contain_text(f"Undo {MINUS}50, ticket 4728, A-")
    await expect(await press(page, UNDO)).to_contain_text("50 points given back to Zuzana Kováčová.")
    await page.keyboard.press("Escape")
    await expect(notes(page).filter(has_text="Gives back award A-")).to_have_count(1)
    await expect(row(page, "Points")).to_contain_text(before)
    await expect(given).to_contain_text(re.compile(r"\+50, undoes A-\d+"))
    newest, deduction = stack.operate("award", "list", "bloom")[:2]
    assert (newest["points"], newest["debit"], newest["reverses"]) == (50, False, deduction["award_id"])
    assert (deduction["points"], deduction["debit"], deduction["state"]) == (-50, True, "applied")

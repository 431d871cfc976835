"""The helpdesk page as an agent uses it."""

from axe_core_python.async_playwright import Axe
from playwright.async_api import Locator, Page, expect

from tests.end_to_end.stack import Stack

JANA = "bf428af0-bf06-4bc4-a91b-91b5bda6e211"


async def open_ticket(page: Page, stack: Stack, account: str, ticket_id: int) -> None:
    await page.goto(f"{stack.url}/#/{account}/tickets/{ticket_id}")
    await expect(page.get_by_test_id(f"ticket-{ticket_id}")).to_have_attribute("aria-current", "page")
    await expect(page.locator(".ticket-facts")).to_contain_text(f" #{ticket_id} ")  # the former one is gone


async def fire(page: Page, event: str) -> None:
    """Click a button of the conversation, such as "add-tag"."""
    await page.get_by_test_id(f"event-{event}").click()


def row(page: Page, title: str) -> Locator:
    return page.get_by_test_id("sidebar").get_by_test_id(f"row-{title}")


def action(page: Page, button: str) -> Locator:
    return page.get_by_test_id("sidebar").get_by_test_id(f"action-{button}")


async def press(page: Page, button: str, typed: dict[str, str] | None = None, *, clicks: int = 1) -> Locator:
    """Open a button's modal, fill in fields by label, and execute. Returns the element with the answer."""
    dialog = page.get_by_test_id("action-dialog")
    await action(page, button).click()
    # If the sidebar is redrawn at this moment, the click is lost, or hits the button that is there now.
    while not await dialog.get_by_role("heading", name=button, exact=True).is_visible():
        await page.keyboard.press("Escape")
        await action(page, button).click()
    for label, value in (typed or {}).items():
        await dialog.get_by_label(label).fill(value)
    await dialog.get_by_role("button", name="Execute").click(click_count=clicks)
    return page.get_by_test_id("action-answer")


def notes(page: Page) -> Locator:
    """The internal notes of the ticket, oldest first."""
    return page.get_by_test_id("internal-note")


async def expect_accessible(page: Page) -> None:
    """Check that axe-core finds no violation. It computes nothing else, to save time."""
    if not await page.evaluate("'axe' in window"):
        await page.evaluate(Axe().axe_script)
    violations = await page.evaluate("axe.run({resultTypes: ['violations']}).then(results => results.violations)")
    assert [(one["id"], one["nodes"][0]["html"]) for one in violations] == []

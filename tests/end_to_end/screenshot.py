"""`make screenshot`: a ticket and its sidebar, as the real page draws them, for the README."""

import asyncio
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.async_api import FloatRect, ViewportSize, async_playwright, expect

from tests.deploy.launcher import ROOT
from tests.end_to_end.desk import fire, notes, open_ticket, press, row
from tests.end_to_end.stack import Stack, find_chromium, run_stack

PICTURE = ROOT / "docs" / "sidebar.png"
VIEWPORT = ViewportSize(width=1080, height=1000)
# Sharp on most screens, and a small file.
SCALE = 1.5
TOAST_GONE_MS = 60_000
REPLY = "There is, Jana: I have just added 100 points to your card. Thank you for your patience."


async def take_picture(stack: Stack, chromium: str) -> None:
    """Jana's ticket after an award: note and reply; beside them the sidebar from top to end. The list is left out."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = await browser.new_page(
            viewport=VIEWPORT,
            device_scale_factor=SCALE,
            color_scheme="light",
            reduced_motion="reduce",
            timezone_id="Europe/Bratislava",  # the shop's, so that the page and the note say the same time
        )
        await open_ticket(page, stack, "acme", 4711)
        await fire(page, "add-tag")
        await press(page, "Add Loyalty Points", {"Points to add": "100", "Note": "Sorry for the wait"})
        await page.keyboard.press("Escape")
        await expect(row(page, "Points")).to_contain_text("1,340")
        await page.get_by_label("Message", exact=True).fill(REPLY)
        await fire(page, "agent-reply")
        await expect(page.locator(".message.agent").last).to_contain_text(REPLY)
        # Its shadow would lie on the picture.
        await expect(page.get_by_test_id("toast")).to_have_count(0, timeout=TOAST_GONE_MS)
        await page.evaluate("document.activeElement.blur()")
        below = await page.get_by_test_id("sidebar").evaluate("one => one.scrollHeight - one.clientHeight")
        height = VIEWPORT["height"] + below
        await page.set_viewport_size(ViewportSize(width=VIEWPORT["width"], height=height))
        await expect(notes(page)).to_be_in_viewport()
        head = await page.locator(".ticket-head").bounding_box()
        assert head is not None
        x, y = head["x"], head["y"]
        clip = FloatRect(x=x, y=y, width=VIEWPORT["width"] - x, height=height - y)
        await page.screenshot(path=PICTURE, clip=clip)
        await browser.close()


def main() -> int:
    chromium = find_chromium()
    if chromium is None:
        sys.exit("no Chromium found: install it (Debian: apt install chromium) or set CHROMIUM to its path")
    with TemporaryDirectory(prefix="screenshot-") as folder, run_stack(Path(folder) / "var") as stack:
        asyncio.run(take_picture(stack, chromium))
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""One running product and one browser for all tests here."""

import os
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, ConsoleMessage, Page, ViewportSize, WebError, async_playwright, expect

from gateway.loyalty_client import LoyaltyClient
from protos.loyalty.v1 import loyalty_pb2 as pb
from tests.deploy.launcher import Launcher
from tests.end_to_end.stack import FAST_AND_PATIENT, Stack, find_chromium

SHOPS = ("acme", "bloom")
WIDE = ViewportSize(width=1280, height=900)
# A generous time-out: a busy machine must not look like a page that shows nothing.
expect.set_options(timeout=30_000)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def stack(tmp_path_factory: pytest.TempPathFactory, kept_starts: list[Launcher]) -> Stack:
    """Reuse the start that another test has left running, if any: each start takes as much CPU as ten tests."""
    if not kept_starts:
        kept_starts.append(Launcher(tmp_path_factory.mktemp("var"), **FAST_AND_PATIENT))
        lines = kept_starts[0].read_until_ready()
        assert lines[-1].startswith("Ready"), lines
    stack = Stack.of(kept_starts[0])
    async with stack.connect() as loyalty:
        for shop in SHOPS:
            await lift_rates(stack, loyalty, shop)
    return stack


async def lift_rates(stack: Stack, loyalty: LoyaltyClient, shop: str) -> None:
    """Lift the rates: a browser is faster than people, so tests would use up those of TRIFFT and Gorgias.

    Gorgias waits longer, since the machine may be busy.
    """
    stack.ask("PATCH", f"trifft/{shop}/settings", {"rate_limit": False})
    switches = stack.ask("GET", f"gorgias/{shop}/switches")
    stack.ask("PUT", f"gorgias/{shop}/switches", switches | {"rate_limit": False, "timeout_s": 30})
    merchant = await loyalty.get_merchant(shop, timeout_s=20)
    merchant.profile += "\n[rate]\nrequests = 100000"
    await loyalty.update_merchant(pb.UpdateMerchantRequest(merchant=merchant), ["profile"], timeout_s=20)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    path = find_chromium()
    if path is None:
        sentence = "no Chromium found: install it (Debian: apt install chromium) or set CHROMIUM to its path"
        if os.environ.get("CI"):
            pytest.fail(sentence)
        pytest.skip(sentence)
    async with async_playwright() as playwright:
        started = await playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield started
        await started.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def tab(stack: Stack, browser: Browser) -> AsyncIterator[Page]:
    """The agent's tab, one for all tests: a new one costs more CPU than most of them."""
    context = await browser.new_context(reduced_motion="reduce")
    await context.grant_permissions(["clipboard-read", "clipboard-write"], origin=stack.url)
    yield await context.new_page()
    await context.close()


@pytest_asyncio.fixture(loop_scope="session")
async def page(tab: Page, request: pytest.FixtureRequest) -> AsyncIterator[Page]:
    """The tab, 1280 pixels wide and light. Any error in its console, or in that of a tab it opens, fails the test."""
    if request.session.testsfailed:
        await tab.goto("about:blank")  # whatever a failed test has left open
    await tab.set_viewport_size(WIDE)
    await tab.emulate_media(color_scheme="light", reduced_motion="reduce")
    errors: list[str] = []

    def note_message(message: ConsoleMessage) -> None:
        if message.type == "error":
            errors.append(message.text)

    def note_error(error: WebError) -> None:
        errors.append(str(error.error))

    tab.context.on("console", note_message)
    tab.context.on("weberror", note_error)
    yield tab
    for opened in tab.context.pages[1:]:
        await opened.close()
    tab.context.remove_listener("console", note_message)
    tab.context.remove_listener("weberror", note_error)
    assert errors == []

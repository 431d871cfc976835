"""Each line of `check`, broken on purpose in the stand-ins: red for exactly that, and mended as it says."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

import pytest
import pytest_asyncio

from gateway.outbox.service import open_outbox
from tests.gateway.cli.check_cases import LINES, Case
from tests.gateway.cli.front import Front
from tests.gateway.cli.prepared import Prepared
from tests.gateway.cli.test_trifft_lines import LINES as TRIFFT_LINES
from tests.gateway.cli.whole_shop import JANA, WholeShop, run_whole_shop
from tests.gateway.helpdesk import Helpdesk, KeptHelpdesk

# Gorgias calls for the note of a press at any time. In a later test that call would disturb.
WITH_PRESSES = ("awards", "notes", "Gorgias' contract")


@asynccontextmanager
async def open_shop(folder: Path, called: Prepared, helpdesk: Helpdesk, front: Front) -> AsyncIterator[WholeShop]:
    """Open a shop that Gorgias has called and that has had a webhook: nothing is broken."""
    async with (
        called.open_installed(folder, helpdesk) as operator,
        run_whole_shop(operator, helpdesk, front) as shop,
    ):
        assert await shop.send_webhook() == 202
        yield shop


class Lender:
    """Lends one shop to one test after another. After a failed test, the next one gets a new shop."""

    def __init__(self, open_new: Callable[[], AbstractAsyncContextManager[WholeShop]]) -> None:
        self._open_new = open_new
        self._opened = AsyncExitStack()
        self._shop: WholeShop | None = None

    async def close(self) -> None:
        await self._opened.aclose()

    @asynccontextmanager
    async def lend(self, *, is_lent_on: bool = True) -> AsyncIterator[WholeShop]:
        """`is_lent_on`: whether the next test gets the same shop."""
        if self._shop is None:
            await self.close()
            self._shop = await self._opened.enter_async_context(self._open_new())
        shop, self._shop = self._shop, None
        yield shop
        self._shop = shop if is_lent_on else None


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def lender(
    tmp_path_factory: pytest.TempPathFactory, called: Prepared, kept_helpdesk: KeptHelpdesk, front: Front
) -> AsyncIterator[Lender]:
    """No worker waits long between its rounds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("loyalty_service.awards.verification.PAUSE_S", 0.0)
        patch.setattr("loyalty_service.awards.ledger.settle.FIRST_CHECK_MS", 0)
        patch.setattr("loyalty_service.awards.reconciliation.loop.PASS_S", 0.1)
        patch.setattr("loyalty_service.awards.reconciliation.claim.CHECK_AFTER_S", (0.1,) * 3)
        patch.setattr("gateway.outbox.delivery._MAX_REST_S", 0.1)
        patch.setattr("gateway.installation.accounts._REVALIDATE_S", 0.0)
        patch.setattr("gateway.app.open_outbox", partial(open_outbox, poll_s=0.2))
        made = Lender(lambda: open_shop(tmp_path_factory.mktemp("shop"), called, kept_helpdesk.renew(), front))
        yield made
        await made.close()


async def test_check_is_green_and_the_panel_shows_the_member_if_nothing_is_broken(lender: Lender) -> None:
    """Every line has its cases, so a new line fails here. If nothing is wrong, --fix writes nothing."""
    async with lender.lend() as shop:
        await see_green(shop)


async def see_green(shop: WholeShop) -> None:
    code, lines = await shop.check()
    assert set(lines) == {*TRIFFT_LINES, *LINES}, "each line has its cases"
    assert (code, [line for line in lines.values() if line["state"] != "ok" or line["advice"]]) == (0, [])
    await shop.tag()
    panel, [jana] = await shop.open_panel(), shop.project.find_members("email", JANA[1])
    shown = panel["member"][0]["points"] if panel["member"] else None
    assert (panel["status"], shown) == ("member", f"{jana.points:,}")
    shop.helpdesk.clear()
    fixed = await shop.run("check", "acme", "--fix", "--json")
    assert (fixed.code, fixed.data["state"], fixed.data["mended"]) == (0, "ok", [])
    assert [one for one in shop.helpdesk.writes if "/" in one] == []


@pytest.mark.parametrize("line", [name for name, cases in LINES.items() if any(isinstance(one, Case) for one in cases)])
async def test_line_is_red_only_for_its_own_fault_and_green_once_it_is_mended(lender: Lender, line: str) -> None:
    async with lender.lend(is_lent_on=line not in WITH_PRESSES) as shop:
        for case in LINES[line]:
            if isinstance(case, str):
                assert " " in case, "a reason in words"
            else:
                await break_and_mend(shop, line, case)


async def break_and_mend(shop: WholeShop, line: str, case: Case) -> None:
    await case.breaks(shop)
    code, lines = await shop.check()
    red = {name: found["state"] for name, found in lines.items() if found["state"] != "ok"}
    assert red == case.red, lines
    assert code == (1 if "failed" in red.values() else 0)
    assert lines[line]["advice"] or lines[line]["state"] == "unknown", lines[line]
    checked = await case.mend(shop) or await shop.run("check", "acme", "--json")
    left = [found for found in checked.data["checks"] if found["state"] != "ok"]
    assert (checked.code, left) == (0, [])

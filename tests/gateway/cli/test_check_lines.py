"""Each line of `check`, broken on purpose in the stand-ins: red for exactly that, and mended as it says."""

from collections.abc import AsyncIterator
from functools import partial

import pytest

from gateway.outbox.service import open_outbox
from tests.gateway.cli.check_cases import LINES, Case
from tests.gateway.cli.operating import Operator
from tests.gateway.cli.test_trifft_lines import LINES as TRIFFT_LINES
from tests.gateway.cli.whole_shop import WholeShop, run_whole_shop
from tests.gateway.helpdesk import Helpdesk


@pytest.fixture
async def shop(operator: Operator, helpdesk: Helpdesk, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[WholeShop]:
    """Nothing is broken: Gorgias has called, and TRIFFT has sent a webhook. Nobody rests for long."""
    monkeypatch.setattr("loyalty_service.awards.verification.PAUSE_S", 0.0)
    monkeypatch.setattr("loyalty_service.awards.ledger.settle.FIRST_CHECK_MS", 0)
    monkeypatch.setattr("loyalty_service.awards.reconciliation.loop.PASS_S", 0.1)
    monkeypatch.setattr("loyalty_service.awards.reconciliation.claim.CHECK_AFTER_S", (0.1,) * 3)
    monkeypatch.setattr("gateway.outbox.delivery._MAX_REST_S", 0.1)
    monkeypatch.setattr("gateway.app.open_outbox", partial(open_outbox, poll_s=0.2))
    async with run_whole_shop(operator, helpdesk) as running:
        await running.tag()
        assert await running.send_webhook() == 202
        yield running


async def test_all_is_green_where_nothing_is_broken_and_the_panel_shows_the_member(shop: WholeShop) -> None:
    """Every line has its cases: a new one fails here. Where nothing is wrong, --fix writes nothing."""
    code, lines = await shop.check()
    assert set(lines) == {*TRIFFT_LINES, *LINES}, "each has its cases"
    assert (code, [line for line in lines.values() if line["state"] != "ok" or line["advice"]]) == (0, [])
    panel = await shop.open_panel()
    assert (panel["status"], panel["member"][0]["points"] if panel["member"] else None) == ("member", "1,240")
    shop.helpdesk.clear()
    fixed = await shop.run("check", "acme", "--fix", "--json")
    assert (fixed.code, fixed.data["state"], fixed.data["mended"]) == (0, "ok", [])
    assert [one for one in shop.helpdesk.writes if "/" in one] == []


@pytest.mark.parametrize("line", [name for name, cases in LINES.items() if any(isinstance(one, Case) for one in cases)])
async def test_line_is_red_for_exactly_what_is_broken_and_green_once_it_is_mended(shop: WholeShop, line: str) -> None:
    for case in LINES[line]:
        if isinstance(case, str):
            assert " " in case, "a reason, in words"
            continue
        await case.breaks(shop)
        code, lines = await shop.check()
        red = {name: found["state"] for name, found in lines.items() if found["state"] != "ok"}
        assert red == case.red, lines
        assert code == (1 if "failed" in red.values() else 0)
        assert lines[line]["advice"] or lines[line]["state"] == "unknown", lines[line]
        await case.mend(shop)
        code, lines = await shop.check()
        assert (code, {name for name, found in lines.items() if found["state"] != "ok"}) == (0, set()), lines

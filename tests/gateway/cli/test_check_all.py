"""`check --all`, `--fix` and `--metrics`: every shop is told, whatever becomes of one."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from gateway.installation.store import InstallationStore
from runtime.encryption import SecretKeys
from sandbox.gorgias.faults import Fault as GorgiasFault
from sandbox.trifft.faults import Fault
from tests.gateway.cli.front import Front
from tests.gateway.cli.operating import Result
from tests.gateway.cli.prepared import Prepared, make_key
from tests.gateway.cli.terminal import open_terminal
from tests.gateway.cli.whole_shop import WholeShop, run_whole_shop
from tests.gateway.edge.shops import NOWHERE
from tests.gateway.helpdesk import Helpdesk
from tests.statements import execute


@pytest_asyncio.fixture(loop_scope="session")
async def shop(called: Prepared, tmp_path: Path, helpdesk: Helpdesk, front: Front) -> AsyncIterator[WholeShop]:
    """Gorgias has called."""
    async with (
        called.open_installed(tmp_path, helpdesk) as operator,
        run_whole_shop(operator, helpdesk, front) as running,
    ):
        yield running


async def add_bloom(shop: WholeShop) -> None:
    """Known to the loyalty service only."""
    token = shop.operator.write("bloom", "bloom-write\n")
    added = await shop.run(
        "merchant", "add", "bloom", "--trifft-url", shop.helpdesk.url, "--trifft-token-file", token, "--no-probe"
    )
    assert added.code == 0, added.err


async def install_ghost(shop: WholeShop, **changes: Any) -> None:  # noqa: ANN401 - any field
    """Known to the gateway only."""
    keys = SecretKeys([shop.operator.settings["GATEWAY_SECRET_KEYS"]])
    target = msgspec.structs.replace(shop.helpdesk.make_target(), **changes)
    assert await InstallationStore(shop.database, keys).add("ghost", target)


async def test_all_shops_are_told_worst_first_also_those_of_one_side(shop: WholeShop) -> None:
    await add_bloom(shop)
    await install_ghost(shop)
    one, told, scripted = await asyncio.gather(
        shop.run("check", "acme", "--json"), shop.run("check", "--all"), shop.run("check", "--all", "--json")
    )
    assert (one.code, told.code, scripted.code) == (0, 1, 1)
    assert told.err == "", "no bar where the standard error is no terminal"
    data = scripted.data
    assert (data["state"], data["counts"]) == ("failed", {"failed": 2, "unknown": 0, "warning": 0, "ok": 1})
    assert [(found["merchant_id"], found["state"]) for found in data["shops"]] == [
        ("bloom", "failed"),
        ("ghost", "failed"),
        ("acme", "ok"),
    ]
    alone, among = ({line["name"]: line["state"] for line in of["checks"]} for of in (one.data, data["shops"][2]))
    assert (among, data["shops"][2]["mended"]) == (alone, None)
    lines = [line.split() for line in told.out.splitlines() if line.strip()]
    assert [line[0] for line in lines[2:]] == ["bloom", "ghost", "acme", "What", "bloom:", "ghost:", "3"]
    assert "Gorgias: is not installed" in told.out
    assert "trifft-gorgias install bloom --gorgias-url URL" in told.out
    assert "trifft-gorgias merchant add ghost" in told.out
    assert "3 shops: 2 failed, 0 unknown, 0 warning, 1 ok" in told.out


async def test_one_shop_that_cannot_be_checked_stops_no_other(shop: WholeShop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its Gorgias hangs, or what is stored of it cannot be read: that is said, and the others are checked."""
    shop.helpdesk.accounts["bloom"].faults.set(GorgiasFault(kind="hang"))
    await install_ghost(shop, **msgspec.structs.asdict(shop.helpdesk.make_target("bloom")))
    with monkeypatch.context() as patch:
        for limit_s in (1, 5, 25):  # a busy machine needs longer for the other one, too
            patch.setattr("gateway.cli.check_all._SHOP_TIMEOUT_S", limit_s)
            done = await shop.run("check", "--all", "--json")
            if "ok" in {one["state"] for one in done.data["shops"]}:
                break
    assert read_ghost(done) == (1, f"was not done within {limit_s} s")
    await execute(shop.database, "UPDATE installations SET last_event_time = 'odd' WHERE merchant_id = 'ghost'")
    assert await check_ghost(shop) == (3, "could not be done (ValueError)")
    await execute(shop.database, "DELETE FROM installations WHERE merchant_id = 'ghost'")
    await InstallationStore(shop.database, SecretKeys([make_key()])).add("ghost", shop.helpdesk.make_target())
    code, words = await check_ghost(shop)
    assert (code, words.startswith("GATEWAY_SECRET_KEYS lacks the key")) == (3, True)


async def check_ghost(shop: WholeShop) -> tuple[int, str]:
    return read_ghost(await shop.run("check", "--all", "--json"))


def read_ghost(done: Result) -> tuple[int, str]:
    """The exit code, and the one line of the shop that could not be checked, beside one that could."""
    [ghost, acme] = done.data["shops"]
    [line] = ghost["checks"]
    assert (acme["merchant_id"], acme["state"], line["name"]) == ("acme", "ok", "check")
    assert line["advice"].endswith("trifft-gorgias check ghost")
    return done.code, line["detail"]


async def test_fix_of_all_mends_what_is_stored_and_says_what_it_did(shop: WholeShop) -> None:
    await add_bloom(shop)
    [integration_id] = shop.helpdesk.account.state.integrations
    shop.helpdesk.account.state.widgets.clear()
    before = await shop.run("check", "--all", "--json")
    assert [one["state"] for one in before.data["shops"]] == ["failed", "failed"]
    assert shop.helpdesk.account.state.widgets == {}, "nothing is mended without --fix"
    fixed = await shop.run("check", "--all", "--fix", "--json")
    [bloom, acme] = fixed.data["shops"]
    assert (fixed.code, bloom["mended"], acme["state"]) == (1, [], "ok")
    [widget_id] = shop.helpdesk.account.state.widgets
    assert acme["mended"] == [f"widget {widget_id} created"]
    assert shop.helpdesk.account.state.widgets[widget_id].integration_id == integration_id
    shop.helpdesk.account.state.widgets.clear()
    told = await shop.run("check", "--all", "--fix")
    assert "mended: widget " in told.out


async def test_fix_that_gorgias_refuses_says_so(shop: WholeShop) -> None:
    shop.helpdesk.account.state.widgets.clear()
    shop.helpdesk.answer("POST /widgets", {"error": {"msg": "no more widgets"}}, status=400)
    fixed = await shop.run("check", "acme", "--fix")
    assert fixed.code == 1
    assert "acme: not mended: Gorgias refuses the request (400: no more widgets)" in fixed.out


async def test_new_public_url_is_mended(shop: WholeShop) -> None:
    [integration] = shop.helpdesk.account.state.integrations.values()
    url = shop.front.inner_url
    fixed = await shop.operator.run("check", "acme", "--fix", "--json", GATEWAY_PUBLIC_URL=url)
    assert (fixed.code, fixed.data["state"]) == (0, "ok")
    assert integration.http.url.startswith(f"{url}/gorgias/widget?")
    assert (await shop.get_installation()).public_url == url


async def test_fix_moves_no_widget_to_a_server_that_is_not_ours(shop: WholeShop) -> None:
    """A wrong GATEWAY_PUBLIC_URL beside the command must not send credentials and addresses there."""
    [integration] = shop.helpdesk.account.state.integrations.values()
    shown, kept = integration.http.url, await shop.get_installation()
    for url in (shop.helpdesk.url, NOWHERE):
        fixed = await shop.operator.run("check", "acme", "--fix", "--json", GATEWAY_PUBLIC_URL=url)
        assert (fixed.code, fixed.data["mended"]) == (
            1,
            ["not mended: it would move to a public URL that does not lead to this deployment"],
        )
    assert (integration.http.url, (await shop.get_installation()).public_url) == (shown, kept.public_url)


async def test_metrics_are_as_red_as_the_check(shop: WholeShop) -> None:
    path = shop.operator.folder / "check.prom"
    await add_bloom(shop)
    shop.project.faults.set(Fault(kind="status", status=401))
    await shop.tag()
    done = await shop.run("check", "--all", "--json", "--metrics", str(path))
    values = {"ok": "0.0", "off": "0.0", "warning": "1.0", "failed": "2.0", "unknown": "3.0"}
    wanted = {
        f'trifft_gorgias_check{{check="{one["name"]}",shop="{found["merchant_id"]}"}} {values[one["state"]]}'
        for found in done.data["shops"]
        for one in found["checks"]
    }
    written = path.read_text().splitlines()
    assert {line for line in written if line.startswith("trifft_gorgias_check{")} == wanted
    assert any(line.startswith("trifft_gorgias_check_time_seconds 1.") for line in written)
    assert [one.name for one in path.parent.iterdir() if one.name.startswith("check.prom")] == ["check.prom"]
    nowhere = await shop.run("check", "--all", "--metrics", "/nowhere/check.prom")
    assert (nowhere.code, "--metrics: /nowhere/check.prom cannot be written" in nowhere.err) == (3, True)


async def test_check_says_when_it_could_not_do_its_work(shop: WholeShop) -> None:
    """A loyalty service that is away is no shop's failure; what Gorgias says is told all the same."""
    away = {"GATEWAY_LOYALTY_TARGET": "127.0.0.1:1"}
    one = await shop.operator.run("check", "acme", "--json", **away)
    lines = {line["name"]: line["state"] for line in one.data["checks"]}
    assert (one.code, lines["TRIFFT"], lines["integration"], lines["public URL"]) == (3, "failed", "ok", "ok")
    every = await shop.operator.run("check", "--all", **away)
    assert (every.code, every.out, "LOYALTY_UNAVAILABLE" in every.err) == (3, "", True)
    refused = await shop.operator.run("check", "acme", GATEWAY_LOYALTY_KEY="another")
    assert refused.code == 3


async def test_install_needs_only_what_changes(shop: WholeShop) -> None:
    before = await shop.get_installation()
    shop.helpdesk.clear()
    again = await shop.run("install", "acme")
    assert (again.code, [one for one in shop.helpdesk.writes if "/" in one]) == (0, [])
    assert "Nothing had to change there." in again.out
    plain = await shop.run("install", "acme", "--template", "conservative", "--no-notes")
    assert (plain.code, "updated: its template" in plain.out) == (0, True)
    kept = await shop.run("install", "acme")
    after = await shop.get_installation()
    assert (kept.code, after.template, after.writes_notes) == (0, "conservative", False)
    assert (after.gorgias_key, after.gorgias_user, after.gorgias_url) == (
        before.gorgias_key,
        before.gorgias_user,
        before.gorgias_url,
    )
    wrong = await shop.run("install", "acme", "--gorgias-key-file", shop.operator.write("wrong", "wrong"))
    assert (wrong.code, (await shop.get_installation()).gorgias_key) == (1, before.gorgias_key)
    elsewhere = await shop.run("install", "acme", "--gorgias-url", NOWHERE)
    assert (elsewhere.code, "uninstall it there first" in elsewhere.err) == (1, True)


async def test_first_install_names_the_options_that_it_needs(shop: WholeShop) -> None:
    await add_bloom(shop)
    bare = await shop.run("install", "bloom")
    options = "--gorgias-url, --gorgias-user, --gorgias-key-file"
    assert (bare.code, bare.err) == (
        2,
        f"trifft-gorgias: bloom is not installed yet: its first install also needs {options}\n",
    )
    partly = await shop.run("install", "bloom", "--gorgias-url", f"{shop.helpdesk.url}/gorgias/bloom")
    assert partly.err.endswith("also needs --gorgias-user, --gorgias-key-file\n")


async def test_bar_is_on_a_terminals_standard_error_alone(shop: WholeShop) -> None:
    """What a script reads from the output is whole, whatever is drawn beside it."""
    with open_terminal() as (screen, drawn):
        done = await shop.operator.run_at_terminal(screen, "check", "--all", "--json")
    assert (done.code, done.data["state"]) == (0, "ok")
    assert "checking shops" in drawn.result()

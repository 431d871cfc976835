"""An operator's day, command by command: each answer and each exit code."""

import asyncio
import json
from pathlib import Path

import msgspec
import pytest

from gateway.loyalty_client import LoyaltyClient
from protos.loyalty.v1 import loyalty_pb2 as pb
from tests.gateway.cli.operating import Operator
from tests.gateway.edge.shops import NOWHERE
from tests.gateway.helpdesk import Helpdesk


@pytest.fixture
def add(operator: Operator, helpdesk: Helpdesk) -> list[str]:
    """The arguments that add acme."""
    token = operator.write("token", "acme-write\n")
    return ["merchant", "add", "acme", "--trifft-token-file", token, "--trifft-url", helpdesk.url]


@pytest.fixture
def install(tmp_path: Path, helpdesk: Helpdesk) -> list[str]:
    """The arguments that install acme."""
    profile, key = helpdesk.account.profile, tmp_path / "key"
    key.write_text(profile.api_key)
    url = f"{helpdesk.url}/gorgias/acme"
    return ["install", "acme", "--gorgias-url", url, "--gorgias-user", profile.api_user, "--gorgias-key-file", str(key)]


async def test_operator_installs_a_shop_checks_it_and_removes_it(
    operator: Operator, helpdesk: Helpdesk, add: list[str], install: list[str]
) -> None:
    added = await operator.run(*add, "--time-zone", "Europe/Bratislava")
    assert (added.code, added.err) == (0, "")
    installed, added_again = await asyncio.gather(operator.run(*install), operator.run(*add))
    assert (installed.code, installed.err) == (0, "")
    assert (added_again.code, added_again.out) == (1, "")
    assert "merchant update acme" in added_again.err
    [integration_id] = helpdesk.account.state.integrations
    assert f"integration {integration_id} created" in installed.out

    helpdesk.clear()
    installed_again = await operator.run(*install)
    assert (installed_again.code, helpdesk.writes) == (0, [])
    assert "Nothing had to change" in installed_again.out

    checked, lost, listed = await asyncio.gather(
        operator.run("check", "acme", "--json"),
        operator.run("check", "acme", GATEWAY_SECRET_KEYS="A" * 43 + "="),
        operator.run("merchant", "list", "--json"),
    )
    assert (checked.code, checked.data["merchant_id"]) == (1, "acme")
    assert {check["name"]: check["state"] for check in checked.data["checks"]} == {
        "TRIFFT": "ok",
        "token": "ok",
        "rate": "ok",
        "breaker": "ok",
        "fields": "ok",
        "statuses": "ok",
        "contract": "ok",
        "verified": "ok",
        "public URL": "failed",  # no gateway runs here
        "Gorgias": "ok",
        "integration": "ok",
        "widget": "ok",
        "own addresses": "ok",
        "buttons": "ok",
        "notes": "ok",
        "awards": "ok",
        "last event": "unknown",
        "last error": "ok",
        "webhooks": "off",
        "Gorgias' contract": "ok",
    }
    assert (lost.code, "GATEWAY_SECRET_KEYS lacks the key" in lost.err) == (3, True)
    [merchant] = listed.data
    assert (merchant["merchant_id"], merchant["time_zone"], merchant["locale"]) == ("acme", "Europe/Bratislava", "en")
    assert (merchant["country"], merchant["country_from"]) == ("SK", "time_zone")

    uninstalled = await operator.run("uninstall", "acme")
    assert (uninstalled.code, uninstalled.err) == (0, "")
    assert (helpdesk.account.state.integrations, helpdesk.account.state.widgets) == ({}, {})
    assert (await operator.run("merchant", "remove", "acme")).code == 0


async def test_operator_looks_at_members_and_awards(added: Operator) -> None:
    shown, shown_json, nobody, empty, awards = await asyncio.gather(
        added.run("member", "show", "acme", "--email", "jana@example.com"),
        added.run("member", "show", "acme", "--email", "JANA@example.com", "--json"),
        added.run("member", "show", "acme", "--email", "nobody@example.com"),
        added.run("member", "show", "acme", "--email", ""),
        added.run("award", "list", "acme", "--json"),
    )
    assert "Jana Nováková" in shown.out
    member = shown_json.data
    assert (member["support_id"], member["points"], member["tier"]) == ("JN-4821", 1240, "Gold")
    assert (member["status"], member["coupons"][0]["state"]) == ("active", "activated")
    assert (nobody.code, nobody.err) == (1, "trifft-gorgias: acme has no loyalty member with this e-mail address\n")
    assert (empty.code, empty.err.partition(" must ")[0]) == (2, "trifft-gorgias: --email")
    assert (awards.code, awards.data) == (0, [])


async def test_operator_sees_odd_members_and_check_names_the_lines(added: Operator) -> None:
    """Each of the demo shop's odd members is shown, in text and as JSON. `check` names what it could not read."""
    names = ("undated", "suspended", "wallets", "unreadable")
    shown = await asyncio.gather(
        *(added.run("member", "show", "acme", "--email", f"{name}@example.com", "--json") for name in names)
    )
    undated, suspended, wallets, unreadable = (one.data for one in shown)
    assert [coupon["expire_time"] is None for coupon in undated["coupons"]].count(True) == 2
    assert (suspended["status"], suspended["status_word"]) == ("unknown", "suspended")
    assert (wallets["points"], wallets["wallet_state"]) == (None, "several")
    assert (unreadable["points"], unreadable["wallet_state"]) == (None, "unreadable")
    words = await asyncio.gather(
        *(added.run("member", "show", "acme", "--email", f"{name}@example.com") for name in names[1:])
    )
    for one, word in zip(words, ("unknown: TRIFFT says 'suspended'", "Several wallets", "Cannot be read"), strict=True):
        assert (one.code, word in one.out) == (0, True)

    checks = {one["name"]: one for one in (await added.run("check", "acme", "--json")).data["checks"]}
    fields = checks["fields"]
    assert (fields["state"], fields["advice"]) == ("ok", None)
    assert "member.points (points) 2x, last 20" in fields["detail"]
    assert "coupon.expire_time (valid_until) 1x, last 20" in fields["detail"]
    statuses = checks["statuses"]
    assert (statuses["state"], "'suspended' 2x" in statuses["detail"]) == ("warning", True)
    assert "trifft-gorgias merchant update acme --profile F" in statuses["advice"]


async def test_operator_sees_held_data_and_drops_it(added: Operator, helpdesk: Helpdesk) -> None:
    jana, nobody = ("--email", "jana@example.com"), ("--email", "nobody@example.com")
    empty = await added.run("snapshot", "show", "acme", *jana, "--json")
    assert (empty.data["is_held"], empty.data["member"]) == (False, None)
    shown, by_phone, _ = await asyncio.gather(
        added.run("member", "show", "acme", *jana, "--json"),
        added.run("member", "show", "acme", "--phone", "00421 900 000 000", "--json"),
        added.run("member", "show", "acme", *nobody),
    )
    assert by_phone.data["full_name"] == shown.data["full_name"]
    helpdesk.clear()
    held, printed, of_nobody, two = await asyncio.gather(
        added.run("snapshot", "show", "acme", "--member", shown.data["member_id"], "--json"),
        added.run("snapshot", "show", "acme", *jana, GATEWAY_MAX_STALENESS_S="0.001"),
        added.run("snapshot", "show", "acme", *nobody),
        added.run("snapshot", "show", "acme", *jana, "--support-id", "JN-4821"),
    )
    assert held.data["member"]["points"] == shown.data["points"]
    assert (held.data["hold_time_s"], held.data["stale_if_error_s"]) == (900, 86_400)
    for words in ("asks TRIFFT; is answered with this, as old data", "are answered with this until", "Jana Nováková"):
        assert words in printed.out
    assert "not a member" in of_nobody.out
    assert (two.code, two.err.count("--support-id")) == (2, 1)

    dropped, dropped_nobody = await asyncio.gather(
        added.run("snapshot", "drop", "acme", *jana), added.run("snapshot", "drop", "acme", *nobody)
    )
    assert (dropped.code, "asks TRIFFT" in dropped.out) == (0, True)
    assert (dropped_nobody.code, "not a member" in dropped_nobody.out) == (0, True)
    again = await added.run("snapshot", "drop", "acme", *jana)
    assert (again.code, again.out) == (0, "Nothing was held.\n")
    assert helpdesk.requests == [], "TRIFFT was asked for nothing"


async def test_operator_sets_limits_and_reasons_and_removes_them(operator: Operator, add: list[str]) -> None:
    added = await operator.run(*add, "--max-per-award", "200", "--max-per-ticket", "none", "--reason", "Late parcel")
    assert (added.code, added.err) == (0, "")
    limits = ("max_points_per_award", "max_points_per_ticket", "max_points_per_member_day")
    [merchant] = (await operator.run("merchant", "list", "--json")).data
    assert [merchant[name] for name in limits] == [200, None, None]
    assert merchant["award_reasons"] == ["Late parcel"]
    listed = (await operator.run("merchant", "list")).out
    assert "200 per award" in listed
    assert "Late parcel" in listed

    assert (merchant["hold_time_s"], merchant["stale_if_error_s"]) == (None, None)

    changes = (
        "--hold-time-s",
        "60",
        "--stale-if-error-s",
        "3600",
        "--max-per-award",
        "default",
        "--max-per-member-day",
        "300",
        "--no-reasons",
    )
    changed = await operator.run("merchant", "update", "acme", *changes)
    assert (changed.code, changed.out) == (0, "acme changed.\n")
    [merchant] = (await operator.run("merchant", "list", "--json")).data
    assert [merchant[name] for name in limits] == [500, None, 300]
    assert (merchant["hold_time_s"], merchant["stale_if_error_s"]) == (60, 3600)
    assert "60 s, 3600 s while TRIFFT fails" in (await operator.run("merchant", "list")).out
    assert merchant["award_reasons"] == []

    refused = await operator.run("merchant", "update", "acme", "--reason", "Late", "--reason", "Late parcel")
    assert (refused.code, refused.err.partition(" must ")[0]) == (2, "trifft-gorgias: --reason")
    refused = await operator.run("merchant", "update", "acme", "--hold-time-s", "86401")
    assert (refused.code, refused.err.partition(" must ")[0]) == (2, "trifft-gorgias: --hold-time-s")


async def test_operator_who_changes_reasons_or_notes_of_an_installed_shop_installs_again(
    added: Operator, helpdesk: Helpdesk, install: list[str]
) -> None:
    await added.run(*install, "--no-notes")
    changed = await added.run("merchant", "update", "acme", "--reason", "Late parcel")
    assert "an award without one of these reasons is refused, until you run: trifft-gorgias install acme" in changed.out

    stale = {one["name"]: one["state"] for one in (await added.run("check", "acme", "--json")).data["checks"]}
    assert (stale["widget"], stale["notes"]) == ("failed", "off")

    installed = await added.run(*install)
    assert "updated: its template" in installed.out
    assert "no note in their ticket, so the sidebar follows only at the next ticket event." in installed.out
    with_notes = await added.run(*install, "--notes")
    assert "Awards leave a note in their ticket." in with_notes.out
    fresh = {one["name"]: one["state"] for one in (await added.run("check", "acme", "--json")).data["checks"]}
    assert (fresh["widget"], fresh["notes"]) == ("ok", "ok")
    assert len(helpdesk.account.state.widgets) == 1


async def test_operator_lets_support_remove_points_and_forbids_it_again(
    added: Operator, helpdesk: Helpdesk, install: list[str]
) -> None:
    """`install` adds and removes the button, and `check` says that it must be run."""

    async def check() -> str:
        checks = (await added.run("check", "acme", "--json")).data["checks"]
        return str({one["name"]: one["state"] for one in checks}["widget"])

    def has_button() -> bool:
        [widget] = helpdesk.account.state.widgets.values()
        return "Remove points" in msgspec.json.encode(widget.template).decode()

    await added.run(*install)
    [merchant] = (await added.run("merchant", "list", "--json")).data
    assert (merchant["max_points_per_deduction"], await check(), has_button()) == (0, "ok", False)

    allowed = await added.run("merchant", "update", "acme", "--max-deduction-per-award", "50")
    assert 'The button "Remove points" is in Gorgias once you have run: trifft-gorgias install acme' in allowed.out
    assert (await check(), has_button()) == ("failed", False)
    await added.run(*install)
    assert (await check(), has_button()) == ("ok", True)
    assert "50 per deduction" in (await added.run("merchant", "list")).out

    forbidden = await added.run("merchant", "update", "acme", "--max-deduction-per-award", "none")
    assert 'A button "Remove points" in Gorgias is refused, and stays until you run: ' in forbidden.out
    assert await check() == "failed"
    await added.run(*install)
    [merchant] = (await added.run("merchant", "list", "--json")).data
    assert (merchant["max_points_per_deduction"], await check(), has_button()) == (0, "ok", False)


async def test_operator_follows_an_award_through_list_show_totals_and_export(added: Operator) -> None:
    member = (await added.run("member", "show", "acme", "--email", "jana@example.com", "--json")).data["member_id"]
    async with LoyaltyClient(added.settings["GATEWAY_LOYALTY_TARGET"], "inner-key") as loyalty:
        request = pb.AwardPointsRequest(
            merchant_id="acme", request_id="request-1", member_id=member, points=50, claimed_agent_email="ana@a.example"
        )
        assert (await loyalty.award_points(request, timeout_s=20)).award.state == pb.AWARD_STATE_APPLIED
    listed, others, shown, totals, exported, settled = await asyncio.gather(
        added.run("award", "list", "acme", "--agent", "ANA@a.example", "--state", "applied", "--json"),
        added.run("award", "list", "acme", "--from", "2999-01-01", "--json"),
        added.run("award", "show", "acme", "A-1", "--json"),
        added.run("award", "totals", "acme", "--by", "agent", "--json"),
        added.run("award", "export", "acme", "--to", "awards.jsonl", "--format", "jsonl"),
        added.run("award", "settle", "acme", "A-1", "not-applied", "--because", "looked"),
    )
    assert [(one["award_id"], one["balance_change"]) for one in listed.data] == [("A-1", 50)]
    assert others.data == []
    assert [change["to_state"] for change in shown.data["changes"]] == ["pending", "applied"]
    assert [(one["key"], one["points"]) for one in totals.data] == [("ana@a.example", 50)]
    assert exported.code == 0
    assert json.loads((added.folder / "awards.jsonl").read_text())["member_id"] == member
    assert (settled.code, settled.out, "AWARD_STATE" in settled.err) == (1, "", True)
    assert "trifft-gorgias award show acme A-1" in settled.err


async def test_operator_reads_in_one_line_what_failed(
    operator: Operator, helpdesk: Helpdesk, add: list[str], install: list[str]
) -> None:
    wrong = operator.write("wrong", "wrong-s3cret")
    failed = {
        "PROVIDER_CREDENTIALS": operator.run(*add[:-3], wrong, *add[-2:]),
        "trifft-gorgias merchant add acme": operator.run(*install),
        "start the loyalty service": operator.run(*install, GATEWAY_LOYALTY_TARGET="127.0.0.1:1"),
        "GATEWAY_LOYALTY_TARGET": operator.run("merchant", "list", GATEWAY_LOYALTY_TARGET="127.0.0.1:1"),
    }
    misused = {
        "--trifft-url must be https with a public host name": operator.run(*add[:-1], "http://10.0.0.1"),
        "--time-zone must be": operator.run(*add, "--time-zone", "Mars/Base"),
        "--country must be the ISO 3166 code": operator.run(*add, "--country", "Slovakia"),
        "like Europe/Bratislava or UTC": operator.run(*add, "--time-zone", "localtime"),
        "--reason must contain no {": operator.run(*add, "--reason", "{{ticket.id}}"),
    }
    results = await asyncio.gather(*failed.values(), *misused.values())
    for hint, result in zip((*failed, *misused), results, strict=True):
        assert hint in result.err
        assert (result.code, result.out) == (2 if hint in misused else 1, "")
        assert result.err.count("\n") == 1
        assert "s3cret" not in result.err
        assert ("--allow-private-url" in result.err) == ("public host name" in hint)
    assert helpdesk.requests == ["POST "]


async def test_operator_pastes_webhooks_and_replaces_their_secret(added: Operator, install: list[str]) -> None:
    early = await added.run("webhook", "show", "acme")
    assert (early.code, "trifft-gorgias install acme" in early.err) == (1, True)
    await added.run(*install)
    shown, printed = await asyncio.gather(
        added.run("webhook", "show", "acme", "--json"), added.run("webhook", "show", "acme")
    )
    assert (shown.data["url"], shown.data["header_name"]) == (
        f"{NOWHERE}/trifft/webhooks/acme",
        "X-Webhook-Secret",
    )
    assert json.loads(shown.data["templates"]["wallet_credited"]) == {
        "event": "wallet_credited",
        "member_id": "{{ member.id }}",
        "occurred_at": "{{ event.created_at | date('U') }}",
    }
    for text in (shown.data["url"], shown.data["header_value"], *shown.data["templates"].values()):
        assert text in printed.out, "each in one piece, so that it can be copied"

    rotated = await added.run("webhook", "rotate", "acme", "--json")
    assert rotated.data["header_value"] != shown.data["header_value"]
    assert rotated.data["former_expire_time"] is not None
    again = await added.run("webhook", "show", "acme", "--json")
    assert again.data["header_value"] == rotated.data["header_value"]


async def test_own_addresses_are_set_kept_and_removed(added: Operator, install: list[str]) -> None:
    """They stand beside those of Gorgias' mailboxes. New ones replace the stored ones."""

    async def count(*options: str) -> str:
        installed = await added.run("install", "acme", *options)
        assert installed.code == 0, installed.err
        checks = (await added.run("check", "acme", "--json")).data["checks"]
        [found] = [check for check in checks if check["name"] == "own addresses"]
        return str(found["detail"])

    told = await added.run(*install, "--own-address", "Hello@acme.example", "--own-address", "sales@acme.example")
    assert "Set as the shop's own: 2 addresses." in told.out
    assert await count() == "4 addresses of the shop's own: they find no member"
    assert (await count("--own-address", "new@acme.example")).startswith("3 addresses ")
    assert (await count("--empty-own-address")).startswith("2 addresses ")
    wrong = await added.run("install", "acme", "--own-address", "acme")
    assert (wrong.code, "--own-address must be an e-mail address of the shop" in wrong.err) == (2, True)

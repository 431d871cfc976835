"""Awards of a removed shop are read, summed, exported and settled as before, with times in UTC."""

import asyncio
import csv
import io
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from gateway.loyalty_client import LoyaltyClient
from protos.loyalty.v1 import loyalty_pb2 as pb
from sandbox.trifft.faults import Fault
from tests.gateway.cli.operating import Operator
from tests.gateway.cli.prepared import Prepared, open_operator
from tests.gateway.edge.shops import NOWHERE
from tests.gateway.helpdesk import KeptHelpdesk

SAID = "acme was removed, and its time zone with it: days and times are UTC.\n"
JANA = "bf428af0-bf06-4bc4-a91b-91b5bda6e211"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def ledger(
    tmp_path_factory: pytest.TempPathFactory, prepared: Prepared, migrated_file: Path, kept_helpdesk: KeptHelpdesk
) -> Path:
    """A ledger with one applied award, and one that waits to be settled."""
    folder, project = tmp_path_factory.mktemp("removed"), kept_helpdesk.renew().projects["acme"]
    async with open_operator(folder, ledger=prepared.ledger, gateway=migrated_file, public_url=NOWHERE) as operator:
        await operator.run("merchant", "update", "acme", "--time-zone", "Pacific/Kiritimati")
        async with LoyaltyClient(operator.settings["GATEWAY_LOYALTY_TARGET"], "inner-key") as loyalty:

            async def give(points: int) -> None:
                request = pb.AwardPointsRequest(
                    merchant_id="acme", request_id=f"request-{points}", member_id=JANA, points=points
                )
                while (await loyalty.award_points(request, timeout_s=30)).award.state == pb.AWARD_STATE_PENDING:
                    pass  # generous: a busy machine must answer before the award is settled

            await give(50)
            project.settings.movements = "incomplete"
            project.faults.set(Fault(kind="status", operation="credit", status=500))
            await give(70)
        assert (await operator.run("merchant", "remove", "acme")).code == 0
    return folder / "loyalty.db"


@pytest_asyncio.fixture(loop_scope="session")
async def removed(tmp_path: Path, ledger: Path, migrated_file: Path) -> AsyncIterator[Operator]:
    async with open_operator(tmp_path, ledger=ledger, gateway=migrated_file, public_url=NOWHERE) as opened:
        yield opened


async def test_awards_are_listed_shown_summed_and_exported(removed: Operator) -> None:
    listed, shown, totals, exported = await asyncio.gather(
        removed.run("award", "list", "acme"),
        removed.run("award", "show", "acme", "A-1"),
        removed.run("award", "totals", "acme", "--by", "day", "--json"),
        removed.run("award", "export", "acme", "--to", "-"),
    )
    assert [(one.code, one.err) for one in (listed, shown, totals)] == [(0, SAID)] * 3
    assert (exported.code, exported.err) == (0, f"{SAID}2 awards written.\n")
    assert [line.split()[0] for line in listed.out.splitlines() if "JN-4821" in line] == ["A-2", "A-1"]
    assert "UTC" in listed.out
    assert f"JN-4821, TRIFFT's id {JANA}" in " ".join(shown.out.split())
    assert sum(one["points"] for one in totals.data) == 50
    rows = list(csv.DictReader(io.StringIO(exported.out)))
    assert [(row["award_id"], row["member_support_id"]) for row in rows] == [("A-2", "JN-4821"), ("A-1", "JN-4821")]
    assert all(row["create_time"].endswith("+00:00") for row in rows)


async def test_awards_are_found_by_member_and_by_days_of_utc(removed: Operator, subtests: pytest.Subtests) -> None:
    for member in (JANA, "JN-4821", "jn-4821"):
        with subtests.test(member=member):
            found = await removed.run("award", "list", "acme", "--member", member, "--from", "2020-01-01", "--json")
            assert [one["award_id"] for one in found.data] == ["A-2", "A-1"]
            none = await removed.run("award", "list", "acme", "--member", member, "--from", "2999-01-01")
            assert (none.code, none.out) == (0, "acme has no such awards.\n")
    before = await removed.run("award", "export", "acme", "--to", "-", "--format", "jsonl", "--before", "2020-01-01")
    assert (before.code, before.out) == (0, "")


async def test_member_by_e_mail_is_asked_for_otherwise(removed: Operator) -> None:
    refused = await removed.run("award", "list", "acme", "--member", "jana@example.com")
    assert (refused.code, refused.out) == (1, "")
    assert "acme was removed: give the support ID of the member, or TRIFFT's id" in refused.err


@pytest.mark.parametrize("options", [(), ("--json",)])
async def test_person_settles_the_award_in_doubt(removed: Operator, options: tuple[str, ...]) -> None:
    settled = await removed.run("award", "settle", "acme", "A-2", "not-applied", "--because", "looked", *options)
    assert settled.code == 0
    shown = await removed.run("award", "show", "acme", "A-2", "--json")
    assert (shown.data["state"], shown.data["balance_change"]) == ("not_applied", 0)
    if options:
        assert json.loads(settled.out)["state"] == "not_applied"
    else:
        assert settled.out.startswith("A-2 is not applied now (+70 for JN-4821), says ")


async def test_shop_that_never_existed_is_one_line(removed: Operator) -> None:
    for command in (["list"], ["show", "A-1"], ["totals", "--by", "day"], ["export", "--to", "-"]):
        refused = await removed.run("award", command[0], "nobody", *command[1:])
        assert (refused.code, refused.out, refused.err.count("\n")) == (1, "", 1)
        assert "no shop has this id (MERCHANT_NOT_FOUND)" in refused.err

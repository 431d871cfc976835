"""A wire profile that does not fit: each command names the line, and how to correct it."""

import asyncio

from tests.gateway.cli.operating import Operator
from tests.gateway.helpdesk import Helpdesk

LINE = '[member] member_id = "uuid" found no text of 1 to 128 printable characters'
MEND = "correct that line, or --trifft-url: trifft-gorgias merchant update acme --profile F"


async def test_line_that_does_not_fit_is_named_with_how_to_correct_it(operator: Operator, helpdesk: Helpdesk) -> None:
    token, profile = (
        operator.write("token", "acme-write\n"),
        operator.write("profile", '[member]\nmember_id = "uuid"\n'),
    )
    add = ("merchant", "add", "acme", "--trifft-token-file", token, "--trifft-url", helpdesk.url)
    wrong = operator.write("wrong", '[probe]\npath = "/v1/points"\n')
    refused = await operator.run(*add, "--profile", wrong)
    assert (refused.code, '[probe] path = "/v1/points" found HTTP 404' in refused.err) == (1, True)
    assert "correct that line with --profile" in refused.err

    assert (await operator.run(*add, "--profile", profile)).code == 0
    for who in (("--email", "jana@example.com"), ("--support-id", "JN-4821")):
        shown = await operator.run("member", "show", "acme", *who)
        assert (shown.code, shown.out, shown.err.count("\n")) == (1, "", 1)
        assert f"TRIFFT's answer to find_member cannot be read: {LINE} (PROVIDER_CONTRACT): {MEND}" in shown.err

    checks = {one["name"]: one for one in (await operator.run("check", "acme", "--json")).data["checks"]}
    contract = checks["contract"]
    assert (contract["state"], LINE in contract["detail"]) == ("failed", True)
    assert contract["advice"].startswith(MEND)
    assert "member.member_id (uuid) 2x" in checks["fields"]["detail"]

    await operator.run("merchant", "update", "acme", "--profile", wrong, "--no-probe")
    checked, checked_json = await asyncio.gather(operator.run("check", "acme"), operator.run("check", "acme", "--json"))
    [trifft] = [one for one in checked_json.data["checks"] if one["name"] == "TRIFFT"]
    assert (checked.code, trifft["state"]) == (1, "failed")
    assert '[probe] path = "/v1/points" found HTTP 404' in trifft["detail"]
    assert trifft["advice"].startswith(MEND)

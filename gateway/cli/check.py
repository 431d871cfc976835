"""`trifft-gorgias check`: why a widget is empty, and what waits for a person."""

from typing import Annotated

from cyclopts import Parameter

from gateway.cli.arguments import Json, MerchantId
from gateway.cli.check_output import print_checks, render_checks
from gateway.cli.check_shop import open_checker
from gateway.cli.output import print_json
from gateway.cli.settings import load_config
from gateway.cli.ticket import check_ticket
from gateway.installation.checks import CheckState

_EXIT_CHECK_FAILED = 1


async def check(
    merchant_id: MerchantId,
    /,
    *,
    ticket: Annotated[str | None, Parameter(help="Tell the way of this ticket's panel instead: its number.")] = None,
    json: Json = False,
) -> int:
    if ticket is not None:
        return await check_ticket(merchant_id, ticket, as_json=json)
    async with open_checker(load_config()) as checker:
        checks = await checker.check(merchant_id)
    if json:
        print_json({"merchant_id": merchant_id, "checks": render_checks(checks)})
    else:
        print_checks(merchant_id, checks)
    return _EXIT_CHECK_FAILED if any(one.state is CheckState.FAILED for one in checks) else 0

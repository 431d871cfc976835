"""`trifft-gorgias check`: why a widget is empty, and what waits for a person."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from gateway.cli.arguments import Json, OptionalMerchantId
from gateway.cli.check_all import check_all
from gateway.cli.check_output import print_shop, print_shops, write_metrics
from gateway.cli.check_shop import ShopChecks, open_checker
from gateway.cli.errors import CommandError, UsageError
from gateway.cli.settings import load_config
from gateway.cli.ticket import check_ticket
from gateway.installation.checks import CheckState
from runtime.settings import ConfigError

_EXIT_CHECK_FAILED = 1
_EXIT_NOT_CHECKED = 3


async def check(  # noqa: PLR0913 - one argument per option
    merchant_id: OptionalMerchantId = None,
    /,
    *,
    every: Annotated[bool, Parameter(name="--all", negative="", help="Check all shops, worst first.")] = False,
    fix: Annotated[
        bool, Parameter(negative="", help="Mend what can be mended with what is stored, and check again.")
    ] = False,
    ticket: Annotated[str | None, Parameter(help="Tell the way of this ticket's panel instead: its number.")] = None,
    metrics: Annotated[
        Path | None, Parameter(help="With --all: also write the findings to this file, in Prometheus' text format.")
    ] = None,
    json: Json = False,
) -> int:
    if (merchant_id is None) != every:
        raise UsageError("name one shop, or --all" if merchant_id is None else "--all takes no shop: leave one out")
    if ticket is not None and (every or fix):
        raise UsageError("--ticket is for one shop, and mends nothing: leave out --all and --fix")
    if metrics is not None and not every:
        raise UsageError("--metrics is for all shops: add --all")
    try:
        if ticket is not None and merchant_id is not None:
            return await check_ticket(merchant_id, ticket, as_json=json)
        async with open_checker(load_config()) as checker:
            if merchant_id is not None:
                shops = [await checker.check(merchant_id, mends=fix)]
                print_shop(shops[0], as_json=json)
            else:
                shops = await check_all(checker, mends=fix)
                print_shops(shops, as_json=json)
        if metrics is not None:
            write_metrics(shops, metrics)
    except (ConfigError, CommandError) as error:
        raise CommandError(str(error), code=_EXIT_NOT_CHECKED) from error
    return _find_code(shops)


def _find_code(shops: Sequence[ShopChecks]) -> int:
    if not all(shop.is_whole for shop in shops):
        return _EXIT_NOT_CHECKED
    return _EXIT_CHECK_FAILED if any(shop.state is CheckState.FAILED for shop in shops) else 0

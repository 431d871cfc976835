"""`trifft-gorgias check`: why a widget is empty, and what waits for a person."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Annotated

from cyclopts import Parameter

from gateway.cli.arguments import Json, MerchantId
from gateway.cli.check_output import print_checks, render_checks
from gateway.cli.installation import make_client, make_ticket_client, open_session, open_stores
from gateway.cli.loyalty import find_merchant
from gateway.cli.output import print_json
from gateway.cli.settings import load_config
from gateway.cli.ticket import check_ticket
from gateway.cli.times import find_zone, show_time
from gateway.config import Config
from gateway.customers.checks import check_buttons
from gateway.installation.buttons import find_buttons
from gateway.installation.checks import (
    Check,
    CheckState,
    check_activity,
    check_awards,
    check_gorgias,
    make_not_installed,
)
from gateway.installation.provider import check_provider
from gateway.installation.store import Installation
from gateway.installation.verification import check_verified
from gateway.loyalty_client import LoyaltyClient
from gateway.outbox.checks import check_notes
from gateway.outbox.entries import Backlog
from protos.loyalty.v1 import loyalty_pb2 as pb

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
    config = load_config()
    async with open_stores(config) as stores:
        installation = await stores.installations.get(merchant_id)
        backlog = await stores.notes.get_backlog(merchant_id)
    async with LoyaltyClient(config.loyalty_target, config.loyalty_key) as loyalty:
        merchant = await find_merchant(loyalty, merchant_id)
        say_time = partial(show_time, zone=find_zone(merchant.time_zone) if merchant else UTC)
        provider, awards = await asyncio.gather(
            check_provider(loyalty, merchant_id, say_time), check_awards(loyalty, merchant_id, say_time)
        )
    checks = [*provider, check_verified(merchant_id, merchant, say_time)]
    if installation is None:
        checks += make_not_installed(merchant_id)
    else:
        checks += await _check_account(installation, backlog, config, merchant, say_time)
    checks.append(awards)
    checks += check_activity(installation, say_time, datetime.now(UTC))
    if json:
        print_json({"merchant_id": merchant_id, "checks": render_checks(checks)})
    else:
        print_checks(merchant_id, checks)
    return _EXIT_CHECK_FAILED if any(one.state is CheckState.FAILED for one in checks) else 0


async def _check_account(
    installation: Installation,
    backlog: Backlog,
    config: Config,
    merchant: pb.Merchant | None,
    say_time: Callable[[datetime], str],
) -> list[Check]:
    buttons = None if merchant is None else find_buttons(merchant)
    async with open_session() as session:
        client = make_client(session, installation, config)
        found = await check_gorgias(client, installation, config.public_url, buttons)
        tickets = make_ticket_client(session, installation, config)
        found.append(await check_buttons(tickets, installation))
        return [*found, await check_notes(tickets, installation, backlog, say_time)]

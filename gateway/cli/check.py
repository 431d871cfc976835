"""`trifft-gorgias check`: why a widget is empty, and what waits for a person."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

from gateway.cli.arguments import Json, MerchantId
from gateway.cli.installation import make_client, open_session, open_stores
from gateway.cli.loyalty import find_merchant
from gateway.cli.output import print_json, print_table
from gateway.cli.settings import load_config
from gateway.cli.times import find_zone, show_time
from gateway.config import Config
from gateway.customers.checks import check_buttons
from gateway.gorgias.tickets import TicketClient
from gateway.gorgias.transport import Transport
from gateway.installation.buttons import find_buttons
from gateway.installation.checks import (
    Check,
    CheckState,
    check_activity,
    check_awards,
    check_gorgias,
    check_provider,
    make_not_installed,
)
from gateway.installation.store import Installation
from gateway.installation.verification import check_verified
from gateway.loyalty_client import LoyaltyClient
from gateway.outbox.checks import check_notes
from gateway.outbox.entries import Backlog
from protos.loyalty.v1 import loyalty_pb2 as pb

_EXIT_CHECK_FAILED = 1


async def check(merchant_id: MerchantId, /, *, json: Json = False) -> int:
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
    _print_checks(merchant_id, checks, as_json=json)
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
        user, key = installation.gorgias_user, installation.gorgias_key
        transport = Transport(session, installation.gorgias_url, user, key, proxy=config.http_proxy)
        tickets = TicketClient(transport, installation.gorgias_user)
        found.append(await check_buttons(tickets, installation))
        return [*found, await check_notes(tickets, installation, backlog, say_time)]


def _print_checks(merchant_id: str, checks: list[Check], *, as_json: bool) -> None:
    if as_json:
        rendered = [
            {"name": one.name, "state": one.state.value, "detail": one.detail, "advice": one.advice or None}
            for one in checks
        ]
        print_json({"merchant_id": merchant_id, "checks": rendered})
    else:
        rows = ((one.name, one.state.value, one.detail, one.advice) for one in checks)
        print_table((merchant_id, "state", "what was found", "what to do"), rows)

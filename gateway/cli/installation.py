"""`trifft-gorgias install`, `uninstall` and `check`."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated

import aiohttp
from cyclopts import Parameter

from gateway.cli.arguments import parse_gorgias_url, parse_gorgias_user, parse_merchant_id, read_secret
from gateway.cli.errors import CommandError
from gateway.cli.merchant import AllowPrivateUrl, Json, MerchantId
from gateway.cli.output import print_json, print_line, print_table, read_time
from gateway.cli.settings import load_config
from gateway.config import Config
from gateway.database import open_database
from gateway.errors import LoyaltyCallError
from gateway.gorgias.client import GorgiasClient
from gateway.installation.advice import get_advice
from gateway.installation.checks import (
    Check,
    CheckState,
    check_activity,
    check_gorgias,
    check_provider,
    make_not_installed,
)
from gateway.installation.service import install as install_widget
from gateway.installation.service import uninstall as uninstall_widget
from gateway.installation.store import Installation, InstallationStore, Target, Template
from gateway.keys import SecretKeys
from gateway.loyalty_client import LoyaltyClient

_TIMEOUT_S = 10.0
_EXIT_CHECK_FAILED = 1


async def install(  # noqa: PLR0913 - one argument per option
    merchant_id: MerchantId,
    /,
    *,
    gorgias_url: Annotated[str, Parameter(help="The account, https://ACCOUNT.gorgias.com")],
    gorgias_user: Annotated[str, Parameter(help="E-mail address of the user whom the API key belongs to.")],
    gorgias_key_file: Annotated[Path, Parameter(help="File whose first line is the user's API key.")],
    template: Annotated[
        Template, Parameter(help="conservative: plain lines only, where an account does not draw lists.")
    ] = "list",
    allow_private_url: AllowPrivateUrl = False,
) -> None:
    """Install a shop's widget in its Gorgias account, or bring it up to date; harmless to repeat."""
    parse_merchant_id(merchant_id)
    config = load_config()
    target = Target(
        gorgias_url=parse_gorgias_url(gorgias_url, allow_private=allow_private_url),
        gorgias_user=parse_gorgias_user(gorgias_user),
        gorgias_key=read_secret(gorgias_key_file, "--gorgias-key-file"),
        template=template,
        public_url=config.public_url,
    )
    await _require_merchant(config, merchant_id)
    async with open_store(config) as store, _open_session() as session:
        client = GorgiasClient(session, target.gorgias_url, target.gorgias_user, target.gorgias_key)
        changes = await install_widget(store, client, merchant_id, target)
    for words in changes.words:
        print_line(words)
    if changes.words:
        print_line(
            f"{merchant_id} is installed in {target.gorgias_url}. Add a tag to a ticket there to see the widget."
        )
    else:
        print_line(f"{merchant_id} is installed in {target.gorgias_url}. Nothing had to change.")


async def uninstall(
    merchant_id: MerchantId,
    /,
    *,
    forget: Annotated[bool, Parameter(negative="", help="Do not ask Gorgias: the account is gone for good.")] = False,
) -> None:
    """Remove what install has made in Gorgias, and the credential; the shop itself stays."""
    parse_merchant_id(merchant_id)
    async with open_store(load_config()) as store, _open_session() as session:
        installation = await store.get(merchant_id)
        if installation is None:
            print_line(f"{merchant_id} is not installed: nothing to remove.")
            return
        if forget:
            await store.delete(merchant_id)
        else:
            await uninstall_widget(store, _make_client(session, installation), installation)
    print_line(f"{merchant_id} is uninstalled from {installation.gorgias_url}.")


async def check(merchant_id: MerchantId, /, *, json: Json = False) -> int:
    """Say why a shop's widget is empty, and what to do. Exit code 1 where a check fails."""
    parse_merchant_id(merchant_id)
    config = load_config()
    async with open_store(config) as store:
        installation = await store.get(merchant_id)
    async with LoyaltyClient(config.loyalty_target, config.loyalty_key) as loyalty:
        checks = [await check_provider(loyalty, merchant_id)]
    if installation is None:
        checks += make_not_installed(merchant_id)
    else:
        async with _open_session() as session:
            checks += await check_gorgias(_make_client(session, installation), installation, config.public_url)
    checks += check_activity(installation, read_time)
    _print_checks(merchant_id, checks, as_json=json)
    return _EXIT_CHECK_FAILED if any(one.state is CheckState.FAILED for one in checks) else 0


@asynccontextmanager
async def open_store(config: Config) -> AsyncGenerator[InstallationStore]:
    """The installations on record, in the gateway's own database."""
    keys = SecretKeys(config.secret_keys)
    async with open_database(config.database_url) as engine:
        yield InstallationStore(engine, keys)


def _open_session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())


def _make_client(session: aiohttp.ClientSession, installation: Installation) -> GorgiasClient:
    return GorgiasClient(session, installation.gorgias_url, installation.gorgias_user, installation.gorgias_key)


async def _require_merchant(config: Config, merchant_id: str) -> None:
    async with LoyaltyClient(config.loyalty_target, config.loyalty_key) as loyalty:
        try:
            await loyalty.get_merchant(merchant_id, timeout_s=_TIMEOUT_S)
        except LoyaltyCallError as error:
            advice = get_advice(error.reason, merchant_id)
            raise CommandError(f"{error.message} ({error.reason}): {advice}") from error


def _print_checks(merchant_id: str, checks: list[Check], *, as_json: bool) -> None:
    if as_json:
        rendered = [
            {"name": one.name, "state": one.state.value, "detail": one.detail, "advice": one.advice} for one in checks
        ]
        print_json({"merchant_id": merchant_id, "checks": rendered})
    else:
        rows = ((one.name, one.state.value, one.detail, one.advice) for one in checks)
        print_table((merchant_id, "state", "what was found", "what to do"), rows)

"""`trifft-gorgias install` and `uninstall`."""

from pathlib import Path
from typing import Annotated

import aiohttp
from cyclopts import Parameter

from gateway.cli.arguments import parse_gorgias_url, parse_gorgias_user, parse_merchant_id, read_secret
from gateway.cli.loyalty import TIMEOUT_S, open_loyalty
from gateway.cli.merchant import AllowPrivateUrl, MerchantId
from gateway.cli.output import print_line
from gateway.cli.settings import load_config
from gateway.cli.stores import open_stores
from gateway.config import Config
from gateway.gorgias.client import GorgiasClient
from gateway.installation.buttons import find_buttons
from gateway.installation.service import Changes
from gateway.installation.service import install as install_widget
from gateway.installation.service import uninstall as uninstall_widget
from gateway.installation.store import Installation, InstallationStore, Target, Template


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
    notes: Annotated[
        bool | None,
        Parameter(help="Whether awards leave a note in their ticket. As before unless given; at first: yes."),
    ] = None,
    allow_private_url: AllowPrivateUrl = False,
) -> None:
    """Install a shop's widget in its Gorgias account, or bring it up to date; harmless to repeat."""
    parse_merchant_id(merchant_id)
    config = load_config()
    url = parse_gorgias_url(gorgias_url, allow_private=allow_private_url)
    user = parse_gorgias_user(gorgias_user)
    key = read_secret(gorgias_key_file, "--gorgias-key-file")
    async with open_loyalty(config, merchant_id) as loyalty:
        merchant = await loyalty.get_merchant(merchant_id, timeout_s=TIMEOUT_S)
    async with open_stores(config) as (store, notes_store), open_session() as session:
        target = Target(
            gorgias_url=url,
            gorgias_user=user,
            gorgias_key=key,
            template=template,
            public_url=config.public_url,
            writes_notes=await _get_writes_notes(store, merchant_id) if notes is None else notes,
        )
        client = GorgiasClient(session, url, user, key, proxy=config.http_proxy)
        changes = await install_widget(store, client, merchant_id, target, find_buttons(merchant))
        await notes_store.hasten(merchant_id)  # whatever kept them from being written may be mended now
    _print_installed(merchant_id, target, changes)


async def uninstall(
    merchant_id: MerchantId,
    /,
    *,
    forget: Annotated[bool, Parameter(negative="", help="Do not ask Gorgias: the account is gone for good.")] = False,
) -> None:
    """Remove what install has made in Gorgias, and the credential; the shop itself stays."""
    parse_merchant_id(merchant_id)
    config = load_config()
    async with open_stores(config) as (store, _), open_session() as session:
        installation = await store.get(merchant_id)
        if installation is None:
            print_line(f"{merchant_id} is not installed: nothing to remove.")
            return
        if forget:
            await store.delete(merchant_id)
        else:
            await uninstall_widget(store, make_client(session, installation, config), installation)
    print_line(f"{merchant_id} is uninstalled from {installation.gorgias_url}.")


def open_session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())


def make_client(session: aiohttp.ClientSession, installation: Installation, config: Config) -> GorgiasClient:
    user, key = installation.gorgias_user, installation.gorgias_key
    return GorgiasClient(session, installation.gorgias_url, user, key, proxy=config.http_proxy)


async def _get_writes_notes(store: InstallationStore, merchant_id: str) -> bool:
    """As it is; yes where nothing is installed yet."""
    installation = await store.get(merchant_id)
    return installation is None or installation.writes_notes


def _print_installed(merchant_id: str, target: Target, changes: Changes) -> None:
    for words in changes.words:
        print_line(words)
    next_words = "Add a tag to a ticket there to see the widget." if changes.words else "Nothing had to change there."
    print_line(f"{merchant_id} is installed in {target.gorgias_url}. {next_words}")
    if target.writes_notes:
        print_line("Awards leave a note in their ticket.")
    else:
        print_line("Awards leave no note in their ticket, so the sidebar follows only at the next ticket event.")

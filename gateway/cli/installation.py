"""`trifft-gorgias install` and `uninstall`, and the gateway's database for other commands."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import aiohttp
import msgspec
from cyclopts import Parameter

from gateway.cli.arguments import (
    AllowPrivateUrl,
    MerchantId,
    parse_gorgias_url,
    parse_gorgias_user,
    parse_own_address,
    read_secret,
)
from gateway.cli.errors import CommandError, UsageError
from gateway.cli.loyalty import TIMEOUT_S, open_loyalty
from gateway.cli.output import print_line
from gateway.cli.settings import load_config
from gateway.config import Config
from gateway.database import open_database
from gateway.events.store import EventStore
from gateway.gorgias.client import GorgiasClient
from gateway.gorgias.errors import GorgiasError
from gateway.gorgias.tickets import TicketClient
from gateway.gorgias.transport import Transport
from gateway.installation.buttons import find_buttons
from gateway.installation.mailboxes import count_addresses
from gateway.installation.service import Changes, InstallError
from gateway.installation.service import install as install_widget
from gateway.installation.service import uninstall as uninstall_widget
from gateway.installation.store import Installation, InstallationStore, Target, Template
from gateway.installation.webhook_secrets import WebhookSecrets
from gateway.links.store import LinkStore
from gateway.outbox.store import OutboxStore
from runtime.database import DatabaseError
from runtime.encryption import SecretKeyError, SecretKeys

# The options that the first install needs, by field of the target.
_ACCOUNT_OPTIONS = {
    "gorgias_url": "--gorgias-url",
    "gorgias_user": "--gorgias-user",
    "gorgias_key": "--gorgias-key-file",
}


class Stores(NamedTuple):
    """The stores in the gateway's own database."""

    installations: InstallationStore
    notes: OutboxStore
    webhook_secrets: WebhookSecrets
    events: EventStore
    links: LinkStore


async def install(  # noqa: PLR0913 - one argument per option
    merchant_id: MerchantId,
    /,
    *,
    gorgias_url: Annotated[str | None, Parameter(help="The account: https://ACCOUNT.gorgias.com")] = None,
    gorgias_user: Annotated[
        str | None, Parameter(help="E-mail address of the user whom the API key belongs to.")
    ] = None,
    gorgias_key_file: Annotated[Path | None, Parameter(help="File whose first line is the user's API key.")] = None,
    template: Annotated[
        Template | None,
        Parameter(
            help="list, or conservative: plain lines only, for an account that does not draw lists. At first: list."
        ),
    ] = None,
    notes: Annotated[
        bool | None, Parameter(help="Whether awards leave a note in their ticket. At first: they do.")
    ] = None,
    own_address: Annotated[
        list[str] | None,
        Parameter(
            help="E-mail address of the shop itself, beside those that Gorgias names. It finds no member. May be "
            "repeated; those that are given replace those that are stored. --empty-own-address: none."
        ),
    ] = None,
    allow_private_url: AllowPrivateUrl = False,
) -> None:
    config = load_config()
    given: dict[str, Any] = {"template": template, "writes_notes": notes}
    if own_address is not None:
        given["own_addresses"] = tuple(parse_own_address(one) for one in own_address)
    if gorgias_url is not None:
        given["gorgias_url"] = parse_gorgias_url(gorgias_url, allow_private=allow_private_url)
    if gorgias_user is not None:
        given["gorgias_user"] = parse_gorgias_user(gorgias_user)
    if gorgias_key_file is not None:
        given["gorgias_key"] = read_secret(gorgias_key_file, "--gorgias-key-file")
    async with open_loyalty(merchant_id) as loyalty:
        merchant = await loyalty.get_merchant(merchant_id, timeout_s=TIMEOUT_S)
    async with open_stores(config) as stores, open_session() as session:
        installed = await stores.installations.get(merchant_id)
        target = _make_target(merchant_id, installed, config, given)
        client = make_client(session, target, config)
        changes = await install_widget(stores.installations, client, merchant_id, target, find_buttons(merchant))
        await stores.notes.retry_failed(merchant_id)  # the cause of their failure may be corrected now
    _print_installed(merchant_id, target, changes)


async def uninstall(
    merchant_id: MerchantId,
    /,
    *,
    forget: Annotated[bool, Parameter(negative="", help="Do not ask Gorgias: the account is gone for good.")] = False,
) -> None:
    config = load_config()
    async with open_stores(config) as stores, open_session() as session:
        installation = await stores.installations.get(merchant_id)
        if installation is None:
            print_line(f"{merchant_id} is not installed: nothing to remove.")
            return
        if forget:
            await stores.installations.delete(merchant_id)
        else:
            await uninstall_widget(stores.installations, make_client(session, installation, config), installation)
    print_line(f"{merchant_id} is uninstalled from {installation.gorgias_url}.")


def make_present_target(installation: Installation, config: Config) -> Target:
    """The stored target, at the present public URL."""
    fields = {name: getattr(installation, name) for name in Target.__struct_fields__}
    return Target(**fields | {"public_url": config.public_url})


@asynccontextmanager
async def open_stores(config: Config) -> AsyncGenerator[Stores]:
    """Raises CommandError if the database cannot be used, or no key decrypts its secrets."""
    keys = SecretKeys(config.secret_keys)
    try:
        async with open_database(config.database_url) as database:
            yield Stores(
                InstallationStore(database, keys),
                OutboxStore(database),
                WebhookSecrets(database, keys),
                EventStore(database, keys),
                LinkStore(database, keys),
            )
    except DatabaseError as error:
        raise CommandError(str(error)) from error
    except SecretKeyError as error:
        raise CommandError(f"GATEWAY_SECRET_KEYS {error}") from error


@asynccontextmanager
async def open_session() -> AsyncGenerator[aiohttp.ClientSession]:
    """A session for calls to Gorgias. An error in the block becomes a CommandError."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        try:
            yield session
        except (GorgiasError, InstallError) as error:
            raise CommandError(str(error)) from error


def make_client(session: aiohttp.ClientSession, account: Installation | Target, config: Config) -> GorgiasClient:
    user, key = account.gorgias_user, account.gorgias_key
    return GorgiasClient(session, account.gorgias_url, user, key, proxy=config.http_proxy)


def make_ticket_client(session: aiohttp.ClientSession, installation: Installation, config: Config) -> TicketClient:
    user, key = installation.gorgias_user, installation.gorgias_key
    return TicketClient(Transport(session, installation.gorgias_url, user, key, proxy=config.http_proxy), user)


def _make_target(merchant_id: str, installed: Installation | None, config: Config, given: Mapping[str, Any]) -> Target:
    """`given`: what the options say, by field; None: not given, so what is stored stays. Raises UsageError."""
    fields = {name: value for name, value in given.items() if value is not None}
    if installed is not None:
        return msgspec.structs.replace(make_present_target(installed, config), **fields)
    missing = [option for name, option in _ACCOUNT_OPTIONS.items() if name not in fields]
    if missing:
        raise UsageError(f"{merchant_id} is not installed yet: its first install also needs {', '.join(missing)}")
    return Target(**{"template": "list", "public_url": config.public_url} | fields)


def _print_installed(merchant_id: str, target: Target, changes: Changes) -> None:
    for words in changes.words:
        print_line(words)
    next_words = "Add a tag to a ticket there to see the widget." if changes.words else "Nothing had to change there."
    print_line(f"{merchant_id} is installed in {target.gorgias_url}. {next_words}")
    if target.own_addresses:
        print_line(
            f"Set as the shop's own: {count_addresses(len(target.own_addresses))}. Gorgias' mailboxes count, too."
        )
    if target.writes_notes:
        print_line("Awards leave a note in their ticket.")
    else:
        print_line("Awards leave no note in their ticket, so the sidebar follows only at the next ticket event.")

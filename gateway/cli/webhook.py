"""`trifft-gorgias webhook`: the texts that a shop pastes into TRIFFT's Admin so that we learn of changes."""

from datetime import datetime

from cyclopts import App

from gateway.cli.arguments import Json, MerchantId
from gateway.cli.errors import CommandError
from gateway.cli.installation import Stores, open_stores
from gateway.cli.output import print_json, print_line
from gateway.cli.settings import load_config
from gateway.installation.advice import render_install_command
from gateway.installation.store import Installation
from gateway.webhooks.events import EVENTS, SECRET_HEADER, WEBHOOK_ROUTE, render_template

app = App(name="webhook")


@app.command(help="Print what to paste into TRIFFT's Admin: address, secret header, a body for each event.")
async def show(merchant_id: MerchantId, /, *, json: Json = False) -> None:
    config = load_config()
    async with open_stores(config) as stores:
        await stores.webhook_secrets.make(merchant_id)
        installation = await _get(stores, merchant_id)
    _print(installation, config.public_url, as_json=json)


@app.command(help="Make a new secret and print it. The old secret still works for a day.")
async def rotate(merchant_id: MerchantId, /, *, json: Json = False) -> None:
    config = load_config()
    async with open_stores(config) as stores:
        expire_time = await stores.webhook_secrets.rotate(merchant_id)
        installation = await _get(stores, merchant_id)
    _print(installation, config.public_url, as_json=json, former_expire_time=expire_time)


async def _get(stores: Stores, merchant_id: str) -> Installation:
    installation = await stores.installations.get(merchant_id)
    if installation is None:
        raise CommandError(f"{merchant_id} is not installed: {render_install_command(merchant_id)} first")
    return installation


def _print(
    installation: Installation, public_url: str, *, as_json: bool, former_expire_time: datetime | None = None
) -> None:
    url, secret = (
        public_url + WEBHOOK_ROUTE.format(merchant=installation.merchant_id),
        installation.webhook_secret or "",
    )
    if as_json:
        print_json(
            {
                "merchant_id": installation.merchant_id,
                "url": url,
                "header_name": SECRET_HEADER,
                "header_value": secret,
                "former_expire_time": former_expire_time.isoformat() if former_expire_time else None,
                "templates": {event: render_template(event) for event in EVENTS},
                "last_webhook": installation.last_webhook or None,
            }
        )
        return
    print_line("In TRIFFT's Admin, add a webhook for each of the events below, with this address and header:")
    print_line(f"  URL:    {url}")
    print_line(f"  Header: {SECRET_HEADER}")
    print_line(f"  Value:  {secret}")
    print_line("(or HTTP Basic: any user, and the value as the password). The body of each:")
    for event, name in EVENTS.items():  # not a table: a narrow terminal would break its cells
        print_line(f"{name}:")
        print_line(f"  {render_template(event)}")
    print_line("Other events change nothing in the sidebar, and are ignored.")
    if former_expire_time is not None:
        until = f"{former_expire_time:%Y-%m-%d %H:%M} UTC"
        print_line(f"The old secret is accepted until {until}: replace it in all of the shop's webhooks.")

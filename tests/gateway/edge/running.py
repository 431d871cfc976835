"""The gateway on a real port, with `acme` installed, whose tickets are in the stand-in of Gorgias."""

import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
from aiohttp import web
from google.protobuf.timestamp_pb2 import Timestamp
from yarl import URL

from gateway.__main__ import listen, make_runner
from gateway.actions.link_token import LINK_TOKENS, LinkTokens
from gateway.actions.token import TOKENS, AwardTokens, Panel, UndoPanel
from gateway.app import create_app
from gateway.config import Config
from gateway.customers.identity import FoundBy, Identity
from gateway.gorgias.widget_url import render_widget_url
from gateway.installation.store import Target
from runtime.clock import SystemClock
from runtime.settings import Listen
from tests.gateway.edge.shops import KEY, move_acme, read_secrets
from tests.gateway.helpdesk import run_helpdesk

NOW = datetime(2026, 11, 23, 12, 55, tzinfo=UTC)
# The customer of ticket 4711 in the stand-in of Gorgias.
JANA = "jana@example.com"
# The customer of two tickets, 4726 and 4727.
PETER = "peter@example.com"
# Generous time-outs: a busy machine must not look like a server that hangs.
ACTION_TIMEOUT_S = 30.0


class StoppedClock(SystemClock):
    def now(self) -> datetime:
        return NOW


@dataclass(frozen=True)
class Gateway:
    """A running gateway as one installed shop, `merchant_id`, sees it."""

    url: str
    merchant_id: str
    credential: str
    webhook_secret: str
    session: aiohttp.ClientSession
    tokens: "PanelTokens"

    def make_widget_url(
        self, email: str, *, ticket_id: str = "4711", customer_id: str = "101", credential: str | None = None
    ) -> str:
        """Make the URL that `install` puts into Gorgias, with unencoded values. `credential`: of another shop."""
        values = {"ticket.id": ticket_id, "ticket.customer.id": customer_id, "ticket.customer.email": email}
        template = render_widget_url(self.url, self.credential if credential is None else credential)
        return re.sub(r"\{\{([a-z.]+)\}\}", lambda variable: values[variable[1]], template)

    async def get_widget(
        self,
        email: str = "jana@example.com",
        *,
        token: str | None = None,
        ticket_id: str = "4711",
        customer_id: str = "101",
    ) -> aiohttp.ClientResponse:
        """Ask for a widget. `email` is sent unencoded. `token`: the credential of another shop."""
        url = self.make_widget_url(email, ticket_id=ticket_id, customer_id=customer_id, credential=token)
        return await self.session.get(URL(url, encoded=True))

    async def press(self, **values: str) -> aiohttp.ClientResponse:
        """Press the button for points, as a form. Without a given token it gets a new panel's token."""
        form = {"award_token": self.tokens.make("member-1"), "points": "100", "ticket_id": "4711", **values}
        return await self.post("award-points", form)

    async def press_deduct(self, **values: str) -> aiohttp.ClientResponse:
        """Press the button that removes points in the same way."""
        token = self.tokens.make("member-1", debit=True)
        form = {"deduct_token": token, "points": "50", "reason": "Correction", "ticket_id": "4711", **values}
        return await self.post("deduct-points", form)

    async def press_undo(self, **values: str) -> aiohttp.ClientResponse:
        """Press the button that undoes in the same way."""
        form = {"undo_token": self.tokens.make_undo("A-10482"), "ticket_id": "4711", **values}
        return await self.post("undo-award", form)

    async def post(self, action: str, form: dict[str, str]) -> aiohttp.ClientResponse:
        """Press any button, as a form."""
        headers = {"Authorization": f"Bearer {self.credential}"}
        return await self.session.post(f"{self.url}/gorgias/actions/{action}", data=form, headers=headers)


class PanelTokens:
    """Makes tokens of Jana's panels, with data from NOW, unless another address is given.

    They belong to this gateway's shop, `merchant_id`, unless another `shop` is given.
    """

    def __init__(self, tokens: AwardTokens, links: LinkTokens, merchant_id: str) -> None:
        self.tokens = tokens
        self.links = links
        self._merchant_id = merchant_id

    def make(self, member_id: str, email: str = JANA, *, debit: bool = False, shop: str = "") -> str:
        merchant_id, time = shop or self._merchant_id, make_time(NOW)
        found_by = Identity(FoundBy.EMAIL, email)
        return self.tokens.make(merchant_id, member_id, found_by=found_by, fetch_time=time, debit=debit)

    def make_undo(self, award_id: str, email: str = JANA, *, shop: str = "") -> str:
        found_by = Identity(FoundBy.EMAIL, email)
        return self.tokens.make_undo(shop or self._merchant_id, award_id, found_by=found_by, fetch_time=make_time(NOW))

    def parse(self, text: str, *, debit: bool = False) -> Panel:
        return self.tokens.parse(text, self._merchant_id, NOW, debit=debit)

    def parse_undo(self, text: str) -> UndoPanel:
        return self.tokens.parse_undo(text, self._merchant_id, NOW)


def make_time(time: datetime) -> Timestamp:
    made = Timestamp()
    made.FromDatetime(time)
    return made


@asynccontextmanager
async def run_gateway(
    folder: Path, target: str, *, gorgias: Target | None = None, **settings: object
) -> AsyncIterator[Gateway]:
    """Run a gateway on port 0 and the database in `folder`. `gorgias`: the Gorgias of `acme`, instead of a stand-in."""
    path = folder / "gateway.db"
    async with AsyncExitStack() as stack:
        if gorgias is None:
            helpdesk = await stack.enter_async_context(run_helpdesk())
            helpdesk.make_room()
            gorgias = helpdesk.make_target()
        move_acme(path, gorgias)
        credential, webhook_secret = read_secrets(path)
        app, url = await stack.enter_async_context(serve(path, target, **settings))
        session = await stack.enter_async_context(aiohttp.ClientSession())
        yield Gateway(
            url=url,
            merchant_id="acme",
            credential=credential,
            webhook_secret=webhook_secret,
            session=session,
            tokens=PanelTokens(app[TOKENS], app[LINK_TOKENS], "acme"),
        )


@asynccontextmanager
async def serve(path: Path, target: str, **settings: object) -> AsyncIterator[tuple[web.Application, str]]:
    """Serve a gateway on this database; yield it and its URL. `target`: the loyalty service."""
    settings = {"widget_timeout_s": 20.0, "read_timeout_s": 18.0, "action_timeout_s": ACTION_TIMEOUT_S} | settings
    config = Config(
        database_url=f"sqlite:///{path}",
        secret_keys=(KEY,),
        loyalty_target=target,
        loyalty_key="inner-key",
        **settings,  # type: ignore[arg-type]
    )
    runner = make_runner(create_app(config, StoppedClock()))
    try:
        await runner.setup()
        server = await listen(runner, Listen("127.0.0.1", 0))
        yield runner.app, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        server.close()
    finally:
        await runner.cleanup()

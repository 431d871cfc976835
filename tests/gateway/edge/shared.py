"""One gateway for all tests: each test has a shop of its own there, with an account and a script."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from gateway.actions.link_token import LINK_TOKENS, LinkTokens
from gateway.actions.token import TOKENS, AwardTokens
from gateway.database import open_database
from gateway.installation.store import InstallationStore
from gateway.installation.webhook_secrets import WebhookSecrets
from runtime.database import Database
from tests.gateway.edge.running import Gateway, PanelTokens, serve
from tests.gateway.edge.scripted import ScriptedLoyalty, run_scripts
from tests.gateway.edge.shops import KEYS
from tests.gateway.helpdesk import Helpdesk, Helpdesks
from tests.statements import fetch_rows


@dataclass(frozen=True)
class Shop:
    """An installed shop: the gateway as it sees it, its Gorgias, and what the loyalty service answers for it."""

    gateway: Gateway
    helpdesk: Helpdesk
    scripted: ScriptedLoyalty
    database: Database

    async def list_notes(self) -> list[dict[str, object]]:
        """The notes that are on record."""
        return await fetch_rows(
            self.database,
            f"SELECT * FROM ticket_notes WHERE merchant_id = '{self.gateway.merchant_id}'",  # noqa: S608 - our own name
        )


class Edge:
    """The shared gateway, before one stand-in of Gorgias and one scripted loyalty service."""

    def __init__(self, database: Database, helpdesks: Helpdesks, session: aiohttp.ClientSession) -> None:
        self._database = database
        self._store = InstallationStore(database, KEYS)
        self._helpdesks = helpdesks
        self._session = session
        self._scripts: dict[str, ScriptedLoyalty] = {}
        self.url = ""
        self.tokens: AwardTokens
        self.link_tokens: LinkTokens

    def get_script(self, merchant_id: str) -> ScriptedLoyalty:
        return self._scripts[merchant_id]

    @asynccontextmanager
    async def open_shop(self) -> AsyncIterator[Shop]:
        merchant_id = f"shop-{len(self._scripts)}"
        scripted = self._scripts[merchant_id] = ScriptedLoyalty()
        helpdesk = self._helpdesks.open(merchant_id)
        await self._store.add(merchant_id, helpdesk.make_target())
        await WebhookSecrets(self._database, KEYS).make(merchant_id)
        installation = await self._store.get(merchant_id)
        assert installation is not None
        gateway = Gateway(
            url=self.url,
            merchant_id=merchant_id,
            credential=installation.credential,
            webhook_secret=installation.webhook_secret or "",
            session=self._session,
            tokens=PanelTokens(self.tokens, self.link_tokens, merchant_id),
        )
        yield Shop(gateway, helpdesk, scripted, self._database)
        await self._store.delete(merchant_id)  # nobody waits for its notes


@asynccontextmanager
async def run_edge(path: Path) -> AsyncIterator[Edge]:
    """`path`: a migrated database."""
    helpdesks = Helpdesks()
    async with (
        helpdesks.run(),
        open_database(f"sqlite:///{path}") as database,
        aiohttp.ClientSession() as session,
    ):
        edge = Edge(database, helpdesks, session)
        async with AsyncExitStack() as stack:
            target = await stack.enter_async_context(run_scripts(edge.get_script))
            served = serve(path, target, gorgias_requests=1_000_000)
            app, edge.url = await stack.enter_async_context(served)
            edge.tokens, edge.link_tokens = app[TOKENS], app[LINK_TOKENS]
            yield edge

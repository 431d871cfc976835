"""The stand-in of Gorgias on a free port, with a log of what it was asked and faults on the way."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import web
from aiohttp.typedefs import Handler

from gateway.installation.store import Target
from sandbox.app import ACCOUNTS, TRIFFT, create_app
from sandbox.config import Config
from sandbox.gorgias.account import Account
from sandbox.trifft import Project

PUBLIC_URL = "https://edge.example"


@dataclass
class Helpdesk:
    """`requests` are "METHOD path" of the REST calls. `lose_request` and `lose_answer` break the n-th call from 0."""

    url: str = ""
    accounts: dict[str, Account] = field(default_factory=dict)
    projects: Mapping[str, Project] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    lose_request: int | None = None
    lose_answer: int | None = None

    @property
    def writes(self) -> list[str]:
        return [request for request in self.requests if not request.startswith("GET")]

    @property
    def account(self) -> Account:
        return self.accounts["acme"]

    def clear(self) -> None:
        """Forget the calls, and break nothing any more."""
        self.requests.clear()
        self.lose_request = self.lose_answer = None

    def make_target(self, account: str = "acme", **changes: Any) -> Target:  # noqa: ANN401 - any field
        profile = self.accounts[account].profile
        fields: dict[str, Any] = {
            "gorgias_url": f"{self.url}/gorgias/{account}",
            "gorgias_user": profile.api_user,
            "gorgias_key": profile.api_key,
            "template": "list",
            "public_url": PUBLIC_URL,
        }
        return Target(**(fields | changes))

    @web.middleware
    async def break_calls(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        number = len(self.requests)
        self.requests.append(f"{request.method} {request.path.partition('/api')[2]}")
        if number == self.lose_request:
            _hang_up(request)
        response = await handler(request)
        if number == self.lose_answer:
            _hang_up(request)
        return response


@asynccontextmanager
async def run_helpdesk() -> AsyncIterator[Helpdesk]:
    helpdesk = Helpdesk()
    app = create_app(Config(host="127.0.0.1", port=0))
    app.middlewares.append(helpdesk.break_calls)
    helpdesk.accounts, helpdesk.projects = app[ACCOUNTS], app[TRIFFT].projects
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        helpdesk.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield helpdesk
    finally:
        await runner.cleanup()


def _hang_up(request: web.Request) -> None:
    assert request.transport is not None
    request.transport.abort()
    raise aiohttp.ClientConnectionResetError

"""The stand-in of Gorgias on a free port, with a log of requests, and faults of the connection."""

import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler

from gateway.installation.store import Target
from sandbox.app import ACCOUNTS, TRIFFT, create_app
from sandbox.config import Config
from sandbox.gorgias.account import Account
from sandbox.gorgias.admission import CALL_LIMIT_HEADER
from sandbox.gorgias.customer import Channel, Customer
from sandbox.gorgias.seed import make_accounts
from sandbox.gorgias.ticket import Ticket
from sandbox.trifft import Project, make_demo_projects

PUBLIC_URL = "https://edge.example"


@dataclass
class Helpdesk:
    """`requests` are "METHOD path" of the REST calls. `lose_request` and `lose_answer` break the n-th call from 0.

    `answers`: other answers, by request; see `answer`. `has_room`: the account has no rate limit. `shop`: the name of
    the default account.
    """

    url: str = ""
    shop: str = "acme"
    accounts: dict[str, Account] = field(default_factory=dict)
    projects: Mapping[str, Project] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    lose_request: int | None = None
    lose_answer: int | None = None
    answers: dict[str, Callable[[], web.Response]] = field(default_factory=dict)
    has_room: bool = False

    def answer(self, request: str, body: object = None, *, status: int = 200, **headers: str) -> None:
        """Answer this "METHOD path" as the stand-in never would. `body`: bytes, or a value to send as JSON."""
        raw = body if isinstance(body, bytes) else msgspec.json.encode(body)
        self.answers[request] = lambda: web.Response(
            body=raw, status=status, headers=headers, content_type="application/json"
        )

    @property
    def writes(self) -> list[str]:
        return [request for request in self.requests if not request.startswith("GET")]

    @property
    def account(self) -> Account:
        return self.accounts[self.shop]

    def clear(self) -> None:
        """Forget the calls, and end all faults."""
        self.requests.clear()
        self.answers.clear()
        self.lose_request = self.lose_answer = None

    def make_target(self, account: str = "", **changes: Any) -> Target:  # noqa: ANN401 - any field
        account = account or self.shop
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
        substitute = self.answers.get(self.requests[number])
        response = substitute() if substitute else await handler(request)
        if number == self.lose_answer:
            _hang_up(request)
        if self.has_room:
            response.headers.pop(CALL_LIMIT_HEADER, None)
        return response

    def make_room(self) -> None:
        self.has_room = True
        self.account.state.switches = msgspec.structs.replace(self.account.state.switches, rate_limit=False)

    def add_ticket(self, email: str | None, *channels: tuple[str, str]) -> Ticket:
        """Add a ticket of a new customer. `channels`: type and address of all but that of `email`."""
        account = self.account
        others = [Channel(type=kind, address=address) for kind, address in channels]
        customer = Customer(id=account.make_id(), name="Somebody", email=email, other_channels=others)
        ticket = msgspec.structs.replace(account.state.tickets[4711], id=account.make_id(), customer_id=customer.id)
        account.state.customers[customer.id], account.state.tickets[ticket.id] = customer, ticket
        return ticket


class Helpdesks:
    """One stand-in for many shops. Each has an account like that of `acme`, with its own faults and log."""

    def __init__(self) -> None:
        self._app = create_app(Config(host="127.0.0.1", port=0))
        self._app.middlewares.append(self._break_calls)
        self._of_shop: dict[str, Helpdesk] = {}

    @asynccontextmanager
    async def run(self) -> AsyncIterator[None]:
        async with _serve(self._app) as self._url:
            yield

    def open(self, shop: str) -> Helpdesk:
        """Open an account without a rate limit."""
        accounts = self._app[ACCOUNTS]
        accounts[shop] = make_accounts(None, time.time, lambda: None)["acme"]
        self._of_shop[shop] = opened = Helpdesk(self._url, shop, accounts)
        opened.make_room()
        return opened

    @web.middleware
    async def _break_calls(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        return await self._of_shop[request.path.split("/")[2]].break_calls(request, handler)


class KeptHelpdesk:
    """One stand-in with one URL for many tests. Each test gets it in its initial state."""

    def __init__(self) -> None:
        self._app = create_app(Config(host="127.0.0.1", port=0))
        self._app.middlewares.append(self._break_calls)

    @asynccontextmanager
    async def run(self) -> AsyncIterator[None]:
        async with _serve(self._app) as self.url:
            yield

    def renew(self, *, has_room: bool = True) -> Helpdesk:
        """`has_room`: its accounts have no rate limit."""
        accounts, projects = self._app[ACCOUNTS], self._app[TRIFFT].projects
        for account in accounts.values():
            account.faults.clear()  # this releases calls that hang
        for project in projects.values():
            project.faults.clear()
        accounts.update(make_accounts(None, time.time, lambda: None))
        projects.update({project.project_id: project for project in make_demo_projects()})
        self._lent = Helpdesk(self.url, accounts=accounts, projects=projects)
        if has_room:
            self._lent.make_room()
        return self._lent

    @web.middleware
    async def _break_calls(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        return await self._lent.break_calls(request, handler)


@asynccontextmanager
async def run_helpdesk() -> AsyncIterator[Helpdesk]:
    app = create_app(Config(host="127.0.0.1", port=0))
    helpdesk = Helpdesk(accounts=app[ACCOUNTS], projects=app[TRIFFT].projects)
    app.middlewares.append(helpdesk.break_calls)
    async with _serve(app) as helpdesk.url:
        yield helpdesk


def _serve(app: web.Application) -> AbstractAsyncContextManager[str]:
    return serve_runner(web.AppRunner(app, access_log=None, shutdown_timeout=1))


@asynccontextmanager
async def serve_runner(runner: web.AppRunner) -> AsyncIterator[str]:
    """Yield its URL."""
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def _hang_up(request: web.Request) -> None:
    assert request.transport is not None
    request.transport.abort()
    raise aiohttp.ClientConnectionResetError

"""The sandbox as one aiohttp application."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable

import aiohttp
import msgspec
from aiohttp import web

from sandbox.config import Config
from sandbox.gorgias.account import Account
from sandbox.gorgias.page_api import PageApi
from sandbox.gorgias.page_customers import PageCustomers
from sandbox.gorgias.rest import create_rest_app
from sandbox.gorgias.seed import encode_accounts, make_accounts
from sandbox.gorgias.triggers import Triggers
from sandbox.page.routes import add_page_routes
from sandbox.shops import render_shops
from sandbox.state import StateFile
from sandbox.trifft import Trifft, add_trifft_routes, make_demo_projects

ACCOUNTS = web.AppKey("accounts", dict[str, Account])
TRIFFT = web.AppKey("trifft", Trifft)
MAX_BODY_BYTES = 1 << 20
RETRY_DELAY_S = 0.5
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def create_app(
    config: Config, clock: Callable[[], float] = time.time, retry_delay_s: float = RETRY_DELAY_S
) -> web.Application:
    """`clock` returns UNIX time in seconds. Raises OSError or msgspec.DecodeError for an unusable state file."""
    app = web.Application(client_max_size=MAX_BODY_BYTES, middlewares=[require_json])
    state = StateFile(config.state_file)
    accounts = make_accounts(state.get_part("gorgias"), clock, state.mark_changed)
    trifft = make_trifft(state, clock)
    state.add_part("gorgias", lambda: encode_accounts(accounts))
    session = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())
    triggers = Triggers(session, retry_delay_s)

    async def run_gorgias(_app: web.Application) -> AsyncIterator[None]:
        yield
        await triggers.close()
        await session.close()

    async def end_streams(_app: web.Application) -> None:
        for account in accounts.values():
            account.updates.close()

    async def list_shops(_request: web.Request) -> web.Response:
        shops = render_shops(accounts.values(), trifft)
        return web.Response(body=msgspec.json.encode(shops), content_type="application/json")

    app[ACCOUNTS], app[TRIFFT] = accounts, trifft
    app.cleanup_ctx.extend((state.keep, run_gorgias))
    app.on_shutdown.append(end_streams)
    app.on_response_prepare.append(add_security_headers)
    app.router.add_get("/healthz", answer_healthy)
    app.router.add_get("/sandbox/shops", list_shops)
    PageApi(accounts, triggers, session).add_routes(app.router)
    PageCustomers(accounts, triggers).add_routes(app.router)
    app.add_subapp("/gorgias/", create_rest_app(accounts, triggers))
    add_trifft_routes(app, trifft)
    add_page_routes(app)
    return app


def make_trifft(state: StateFile, clock: Callable[[], float]) -> Trifft:
    kept = state.get_part("trifft")
    trifft = Trifft.from_json(kept, clock) if kept else Trifft(make_demo_projects(), clock)
    trifft.on_change = state.mark_changed
    state.add_part("trifft", trifft.to_json)
    return trifft


@web.middleware
async def require_json(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse changes that are not JSON: a foreign web page can send a form to us, but no JSON."""
    changes = request.path.startswith("/sandbox/") and request.method not in ("GET", "HEAD")
    if changes and request.content_type != "application/json":
        raise web.HTTPUnsupportedMediaType(text="Content-Type must be application/json.")
    return await handler(request)


async def add_security_headers(_request: web.Request, response: web.StreamResponse) -> None:
    response.headers.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY)
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("Referrer-Policy", "no-referrer")


async def answer_healthy(_request: web.Request) -> web.Response:
    return web.Response(text="ok")

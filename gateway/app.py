"""The gateway as an aiohttp application: its routes and its resources."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

from aiohttp import web

from gateway.actions.award import handle_award_points, handle_deduct_points
from gateway.actions.limiter import LIMITER, ActionsLimiter
from gateway.actions.link import handle_link_member
from gateway.actions.link_token import LINK_TOKENS, LinkTokens
from gateway.actions.refusals import REFUSALS, LastRefusals
from gateway.actions.token import TOKENS, AwardTokens
from gateway.actions.undo import handle_undo_award
from gateway.actions.unlink import handle_unlink_member
from gateway.clock import CLOCK
from gateway.config import CONFIG, Config
from gateway.customers.lookup import Customers
from gateway.customers.own_addresses import OwnAddresses
from gateway.customers.ownership import OWNERSHIP, Ownership
from gateway.customers.search import SERVICES, Services
from gateway.customers.ticket_customer import TICKET_CUSTOMERS, TicketCustomers
from gateway.database import open_database
from gateway.events.service import EVENTS, Events
from gateway.events.store import EventStore
from gateway.gorgias.widget_url import WIDGET_ROUTE
from gateway.http.authentication import CREDENTIALS
from gateway.http.middlewares import answer_errors, make_observer
from gateway.http.probe import PROBE_KEYS, handle_probe
from gateway.installation.accounts import Accounts
from gateway.installation.credentials import Credentials
from gateway.installation.probe import PROBE_ROUTE, ProbeKeys
from gateway.installation.store import InstallationStore
from gateway.installation.webhook_secrets import SECRET_PREFIX, WebhookSecrets
from gateway.links.service import LINKS, Links
from gateway.links.store import LinkStore
from gateway.loyalty_client import CLIENT, LoyaltyClient
from gateway.merchants import MERCHANTS, Merchants
from gateway.metrics import METRICS, Metrics
from gateway.outbox.service import OUTBOX, open_outbox
from gateway.outbox.subjects import Subjects
from gateway.webhooks.events import WEBHOOK_ROUTE
from gateway.webhooks.handler import WEBHOOK_SECRETS, handle_webhook
from gateway.widget.handler import handle_widget
from gateway.widget.template import AWARD_ROUTE, DEDUCT_ROUTE, LINK_ROUTE, UNDO_ROUTE, UNLINK_ROUTE
from runtime.clock import SystemClock
from runtime.database import DatabaseError
from runtime.encryption import SecretKeys
from runtime.metrics import METRICS_ROUTE, render_metrics

STORE = web.AppKey("store", InstallationStore)
MAX_BODY_BYTES = 64 * 1024
_MERCHANT_TIMEOUT_S = 0.5


def create_app(config: Config, clock: SystemClock | None = None) -> web.Application:
    """Build without starting; the stores and channels open with the application."""
    metrics = Metrics()
    app = web.Application(middlewares=[make_observer(metrics), answer_errors], client_max_size=MAX_BODY_BYTES)
    app[CONFIG] = config
    app[CLOCK] = clock or SystemClock()
    app[METRICS] = metrics
    app[LIMITER] = ActionsLimiter(config.actions_per_minute)
    app[REFUSALS] = LastRefusals()
    app.router.add_get(WIDGET_ROUTE, handle_widget)
    app.router.add_post(AWARD_ROUTE, handle_award_points)
    app.router.add_post(DEDUCT_ROUTE, handle_deduct_points)
    app.router.add_post(UNDO_ROUTE, handle_undo_award)
    app.router.add_post(LINK_ROUTE, handle_link_member)
    app.router.add_post(UNLINK_ROUTE, handle_unlink_member)
    app.router.add_post(WEBHOOK_ROUTE, handle_webhook)
    app.router.add_get(PROBE_ROUTE, handle_probe)
    app.router.add_get("/healthz", _handle_health)
    app.router.add_get("/readyz", _handle_ready)
    app.router.add_get(METRICS_ROUTE, _handle_metrics)
    app.cleanup_ctx.append(_open_edge)
    return app


async def _open_edge(app: web.Application) -> AsyncIterator[None]:
    config, registry = app[CONFIG], app[METRICS].registry
    async with AsyncExitStack() as stack:
        keys = SecretKeys(config.secret_keys)
        database = await stack.enter_async_context(open_database(config.database_url))
        store = InstallationStore(database, keys)
        await store.check_keys()
        client = await stack.enter_async_context(LoyaltyClient(config.loyalty_target, config.loyalty_key))
        merchants = await stack.enter_async_context(Merchants(client, timeout_s=_MERCHANT_TIMEOUT_S))
        app[STORE] = store
        app[PROBE_KEYS] = ProbeKeys(keys)
        app[CREDENTIALS] = await stack.enter_async_context(Credentials(store))
        app[WEBHOOK_SECRETS] = await stack.enter_async_context(
            Credentials(WebhookSecrets(database, keys), prefix=SECRET_PREFIX)
        )
        app[EVENTS] = await stack.enter_async_context(Events(EventStore(database, keys), store, registry))
        app[CLIENT] = client
        app[MERCHANTS] = merchants
        app[LINK_TOKENS] = LinkTokens(keys.derive("link-token"), life_s=config.award_token_life_s)
        app[TOKENS] = AwardTokens(keys.derive("award-token"), life_s=config.award_token_life_s)
        accounts = await stack.enter_async_context(
            Accounts(store, requests=config.gorgias_requests, proxy=config.http_proxy)
        )
        link_store = LinkStore(database, keys)
        links = app[LINKS] = Links(link_store)
        app[SERVICES] = Services(
            loyalty=client,
            customers=await stack.enter_async_context(Customers(accounts)),
            own_addresses=OwnAddresses(store),
            links=links,
            clock=app[CLOCK],
            max_staleness_s=config.max_staleness_s,
            time_s=config.read_timeout_s,
        )
        app[TICKET_CUSTOMERS] = TicketCustomers(accounts)
        app[OWNERSHIP] = Ownership(accounts, links)
        subjects = Subjects(client, merchants, link_store)
        app[OUTBOX] = await stack.enter_async_context(
            open_outbox(database, accounts, subjects, registry, press_life_s=config.award_token_life_s)
        )
        yield


async def _handle_health(_request: web.Request) -> web.Response:
    """Healthy: the process answers."""
    return web.json_response({"status": "ok"})


async def _handle_ready(request: web.Request) -> web.Response:
    """Ready: the gateway's own database answers. A loyalty service that is down must not stop the widget's 200."""
    try:
        await request.app[STORE].ping()
    except DatabaseError:
        return web.json_response({"status": "the gateway's database does not answer"}, status=503)
    return web.json_response({"status": "ok"})


async def _handle_metrics(request: web.Request) -> web.Response:
    return render_metrics(request.app[METRICS].registry)

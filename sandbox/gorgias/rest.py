"""The REST API of every account, under `/gorgias/{account}/api/`."""

from collections.abc import Mapping

from aiohttp import web

from sandbox.gorgias import customers_api, integrations_api, tickets_api, widgets_api
from sandbox.gorgias.account import Account
from sandbox.gorgias.admission import Admission, Handler
from sandbox.gorgias.faults import Exchanges
from sandbox.gorgias.triggers import TRIGGERS, Triggers

ROUTES: tuple[tuple[str, str, Handler], ...] = (
    ("POST", "integrations", integrations_api.create_integration),
    ("GET", "integrations", integrations_api.list_integrations),
    ("GET", "integrations/{id}", integrations_api.get_integration),
    ("PUT", "integrations/{id}", integrations_api.update_integration),
    ("DELETE", "integrations/{id}", integrations_api.delete_integration),
    ("POST", "widgets", widgets_api.create_widget),
    ("GET", "widgets", widgets_api.list_widgets),
    ("GET", "widgets/{id}", widgets_api.get_widget),
    ("PUT", "widgets/{id}", widgets_api.update_widget),
    ("DELETE", "widgets/{id}", widgets_api.delete_widget),
    ("GET", "tickets", tickets_api.list_tickets),
    ("GET", "tickets/{id}", tickets_api.get_ticket),
    ("PUT", "tickets/{id}", tickets_api.update_ticket),
    ("POST", "tickets/{id}/messages", tickets_api.create_message),
    ("GET", "messages", tickets_api.list_messages),
    ("PUT", "customers/merge", customers_api.merge_customers),
    ("GET", "customers/{id}", customers_api.get_customer),
)
"""Each route works with and without a slash at its end. A fault names a call by its function."""


def create_rest_app(accounts: Mapping[str, Account], triggers: Triggers) -> web.Application:
    exchanges = Exchanges()
    admission = Admission(accounts, exchanges)

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        return await admission.handle(request, handler)

    app = web.Application(middlewares=[guard])

    async def end_held(_app: web.Application) -> None:
        for account in accounts.values():
            account.faults.clear()

    app[TRIGGERS] = triggers
    app.cleanup_ctx.append(exchanges.finish)
    app.on_shutdown.append(end_held)
    for method, path, handler in ROUTES:
        app.router.add_route(method, f"/{{account}}/api/{path}{{slash:/?}}", handler, name=handler.__name__)
    app.router.add_route("*", "/{account}/{rest:.*}", answer_not_found)
    return app


async def answer_not_found(_request: web.Request) -> web.Response:
    raise web.HTTPNotFound

"""REST: `/api/widgets`."""

from typing import Any

import msgspec
from aiohttp import web

from sandbox.gorgias.account import Account
from sandbox.gorgias.admission import ACCOUNT
from sandbox.gorgias.errors import GorgiasError, check_fields, make_json, read_object
from sandbox.gorgias.integration import Widget
from sandbox.gorgias.pagination import make_page, read_id
from sandbox.gorgias.read_back import spell

FIELDS = frozenset({"context", "type", "integration_id", "app_id", "order", "deactivated_datetime", "template"})
REQUIRED = frozenset({"type", "template"})
CONTEXTS = frozenset({"ticket", "customer", "user"})


async def create_widget(request: web.Request) -> web.Response:
    account, body = request[ACCOUNT], await read_object(request)
    widget = _parse(account, body, account.make_id(), account.get_time())
    return _store(account, widget, status=201)


async def list_widgets(request: web.Request) -> web.Response:
    """Includes widgets of other programs, whatever the filter: it is not known whether Gorgias filters them."""
    account, wanted = request[ACCOUNT], request.query.get("integration_id")
    widgets = (widget for _, widget in sorted(account.state.widgets.items()))
    found = [_render(account, widget) for widget in widgets if not wanted or str(widget.integration_id) == wanted]
    return make_page(request, account.list_foreign().widgets + found)


async def get_widget(request: web.Request) -> web.Response:
    return make_json(_render(request[ACCOUNT], _find(request)))


async def update_widget(request: web.Request) -> web.Response:
    """An update has all fields; a field that is left out gets its default."""
    account, widget, body = request[ACCOUNT], _find(request), await read_object(request)
    return _store(account, _parse(account, body, widget.id, widget.created_datetime), status=200)


async def delete_widget(request: web.Request) -> web.Response:
    account, widget = request[ACCOUNT], _find(request)
    del account.state.widgets[widget.id]
    account.save("sidebar")
    return web.Response(status=204)


def _find(request: web.Request) -> Widget:
    widget = request[ACCOUNT].state.widgets.get(read_id(request))
    if widget is None:
        raise GorgiasError(404, "Widget not found.")
    return widget


def _store(account: Account, widget: Widget, status: int) -> web.Response:
    account.state.widgets[widget.id] = widget
    account.save("sidebar")
    return make_json(_render(account, widget), status=status)


def _parse(account: Account, body: dict[str, Any], widget_id: int, created_datetime: str) -> Widget:
    """Raises GorgiasError 400 that names each bad field."""
    check_fields(body, FIELDS, REQUIRED)
    given = {name: value for name, value in body.items() if value is not None}
    known = {"id": widget_id, "created_datetime": created_datetime, "updated_datetime": account.get_time()}
    defaults = {"context": "ticket", "integration_id": None, "app_id": None, "order": 0}
    try:
        widget = msgspec.convert(defaults | given | known, Widget)
    except msgspec.ValidationError as error:
        raise GorgiasError(400, "Failed to validate the request.", {"body": [str(error)]}) from error
    data: dict[str, list[str]] = {}
    if widget.context not in CONTEXTS:
        data["context"] = ["Not a valid choice."]
    if widget.type == "http" and widget.integration_id not in account.state.integrations:
        data["integration_id"] = ["There is no such integration."]
    if not isinstance(widget.template.get("widgets"), list):
        data["template"] = ["Must hold a list of widgets."]
    if data:
        raise GorgiasError(400, "Failed to validate the request.", data)
    return widget


def _render(account: Account, widget: Widget) -> dict[str, Any]:
    rendered: dict[str, Any] = msgspec.to_builtins(widget)
    return spell(rendered | {"uri": f"/api/widgets/{widget.id}/"}, account.state.switches.read_back)

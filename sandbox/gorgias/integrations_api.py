"""REST: `/api/integrations`. Only HTTP integrations can be created, read one by one, and changed."""

from typing import Any

import msgspec
from aiohttp import web

from sandbox.gorgias.account import Account, EmailIntegration
from sandbox.gorgias.admission import ACCOUNT
from sandbox.gorgias.errors import GorgiasError, check_fields, make_json, read_object
from sandbox.gorgias.integration import METHODS, TRIGGERS, HttpSettings, Integration
from sandbox.gorgias.pagination import make_page, read_id
from sandbox.gorgias.read_back import spell

CREATE_FIELDS = frozenset({"name", "description", "type", "http"})
UPDATE_FIELDS = CREATE_FIELDS | {"deactivated_datetime"}
HTTP_REQUIRED = ("url", "method", "request_content_type", "response_content_type")


async def create_integration(request: web.Request) -> web.Response:
    account, body = request[ACCOUNT], await read_object(request)
    check_fields(body, CREATE_FIELDS, frozenset({"name", "type", "http"}))
    http, now = _parse(body), account.get_time()
    integration = Integration(
        id=account.make_id(),
        name=body["name"],
        description=body.get("description"),
        http=http,
        created_datetime=now,
        updated_datetime=now,
    )
    account.state.integrations[integration.id] = integration
    account.save("sidebar")
    return make_json(_render(account, integration), status=201)


async def list_integrations(request: web.Request) -> web.Response:
    """The HTTP integrations and the mailboxes, unless `type` names one kind.

    Includes HTTP integrations of other programs, whatever the filter.
    """
    account, wanted = request[ACCOUNT], request.query.get("type")
    mailboxes = [_render_mailbox(mailbox) for mailbox in account.profile.mailboxes]
    ours = [_render(account, item) for _, item in sorted(account.state.integrations.items())]
    found = [record for record in mailboxes + ours if wanted in (None, record["type"])]
    return make_page(request, account.list_foreign().integrations + found)


async def get_integration(request: web.Request) -> web.Response:
    return make_json(_render(request[ACCOUNT], _find(request)))


async def update_integration(request: web.Request) -> web.Response:
    """Update `name` and the whole `http` object; a null `deactivated_datetime` switches the integration on."""
    account, integration, body = request[ACCOUNT], _find(request), await read_object(request)
    check_fields(body, UPDATE_FIELDS, frozenset({"name", "http"}))
    integration.http = _parse(body)
    integration.name = body["name"]
    integration.description = body.get("description", integration.description)
    integration.updated_datetime = account.get_time()
    if "deactivated_datetime" in body:
        integration.deactivated_datetime = body["deactivated_datetime"]
        integration.failures = 0
    account.save("sidebar")
    return make_json(_render(account, integration))


async def delete_integration(request: web.Request) -> web.Response:
    account, integration = request[ACCOUNT], _find(request)
    del account.state.integrations[integration.id]
    account.drop_held(integration.id)
    account.save("sidebar")
    return web.Response(status=204)


def _find(request: web.Request) -> Integration:
    integration = request[ACCOUNT].state.integrations.get(read_id(request))
    if integration is None:
        raise GorgiasError(404, "Integration not found.")
    return integration


def _parse(body: dict[str, Any]) -> HttpSettings:
    """Raises GorgiasError 400 that names each bad field."""
    data: dict[str, list[str]] = {}
    if body.get("type", "http") != "http":
        data["type"] = ["Only http integrations can be created over the API."]
    data |= {name: ["Not a valid text."] for name in ("name", "description") if not _is_text(body.get(name, ""))}
    if not _is_text(body.get("deactivated_datetime")):
        data["deactivated_datetime"] = ["Not a valid datetime."]
    http = body["http"] if isinstance(body["http"], dict) else {}
    data |= {f"http.{n}": ["Missing data for required field."] for n in HTTP_REQUIRED if not http.get(n)}
    try:
        settings = msgspec.convert({"headers": {}, "triggers": {}} | _drop_nulls(http), HttpSettings)
    except msgspec.ValidationError as error:
        raise GorgiasError(400, "Failed to validate the request.", data or {"http": [str(error)]}) from error
    if settings.method not in METHODS and "http.method" not in data:
        data["http.method"] = ["Not a valid choice."]
    unknown = sorted(name for name in settings.triggers if name.replace("_", "-") not in TRIGGERS)
    data |= {f"http.triggers.{name}": ["Unknown field."] for name in unknown}
    if data:
        raise GorgiasError(400, "Failed to validate the request.", data)
    return settings


def _is_text(value: object) -> bool:
    return value is None or isinstance(value, str)


def _drop_nulls(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _render_mailbox(mailbox: EmailIntegration) -> dict[str, Any]:
    """The shape is assumed."""
    return {
        "id": mailbox.id,
        "uri": f"/api/integrations/{mailbox.id}/",
        "name": mailbox.name,
        "type": mailbox.type,
        "meta": {"address": mailbox.address},
        "deactivated_datetime": None,
    }


def _render(account: Account, integration: Integration) -> dict[str, Any]:
    record = {
        "id": integration.id,
        "uri": f"/api/integrations/{integration.id}/",
        "name": integration.name,
        "description": integration.description,
        "type": "http",
        "http": msgspec.to_builtins(integration.http) | {"id": integration.id},
        "created_datetime": integration.created_datetime,
        "updated_datetime": integration.updated_datetime,
        "deactivated_datetime": integration.deactivated_datetime,
        "user": {"email": account.profile.api_user},
    }
    return spell(record, account.state.switches.read_back)

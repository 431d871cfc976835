"""The stand-in's own JSON API under /sandbox/trifft/, for the page: settings, switches, webhook, logs.

Answers are JSON; a refusal is {"message": a sentence that says what to do}. A body is JSON of at most 64 KiB with a
JSON content type, which also keeps out forms of other sites.
"""

from collections import Counter
from collections.abc import Awaitable, Callable

import msgspec
from aiohttp import web

from sandbox.trifft import edits, wire
from sandbox.trifft.body import read_body
from sandbox.trifft.errors import ApiError
from sandbox.trifft.faults import Fault
from sandbox.trifft.project import Project, Settings, Webhook
from sandbox.trifft.trifft import Trifft

_MAX_SHOWN = 200

_Run = Callable[[web.Request], Awaitable[object]]


async def read_json(request: web.Request) -> bytes:
    """Raise ApiError 413, 415."""
    if request.content_type != "application/json":
        raise ApiError(415, "Send the body as application/json.")
    return await read_body(request)


def get_project(trifft: Trifft, request: web.Request) -> Project:
    """Raise ApiError 404."""
    try:
        return trifft.projects[request.match_info["project"]]
    except KeyError:
        raise ApiError(404, f"Name one of the projects {', '.join(trifft.projects)}.") from None


def add_admin_route(app: web.Application, method: str, path: str, run: _Run) -> None:
    """Serve the result of `run` as JSON. An ApiError, or a body that does not fit, becomes {"message"}."""

    async def handle(request: web.Request) -> web.Response:
        try:
            status, answer = 200, await run(request)
        except ApiError as error:
            status, answer = error.status, {"message": error.message}
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            status, answer = 400, {"message": f"Correct the body and send it again: {error}."}
        return web.Response(status=status, body=wire.encode(answer), content_type="application/json")

    app.router.add_route(method, f"/sandbox/trifft/{path}", handle)


def add_project_routes(app: web.Application, trifft: Trifft) -> None:
    """Add the routes of projects; those of their members are in admin_members."""
    admin = _ProjectAdmin(trifft)
    add_admin_route(app, "GET", "projects", admin.list_projects)
    add_admin_route(app, "GET", "{project}/settings", admin.get_settings)
    add_admin_route(app, "PATCH", "{project}/settings", admin.change_settings)
    add_admin_route(app, "GET", "{project}/faults", admin.list_faults)
    add_admin_route(app, "POST", "{project}/faults", admin.set_fault)
    add_admin_route(app, "DELETE", "{project}/faults", admin.clear_faults)
    add_admin_route(app, "DELETE", "{project}/faults/{fault}", admin.clear_faults)
    add_admin_route(app, "GET", "{project}/webhook", admin.get_webhook)
    add_admin_route(app, "PUT", "{project}/webhook", admin.set_webhook)
    add_admin_route(app, "DELETE", "{project}/webhook", admin.remove_webhook)
    add_admin_route(app, "GET", "{project}/requests", admin.list_requests)
    add_admin_route(app, "DELETE", "{project}/requests", admin.clear_requests)


class _ProjectAdmin:
    def __init__(self, trifft: Trifft) -> None:
        self._trifft = trifft

    async def list_projects(self, _: web.Request) -> object:
        return [self._render_settings(project) for project in self._trifft.projects.values()]

    async def get_settings(self, request: web.Request) -> object:
        return self._render_settings(get_project(self._trifft, request))

    async def change_settings(self, request: web.Request) -> object:
        """Change settings. The body has only those to change."""
        project = get_project(self._trifft, request)
        settings = edits.merge(project.settings, await read_json(request), Settings)
        if not settings.rate_limit:
            project.rate.clear()
        project.state.settings = settings
        self._trifft.saved_state_changed()
        return self._render_settings(project)

    async def list_faults(self, request: web.Request) -> object:
        return [switch.render() for switch in get_project(self._trifft, request).faults.list()]

    async def set_fault(self, request: web.Request) -> object:
        project = get_project(self._trifft, request)
        return project.faults.set(msgspec.json.decode(await read_json(request), type=Fault)).render()

    async def clear_faults(self, request: web.Request) -> object:
        """Clear one fault, or all."""
        project = get_project(self._trifft, request)
        if not project.faults.clear(request.match_info.get("fault")):
            raise ApiError(404, "This fault is not set any more; reload the list.")
        return [switch.render() for switch in project.faults.list()]

    async def get_webhook(self, request: web.Request) -> object:
        return _render_webhook(get_project(self._trifft, request))

    async def set_webhook(self, request: web.Request) -> object:
        project = get_project(self._trifft, request)
        project.state.webhook = msgspec.json.decode(await read_json(request), type=Webhook)
        self._trifft.saved_state_changed()
        return _render_webhook(project)

    async def remove_webhook(self, request: web.Request) -> object:
        project = get_project(self._trifft, request)
        project.state.webhook = None
        self._trifft.saved_state_changed()
        return _render_webhook(project)

    async def list_requests(self, request: web.Request) -> object:
        """The newest requests first, and the count of each operation."""
        entries = list(get_project(self._trifft, request).requests)
        counts = Counter(entry.operation or "unknown" for entry in entries)
        return {"counts": counts, "requests": entries[: -_MAX_SHOWN - 1 : -1]}

    async def clear_requests(self, request: web.Request) -> object:
        get_project(self._trifft, request).requests.clear()
        return await self.list_requests(request)

    def _render_settings(self, project: Project) -> wire.Json:
        now = self._trifft.clock()
        tokens = [
            {
                "token": token,
                "kind": kind,
                "recent_requests": project.rate.count(token, now),
                "blocked_for_s": project.rate.blocked_for(token, now),
            }
            for token, kind in project.state.tokens.items()
        ]
        return {
            "project_id": project.project_id,
            "display_name": project.state.display_name,
            "member_count": len(project.members),
            "settings": project.settings,
            "tokens": tokens,
            "coupons": list(project.state.coupons.values()),
        }


def _render_webhook(project: Project) -> wire.Json:
    """Render the webhook with its deliveries, newest first."""
    return {"webhook": project.state.webhook, "deliveries": list(project.deliveries)[: -_MAX_SHOWN - 1 : -1]}

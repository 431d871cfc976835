"""TRIFFT's API as a server. Each request passes token, rate limit, role and fault switches, in this order."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import msgspec
from aiohttp import web

from sandbox import connection
from sandbox.faults import Switch
from sandbox.trifft import wire
from sandbox.trifft.access import TokenKind, check_access
from sandbox.trifft.admin import add_project_routes
from sandbox.trifft.admin_members import add_member_routes
from sandbox.trifft.body import MAX_BODY_BYTES, read_body
from sandbox.trifft.errors import ApiError
from sandbox.trifft.faults import Fault
from sandbox.trifft.operations import Call, Route, make_routes
from sandbox.trifft.project import LoggedRequest, Project
from sandbox.trifft.trifft import Trifft

_HTML = "<!DOCTYPE html><html><head><title>TRIFFT</title></head><body><h1>Something went wrong</h1></body></html>"

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def create_trifft_app(trifft: Trifft) -> web.Application:
    """The stand-in as its own application, for a test's server on port 0."""
    app = web.Application(client_max_size=MAX_BODY_BYTES)
    add_trifft_routes(app, trifft)
    return app


def add_trifft_routes(app: web.Application, trifft: Trifft) -> None:
    """Add /v1/… and /sandbox/trifft/…; the app's shutdown releases held requests."""
    running: set[asyncio.Task[web.StreamResponse]] = set()
    for route in make_routes():
        app.router.add_route(route.method, route.path, _make_handler(trifft, route, running))
    app.router.add_route("*", "/v1/{rest:.*}", _make_handler(trifft, None, running))
    add_project_routes(app, trifft)
    add_member_routes(app, trifft)

    async def serve_webhooks(_: web.Application) -> AsyncIterator[None]:
        trifft.closing = False
        trifft.webhooks.open()
        yield
        await asyncio.gather(*running, return_exceptions=True)
        await trifft.webhooks.close()

    async def end_held(_: web.Application) -> None:
        trifft.closing = True

    app.cleanup_ctx.append(serve_webhooks)
    app.on_shutdown.append(end_held)


def _make_handler(trifft: Trifft, route: Route | None, running: set[asyncio.Task[web.StreamResponse]]) -> _Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        found = trifft.find_token(token)
        if found is None:
            return _answer(ApiError(401))
        project, kind = found
        entry = _log(trifft, project, kind, request, route)
        try:
            body = await read_body(request)
        except ApiError as error:
            entry.status = error.status
            return _answer(error)
        exchange = _Exchange(trifft, project, request, entry)
        # A call takes effect even if its client leaves: a test's server would cancel this handler.
        task = asyncio.create_task(exchange.answer(route, token, body))
        running.add(task)
        task.add_done_callback(running.discard)
        return await asyncio.shield(task)

    return handle


def _log(trifft: Trifft, project: Project, kind: TokenKind, request: web.Request, route: Route | None) -> LoggedRequest:
    entry = LoggedRequest(
        operation=route.operation if route else None,
        method=request.method,
        path=request.path_qs,
        time=trifft.clock(),
        token_kind=kind,
    )
    project.requests.append(entry)
    return entry


class _Exchange:
    """One request with a known token, until its answer."""

    def __init__(self, trifft: Trifft, project: Project, request: web.Request, entry: LoggedRequest) -> None:
        self._trifft = trifft
        self._project = project
        self._request = request
        self._entry = entry

    async def answer(self, route: Route | None, token: str, body: bytes) -> web.StreamResponse:
        response = await self._answer(route, token, body)
        if not connection.has_left(self._request):
            self._entry.status = response.status
        return response

    async def _answer(self, route: Route | None, token: str, body: bytes) -> web.StreamResponse:
        if self._project.settings.rate_limit and not self._project.rate.admit(token, self._trifft.clock()):
            return _answer(ApiError(429))
        if route is None:
            return _answer(ApiError(404))
        try:
            check_access(self._entry.token_kind, route.operation)
        except ApiError as error:
            return _answer(error)
        latency, switch = self._project.faults.take(route.operation)
        if latency is not None:
            await connection.wait(self._ended(latency), latency.fault.pause_s)
        if switch is not None:
            self._entry.fault = switch.fault.kind
            if switch.fault.acts_first and (response := await self._strike(switch)) is not None:
                return response
        outcome = self._run(route, body)
        if switch is None or switch.fault.acts_first:
            return _answer(outcome, self._project)
        return await self._spoil(switch, outcome)

    def _run(self, route: Route, body: bytes) -> object:
        """Return the answer's data, or the ApiError instead of it."""
        call = Call(
            trifft=self._trifft,
            project=self._project,
            member_id=self._request.match_info.get("member_id", ""),
            query=self._request.query,
            body=body,
        )
        try:
            return route.run(call)
        except ApiError as error:
            return error

    async def _strike(self, switch: Switch[Fault]) -> web.Response | None:
        """Return the fault's answer instead of the call's; None: the call was held and continues."""
        fault = switch.fault
        if fault.kind == "hang":
            ended = self._ended(switch)
            await connection.wait(lambda: ended() or connection.has_left(self._request))
            return _answer(ApiError(503)) if self._trifft.closing or connection.has_left(self._request) else None
        if fault.kind == "html":
            return web.Response(status=fault.status or 200, text=_HTML, content_type="text/html")
        if fault.kind == "status" and fault.status is not None:
            return _answer(ApiError(fault.status))
        return connection.break_off(self._request, reset=fault.kind != "refuse")

    async def _spoil(self, switch: Switch[Fault], outcome: object) -> web.StreamResponse:
        """Return a spoiled answer to a call that took effect."""
        if switch.fault.kind in ("status", "html", "hang", "refuse", "reset", "lost_answer"):
            return await self._strike(switch) or _answer(outcome, self._project)
        response = _answer(_spoil_types(outcome) if switch.fault.kind == "wrong_types" else outcome, self._project)
        body = bytes(response.body) if isinstance(response.body, bytes) else b""
        if switch.fault.kind == "slow_body":
            return await connection.drip(self._request, body, switch.fault.pause_s, self._ended(switch))
        if switch.fault.kind == "half_json":
            response.body = body[: len(body) // 2]
        if switch.fault.kind == "bad_json":
            response.body = body + b"}{"
        return response

    def _ended(self, switch: Switch[Fault]) -> Callable[[], bool]:
        return lambda: self._trifft.closing or not switch.on


def _spoil_types(outcome: object) -> object:
    if isinstance(outcome, ApiError):
        return outcome
    data = msgspec.json.decode(wire.encode(outcome))
    return [wire.spoil_types(item) for item in data] if isinstance(data, list) else wire.spoil_types(data)


def _answer(outcome: object, project: Project | None = None) -> web.Response:
    if isinstance(outcome, ApiError):
        return web.Response(
            status=outcome.status, body=wire.encode(wire.render_error(outcome)), content_type="application/json"
        )
    data = outcome if project is None else wire.render_success(outcome, project.settings)
    return web.Response(body=wire.encode(data), content_type="application/json")

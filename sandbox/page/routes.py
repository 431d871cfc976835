"""Serves the pages' files."""

from collections.abc import Awaitable, Callable
from importlib import resources
from pathlib import PurePath

from aiohttp import web

CONTENT_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


def add_page_routes(app: web.Application) -> None:
    """`/` is the helpdesk, `/trifft-admin/…` is TRIFFT's admin; both load their files from `/page/`."""
    app.router.add_get("/", _make_handler("index.html"))
    app.router.add_get("/favicon.ico", _make_handler("icon.svg"))
    app.router.add_get("/trifft-admin/{project}", add_slash)
    app.router.add_get("/trifft-admin/{project}/", _make_handler("admin.html"))
    app.router.add_get("/trifft-admin/{project}/members/", _make_handler("admin.html"))
    app.router.add_get("/trifft-admin/{project}/members/{member_id}", _make_handler("admin.html"))
    app.router.add_get("/page/{name}", serve_file)


def _make_handler(name: str) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def serve_page(_request: web.Request) -> web.Response:
        return _read(name)

    return serve_page


async def add_slash(request: web.Request) -> web.Response:
    raise web.HTTPPermanentRedirect(f"{request.path}/")


async def serve_file(request: web.Request) -> web.Response:
    return _read(request.match_info["name"])


def _read(name: str) -> web.Response:
    """Read a page's file. Raises HTTPNotFound for any other name."""
    content_type = CONTENT_TYPES.get(PurePath(name).suffix)
    file = resources.files("sandbox.page").joinpath(name)
    if content_type is None or name != PurePath(name).name or not file.is_file():
        raise web.HTTPNotFound
    headers = {"Cache-Control": "no-cache"}
    return web.Response(body=file.read_bytes(), content_type=content_type, charset="utf-8", headers=headers)

"""The server in front of the gateway, which can misbehave."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp
from aiohttp import web
from yarl import URL

from tests.gateway.helpdesk import serve_runner


@dataclass
class Front:
    """`mode`: "pass", "hang up", "another server", or "no gateway"; `inner_url`: the gateway's."""

    session: aiohttp.ClientSession
    mode: str = "pass"
    inner_url: str = ""
    url: str = ""

    async def handle(self, request: web.Request) -> web.Response:
        if self.mode == "hang up":
            assert request.transport is not None
            request.transport.abort()
        if self.mode != "pass":
            return web.Response(status=502 if self.mode == "no gateway" else 200, text="<html>")
        url = URL(f"{self.inner_url}{request.raw_path}", encoded=True)
        own = {"host", "accept-encoding"}
        kept = {name: value for name, value in request.headers.items() if name.lower() not in own}
        sent = {"headers": kept, "data": await request.read()}
        try:
            async with self.session.request(request.method, url, **sent) as answer:  # type: ignore[arg-type]
                return web.Response(status=answer.status, body=await answer.read(), content_type=answer.content_type)
        except aiohttp.ClientError:
            return web.Response(status=502)


@asynccontextmanager
async def run_front() -> AsyncIterator[Front]:
    async with aiohttp.ClientSession() as session:
        front, app = Front(session), web.Application()
        app.router.add_route("*", "/{path:.*}", front.handle)
        async with serve_runner(web.AppRunner(app, access_log=None, shutdown_timeout=1)) as front.url:
            yield front

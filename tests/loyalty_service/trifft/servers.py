"""A server for what the stand-in never says, and the types of the fixtures."""

from collections.abc import Awaitable, Callable
from typing import Protocol

from aiohttp import web

from loyalty_service.domain.merchant import Merchant

StartAnswering = Callable[[web.Response], Awaitable[str]]


class MakeMerchant(Protocol):
    def __call__(self, provider_url: str = ..., *, token: str = ..., profile: str = ...) -> Merchant: ...


def make_answering_app(answer: web.Response) -> web.Application:
    async def handle(request: web.Request) -> web.Response:
        await request.read()
        return web.Response(status=answer.status, body=answer.body, headers=answer.headers)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handle)
    return app

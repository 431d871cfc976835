"""A server for answers that the stand-in never gives, and the types of the fixtures."""

from collections.abc import Awaitable, Callable
from typing import Protocol

from aiohttp import web

from loyalty_service.domain.member import Identity
from loyalty_service.domain.merchant import Merchant
from loyalty_service.domain.priority import Priority
from loyalty_service.domain.searches import Searches
from loyalty_service.domain.snapshot import Snapshot
from loyalty_service.trifft.client import TrifftProvider

StartAnswering = Callable[[web.Response], Awaitable[str]]


class MakeMerchant(Protocol):
    def __call__(self, provider_url: str = ..., *, token: str = ..., profile: str = ...) -> Merchant: ...


async def fetch(  # noqa: PLR0913 - as the port's
    provider: TrifftProvider,
    merchant: Merchant,
    identity: Identity,
    *,
    remembered: str | None = None,
    timeout_s: float = 30,
    priority: Priority = Priority.TICKET,
    searches: Searches | None = None,
) -> Snapshot:
    return await provider.fetch(
        merchant,
        identity,
        remembered_member_id=remembered,
        searches=searches or Searches(),
        timeout_s=timeout_s,
        priority=priority,
    )


def make_answering_app(answer: web.Response) -> web.Application:
    async def handle(request: web.Request) -> web.Response:
        await request.read()
        return web.Response(status=answer.status, body=answer.body, headers=answer.headers)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handle)
    return app

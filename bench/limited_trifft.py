"""bench.trifft with TRIFFT's rate limit and with moods in which it fails: `python -m bench.limited_trifft`.

After `POST /mood/refuses` it answers 503 at once, after `/mood/hangs` it does not answer, after `/mood/well` it works
again and cuts off what has hung. Requests count for the rate in every mood, as they do at TRIFFT. `GET /tally` counts
the requests.
"""

import asyncio
import time
from enum import StrEnum

import msgspec
import uvloop
from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from bench.listening import serve_http
from bench.trifft import create_app
from sandbox.trifft.rate import RateRule

TALLY_PATH = "/tally"
MOOD_PATH = "/mood"
_PROVIDER_PREFIX = "/v1/"


class Mood(StrEnum):
    WELL = "well"
    REFUSES = "refuses"
    HANGS = "hangs"


class Tally(msgspec.Struct, kw_only=True):
    """`reads` and `writes` that were admitted; `throttled`: refused with a 429.

    `peak`: the most requests of one token in 10 s.
    """

    reads: int = 0
    writes: int = 0
    throttled: int = 0
    peak: int = 0
    by_token: dict[str, int] = msgspec.field(default_factory=dict)


class Gatekeeper:
    """Checks every call of the provider's API."""

    def __init__(self) -> None:
        self._rule = RateRule()
        self._tally = Tally()
        self._mood = Mood.WELL
        self._has_turned = asyncio.Event()

    @web.middleware
    async def watch(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if not request.path.startswith(_PROVIDER_PREFIX):
            return await handler(request)
        if not self._admit(request):
            return _make_error(429, "You have exceeded the rate limit of 50 requests in 10 seconds.")
        match self._mood:
            case Mood.WELL:
                return await handler(request)
            case Mood.HANGS:
                await self._has_turned.wait()
                if request.transport is not None:
                    request.transport.close()
        return _make_error(503, "We are down for maintenance.")

    async def turn(self, request: web.Request) -> web.Response:
        self._mood = Mood(request.match_info["mood"])
        self._has_turned.set()
        self._has_turned = asyncio.Event()
        return web.Response(status=204)

    async def show(self, _request: web.Request) -> web.Response:
        return web.Response(body=msgspec.json.encode(self._tally), content_type="application/json")

    def _admit(self, request: web.Request) -> bool:
        token, now = request.headers.get(hdrs.AUTHORIZATION, "").removeprefix("Bearer "), time.monotonic()
        tally = self._tally
        if not self._rule.admit(token, now):
            tally.throttled += 1
            return False
        tally.peak = max(tally.peak, self._rule.count(token, now))
        tally.by_token[token] = tally.by_token.get(token, 0) + 1
        if request.method == hdrs.METH_GET:
            tally.reads += 1
        else:
            tally.writes += 1
        return True


def limit(app: web.Application) -> web.Application:
    """Put TRIFFT's rate and the moods before `app`, which has its API."""
    gatekeeper = Gatekeeper()
    app.middlewares.append(gatekeeper.watch)
    app.router.add_post(f"{MOOD_PATH}/{{mood}}", gatekeeper.turn)
    app.router.add_get(TALLY_PATH, gatekeeper.show)
    return app


def create_limited_app() -> web.Application:
    return limit(create_app())


def _make_error(status: int, message: str) -> web.Response:
    error = {"code": status, "message": message, "exception": "", "event_id": ""}
    return web.json_response({"status": status, "success": False, "error": error}, status=status)


if __name__ == "__main__":
    uvloop.run(serve_http(create_limited_app()))

"""A TRIFFT that takes exactly 50 ms for a call, knows every e-mail and never throttles: `python -m bench.trifft`.

It answers the two reads of the default wire profile. `GET /count` says how many it answered.
"""

import asyncio
import hashlib
import time
from typing import Any

import uvloop
from aiohttp import web

from bench.listening import serve_http

CALL_S = 0.05
COUNT_PATH = "/count"
FIND_PATH = "/v1/member"
# A loop's timer is up to a millisecond early or late: what is left of the time is waited for turn by turn.
_TIMER_S = 0.0015
_DAY_S = 86_400


class Trifft:
    def __init__(self) -> None:
        self._count = 0

    async def find(self, request: web.Request) -> web.Response:
        return await self._answer([_make_member(request.query["email"])])

    async def list_coupons(self, request: web.Request) -> web.Response:
        return await self._answer(_make_coupons(request.match_info["member_id"]))

    async def count(self, _request: web.Request) -> web.Response:
        return web.json_response(self._count)

    async def _answer(self, body: Any) -> web.Response:  # noqa: ANN401 - any JSON
        self._count += 1
        end_s = time.perf_counter() + CALL_S
        response = web.json_response(body)
        await asyncio.sleep(CALL_S - _TIMER_S)
        while time.perf_counter() < end_s:  # noqa: ASYNC110 - what is waited for is the time itself
            await asyncio.sleep(0)
        return response


def create_app() -> web.Application:
    trifft = Trifft()
    app = web.Application()
    app.router.add_get(FIND_PATH, trifft.find)
    app.router.add_get(FIND_PATH + "/{member_id}/coupon", trifft.list_coupons)
    app.router.add_get(COUNT_PATH, trifft.count)
    return app


def _make_member(email: str) -> dict[str, Any]:
    return {
        "id": hashlib.blake2b(email.encode(), digest_size=16).hexdigest(),
        "email": email,
        "phone": "+421900000000",
        "support_id": "JN-4821",
        "points": 1240,
        "tier": {"id": "tier-3", "name": "Gold"},
        "segments": [{"slug": "vip", "name": "VIP"}, {"slug": "new-7d", "name": "Registered in last 7 days"}],
        "favorite_venue": {"id": "venue-1", "name": "Bratislava, Eurovea"},
        "params": {"first_name": "Jana", "last_name": "Nováková"},
        "locale": "sk",
        "status": "active",
        "created_at": 1723125758,
    }


def _make_coupons(member_id: str) -> list[dict[str, Any]]:
    expire_time_s = int(time.time()) + 30 * _DAY_S
    return [
        {
            "id": f"{member_id}-{place}",
            "state": "activated",
            "redeem_value": "5 EUR",
            "code": f"WELCOME{place}",
            "valid_until": expire_time_s + place * _DAY_S,
            "coupon": {"id": f"coupon-{place}", "name": "Welcome! ", "type": "GENERAL", "points": None},
        }
        for place in range(2)
    ]


if __name__ == "__main__":
    uvloop.run(serve_http(create_app()))

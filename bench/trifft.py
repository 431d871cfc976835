"""A TRIFFT that takes the same time for every call, knows every e-mail and has no rate limit.

`python -m bench.trifft [SECONDS]`, exactly 50 ms, or about as long as is given. It answers the reads of the default
wire profile and credits, and lists what it has credited. `GET /count` counts its answers. Below /gorgias/SHOP it is
also a Gorgias that has every ticket; the ticket's number says whose it is. `GET /notes` counts the messages that were
created.
"""

import asyncio
import hashlib
import itertools
import sys
import time
from collections import defaultdict
from typing import Any

import uvloop
from aiohttp import web

from bench.listening import serve_http

CALL_S = 0.05
COUNT_PATH = "/count"
NOTES_PATH = "/notes"
FIND_PATH = "/v1/member"
# A loop's timer is up to a millisecond early or late, so the rest of the time is waited for in single loop steps.
_TIMER_S = 0.0015
_DAY_S = 86_400
# More than any shop's members.
_CUSTOMERS = 10**9


class Trifft:
    """`call_s`: the time of each call. `is_exact`: to a fraction of a millisecond, at the cost of a core."""

    def __init__(self, call_s: float, *, is_exact: bool) -> None:
        self._call_s = call_s
        self._is_exact = is_exact
        self._count = self._note_count = 0
        self._emails: dict[str, str] = {}
        self._numbers = itertools.count(1)
        self._movements: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)

    async def find(self, request: web.Request) -> web.Response:
        member = _make_known(request.query["email"])
        self._emails[member["id"]] = member["email"]
        return await self._answer([member])

    async def get_member(self, request: web.Request) -> web.Response:
        """Read a member that was found before."""
        return await self._answer(_make_known(self._emails[request.match_info["member_id"]]))

    async def list_coupons(self, request: web.Request) -> web.Response:
        return await self._answer(make_coupons(request.match_info["member_id"]))

    async def credit(self, request: web.Request) -> web.Response:
        credit = await request.json()
        points, movement_id = credit["points"], f"m-{next(self._numbers)}"
        movement = {"id": movement_id, "change": points, "note": credit.get("note"), "created_at": int(time.time())}
        movement["reference"] = credit.get("reference")
        self._movements[request.match_info["member_id"]].append(movement)
        receipt = {"id": movement_id, "points": points, "balance": 1240 + points, "pending": False}
        return await self._answer(receipt)

    async def list_movements(self, request: web.Request) -> web.Response:
        return await self._answer(self._movements[request.match_info["member_id"]])

    async def count(self, _request: web.Request) -> web.Response:
        return web.json_response(self._count)

    async def create_message(self, request: web.Request) -> web.Response:
        self._note_count += 1
        return web.json_response({"id": 1, "ticket_id": int(request.match_info["ticket_id"])}, status=201)

    async def count_notes(self, _request: web.Request) -> web.Response:
        return web.json_response(self._note_count)

    async def _answer(self, body: Any) -> web.Response:  # noqa: ANN401 - any JSON
        self._count += 1
        end_s = time.perf_counter() + self._call_s
        response = web.json_response(body)
        if not self._is_exact:
            await asyncio.sleep(self._call_s)
            return response
        await asyncio.sleep(max(0.0, self._call_s - _TIMER_S))
        while time.perf_counter() < end_s:  # noqa: ASYNC110 - it waits for a time, not for an event
            await asyncio.sleep(0)
        return response


def create_app(call_s: float = CALL_S, *, is_exact: bool = True) -> web.Application:
    trifft = Trifft(call_s, is_exact=is_exact)
    app = web.Application()
    app.router.add_get(FIND_PATH, trifft.find)
    app.router.add_get(FIND_PATH + "/{member_id}", trifft.get_member)
    app.router.add_get(FIND_PATH + "/{member_id}/coupon", trifft.list_coupons)
    app.router.add_post(FIND_PATH + "/{member_id}/wallet/credit", trifft.credit)
    app.router.add_get(FIND_PATH + "/{member_id}/wallet/movement", trifft.list_movements)
    app.router.add_get(COUNT_PATH, trifft.count)
    ticket = "/gorgias/{shop}/api/tickets/{ticket_id}"
    app.router.add_get(ticket, _get_ticket)
    app.router.add_post(ticket + "/messages", trifft.create_message)
    app.router.add_get(NOTES_PATH, trifft.count_notes)
    return app


def make_email(shop: str, customer: int) -> str:
    return f"customer-{customer}@{shop}.example"


def make_ticket_id(number: int, customer: int) -> str:
    """The id of a shop's ticket that belongs to this customer. `number`: 1 or more."""
    return str(number * _CUSTOMERS + customer)


async def _get_ticket(request: web.Request) -> web.Response:
    ticket_id = int(request.match_info["ticket_id"])
    customer = ticket_id % _CUSTOMERS
    email = make_email(request.match_info["shop"], customer)
    return web.json_response({"id": ticket_id, "customer": {"id": customer, "email": email}})


def make_member_id(email: str) -> str:
    return hashlib.blake2b(email.encode(), digest_size=16).hexdigest()


def _make_known(email: str) -> dict[str, Any]:
    return make_member(make_member_id(email), email, "+421900000000")


def make_member(member_id: str, email: str, phone: str) -> dict[str, Any]:
    return {
        "id": member_id,
        "email": email,
        "phone": phone,
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


def make_coupons(member_id: str) -> list[dict[str, Any]]:
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
    uvloop.run(serve_http(create_app(float(sys.argv[1]), is_exact=False) if sys.argv[1:] else create_app()))

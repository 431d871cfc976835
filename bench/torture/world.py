"""The outside world of a torture run: `python -m bench.torture.world SEED`, one process that is never killed.

TRIFFT and Gorgias, as far as an award needs them. Each fails at random: before the commit, after it, late, or not at
all. `GET /truth` tells what really happened.
"""

import asyncio
import itertools
import random
import sys
import time
from collections import defaultdict
from typing import Any, Literal

import msgspec
import uvloop
from aiohttp import web

from bench.listening import serve_http
from bench.torture.truth import Message, Movement, Truth, make_email, make_member_id

PROFILE = """\
[list_movements]
complete = false
[rate]
requests = 100000
block_s = 0.05
"""
START_BALANCE = 5000
LATE_S = 4.0
_HANG_S = 6.0

Fate = Literal["fine", "refuse", "throttle", "fail", "reset", "hang", "late", "lost", "garbled", "failed_after"]
# The fates of 1000 bookings.
_BOOKING_FATES: dict[Fate, int] = {
    "refuse": 30,
    "throttle": 20,
    "fail": 10,
    "reset": 10,
    "hang": 5,
    "late": 5,
    "lost": 15,
    "garbled": 5,
    "failed_after": 10,
}
_OTHER_FATES: dict[Fate, int] = {"throttle": 5, "fail": 10, "reset": 10, "hang": 3, "lost": 15, "failed_after": 10}
_NOTE_FATES: dict[Fate, int] = {**_OTHER_FATES, "late": 10}
# A note may appear later than its sender looks for it; a ticket's messages come in pages.
_LATE_NOTE_S = 12.0
_PAGE_SIZE = 2
# One answer in so many says that the account's rate is nearly used up.
_BUSY_EVERY = 100


class World:
    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - no secret
        self._ids = itertools.count(1)
        self._movements: defaultdict[str, list[Movement]] = defaultdict(list)
        self._messages: defaultdict[str, list[Message]] = defaultdict(list)
        self._fates: defaultdict[str, int] = defaultdict(int)
        self._is_calm = False

    def add_routes(self, app: web.Application) -> None:
        member = "/trifft/v1/member"
        app.router.add_get(member, self._find_member)
        app.router.add_get(member + "/{member_id}", self._get_member)
        app.router.add_get(member + "/{member_id}/coupon", self._list_coupons)
        app.router.add_get(member + "/{member_id}/wallet/movement", self._list_movements)
        app.router.add_post(member + "/{member_id}/wallet/{kind:credit|debit}", self._book)
        account = "/gorgias/{account}/api"
        app.router.add_get(account + "/tickets/{ticket_id}", self._get_ticket)
        app.router.add_get(account + "/messages", self._list_messages)
        app.router.add_post(account + "/tickets/{ticket_id}/messages", self._create_message)
        app.router.add_get("/truth", self._tell)
        app.router.add_post("/calm", self._calm)

    async def _find_member(self, request: web.Request) -> web.StreamResponse:
        return await self._read(request, lambda shop: [self._render_member(shop, request.query["email"].split("@")[0])])

    async def _get_member(self, request: web.Request) -> web.StreamResponse:
        return await self._read(request, lambda shop: self._render_member(shop, request.match_info["member_id"]))

    async def _list_coupons(self, request: web.Request) -> web.StreamResponse:
        return await self._read(request, lambda _: [])

    async def _list_movements(self, request: web.Request) -> web.StreamResponse:
        member_id, since = request.match_info["member_id"], int(request.query.get("since", "0"))
        return await self._read(
            request,
            lambda shop: [
                {
                    "id": one.movement_id,
                    "change": one.change,
                    "note": one.note,
                    "reference": one.reference,
                    "created_at": one.time,
                }
                for one in self._movements[shop]
                if one.member_id == member_id and one.time >= since
            ],
        )

    async def _book(self, request: web.Request) -> web.StreamResponse:
        shop, body = _get_shop(request), await request.json()
        fate = self._choose(_BOOKING_FATES)
        early = await self._fail_before(request, fate)
        if early is not None:
            return early
        sign = 1 if request.match_info["kind"] == "credit" else -1
        movement = Movement(
            movement_id=f"m-{next(self._ids)}",
            member_id=request.match_info["member_id"],
            change=sign * body["points"],
            note=body["note"],
            reference=body["reference"],
            time=int(time.time()),
        )
        if self._get_balance(shop, movement.member_id) + movement.change < 0:
            return _render_error(402)
        if fate == "late":
            # The caller has given up before this time.
            asyncio.get_running_loop().call_later(LATE_S, self._movements[shop].append, movement)
            return await _drop(request)
        self._movements[shop].append(movement)
        balance = self._get_balance(shop, movement.member_id)
        answer = {"id": movement.movement_id, "points": body["points"], "balance": balance, "pending": False}
        return await self._answer(request, fate, answer)

    async def _get_ticket(self, request: web.Request) -> web.StreamResponse:
        ticket_id = request.match_info["ticket_id"]
        customer = {"id": int(ticket_id), "email": make_email(make_member_id(ticket_id))}
        return await self._serve_gorgias(request, lambda: {"id": int(ticket_id), "customer": customer})

    async def _list_messages(self, request: web.Request) -> web.StreamResponse:
        wanted = request.query["ticket_id"]
        messages = self._messages[request.match_info["account"]]
        found = [one for one in reversed(messages) if one.ticket_id == wanted]
        first = int(request.query.get("cursor", "0"))
        after = first + _PAGE_SIZE
        data = [_render_message(one) for one in found[first:after]]
        cursor = str(after) if after < len(found) else None
        return await self._serve_gorgias(request, lambda: {"data": data, "meta": {"next_cursor": cursor}})

    async def _create_message(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        ticket_id, messages = request.match_info["ticket_id"], self._messages[request.match_info["account"]]
        message = Message(message_id=next(self._ids), ticket_id=ticket_id, body=body["body_text"])
        fate = self._choose(_NOTE_FATES)
        early = await self._fail_before(request, fate)
        if early is not None:
            return early
        if fate == "late":
            asyncio.get_running_loop().call_later(_LATE_NOTE_S, messages.append, message)
            return await _drop(request)
        messages.append(message)
        return await self._answer(request, fate, _render_message(message), status=201)

    async def _tell(self, _request: web.Request) -> web.Response:
        truth = Truth(movements=dict(self._movements), messages=dict(self._messages), fates=dict(self._fates))
        return web.Response(body=msgspec.json.encode(truth), content_type="application/json")

    async def _calm(self, _request: web.Request) -> web.Response:
        """End all faults."""
        self._is_calm = True
        return web.Response(status=204)

    async def _read(self, request: web.Request, render: Any) -> web.StreamResponse:  # noqa: ANN401 - a function
        fate = self._choose(_OTHER_FATES)
        early = await self._fail_before(request, fate)
        return early if early is not None else await self._answer(request, fate, render(_get_shop(request)))

    async def _serve_gorgias(self, request: web.Request, render: Any) -> web.StreamResponse:  # noqa: ANN401 - a function
        fate = self._choose(_OTHER_FATES)
        early = await self._fail_before(request, fate)
        if early is not None:
            return early
        answer = await self._answer(request, fate, render())
        if not self._is_calm and self._random.randrange(_BUSY_EVERY) == 0:
            answer.headers["X-Gorgias-Account-Api-Call-Limit"] = "39/40"
        return answer

    def _choose(self, fates: dict[Fate, int]) -> Fate:
        if self._is_calm:
            return "fine"
        draw = self._random.randrange(1000)
        for fate, weight in fates.items():
            draw -= weight
            if draw < 0:
                self._fates[fate] += 1
                return fate
        self._fates["fine"] += 1
        return "fine"

    async def _fail_before(self, request: web.Request, fate: Fate) -> web.StreamResponse | None:
        """The answer of a call that has no effect; None: the call takes effect."""
        match fate:
            case "refuse":
                return _render_error(400)
            case "throttle":
                return _render_error(429)
            case "fail":
                return _render_error(503)
            case "reset":
                return await _drop(request)
            case "hang":
                await asyncio.sleep(_HANG_S)
                return await _drop(request)
            case _:
                return None

    async def _answer(self, request: web.Request, fate: Fate, body: Any, status: int = 200) -> web.StreamResponse:  # noqa: ANN401
        """Send the answer of a call that took effect."""
        match fate:
            case "lost":
                return await _drop(request)
            case "garbled":
                return web.Response(text='{"id": 7, "bala', content_type="application/json")
            case "failed_after":
                return _render_error(500)
            case _:
                return web.json_response(body, status=status)

    def _get_balance(self, shop: str, member_id: str) -> int:
        return START_BALANCE + sum(one.change for one in self._movements[shop] if one.member_id == member_id)

    def _render_member(self, shop: str, member_id: str) -> dict[str, Any]:
        balance = self._get_balance(shop, member_id)
        return {
            "id": member_id,
            "email": make_email(member_id),
            "phone": None,
            "support_id": member_id.upper(),
            "points": balance,
            "tier": {"id": "t", "name": "Gold" if balance > START_BALANCE else "Silver"},
            "segments": [],
            "favorite_venue": None,
            "params": {"first_name": "M", "last_name": member_id},
            "status": "active",
            "created_at": 1,
        }


def _render_message(message: Message) -> dict[str, Any]:
    return {
        "id": message.message_id,
        "ticket_id": int(message.ticket_id),
        "channel": "internal-note",
        "from_agent": True,
        "via": "api",
        "body_text": message.body,
    }


def _get_shop(request: web.Request) -> str:
    """The token is the shop's name."""
    return request.headers["Authorization"].removeprefix("Bearer ")


def _render_error(status: int) -> web.Response:
    error = {"code": status, "message": "made up", "exception": "MadeUpException", "event_id": "e"}
    headers = {"Retry-After": "1"} if status == 429 else {}  # noqa: PLR2004 - HTTP's own number
    return web.json_response({"status": status, "success": False, "error": error}, status=status, headers=headers)


async def _drop(request: web.Request) -> web.Response:
    """Close the connection without an answer."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


def main() -> None:
    app = web.Application()
    World(int(sys.argv[1])).add_routes(app)
    uvloop.run(serve_http(app))


if __name__ == "__main__":
    main()

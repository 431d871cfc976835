"""A TRIFFT and a Gorgias of the bench's customers, which both keep to their rates: `python -m bench.channels.world`.

TRIFFT takes 50 ms a call. Below /gorgias/SHOP is the shop's Gorgias, which answers at once. `GET /tally` counts the
requests of TRIFFT, `GET /gorgias-tally` those of Gorgias.
"""

import asyncio
import time
from collections import defaultdict
from typing import Any

import msgspec
import uvloop
from aiohttp import web
from aiohttp.typedefs import Handler

from bench.channels.people import Person, find_member, find_person
from bench.limited_trifft import limit
from bench.listening import serve_http
from bench.trifft import CALL_S, FIND_PATH, make_coupons, make_member
from sandbox.gorgias.admission import CALL_LIMIT_HEADER
from sandbox.gorgias.rate import API_KEY_LIMIT, RETRY_AFTER_S, LeakyBucket

GORGIAS_TALLY_PATH = "/gorgias-tally"
_GORGIAS_PREFIX = "/gorgias/"


class GorgiasTally(msgspec.Struct, kw_only=True):
    """`by_shop`: admitted requests, but for the list of mailboxes. `throttled`: refused with a 429, of all shops."""

    by_shop: dict[str, int] = msgspec.field(default_factory=dict)
    throttled: int = 0


class Trifft:
    async def find(self, request: web.Request) -> web.Response:
        """Raises KeyError for a search by anything but an e-mail or a phone."""
        query = request.query
        person = find_member(query.get("email"), query.get("phone"))
        return await _answer([_make(person)] if person else [])

    async def get_member(self, request: web.Request) -> web.Response:
        return await _answer(_make(_find(request)))

    async def list_coupons(self, request: web.Request) -> web.Response:
        return await _answer(make_coupons(_find(request).member_id or ""))


class Gorgias:
    def __init__(self) -> None:
        self._buckets: defaultdict[str, LeakyBucket] = defaultdict(lambda: LeakyBucket(API_KEY_LIMIT, time.monotonic))
        self._tally = GorgiasTally()

    @web.middleware
    async def watch(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if not request.path.startswith(_GORGIAS_PREFIX):
            return await handler(request)
        shop = request.match_info["shop"]
        bucket = self._buckets[shop]
        if bucket.admit():
            counted = request.match_info["kind"] in {"tickets", "customers"}
            self._tally.by_shop[shop] = self._tally.by_shop.get(shop, 0) + counted
            response = await handler(request)
        else:
            self._tally.throttled += 1
            response = web.json_response({"error": {"msg": "Too many requests."}}, status=429)
            response.headers["Retry-after"] = str(RETRY_AFTER_S)
        response.headers[CALL_LIMIT_HEADER] = bucket.get_level()
        return response

    async def show(self, _request: web.Request) -> web.Response:
        return web.Response(body=msgspec.json.encode(self._tally), content_type="application/json")


def create_world() -> web.Application:
    trifft, gorgias, app = Trifft(), Gorgias(), web.Application()
    app.middlewares.append(gorgias.watch)
    app.router.add_get(FIND_PATH, trifft.find)
    app.router.add_get(FIND_PATH + "/{member_id}", trifft.get_member)
    app.router.add_get(FIND_PATH + "/{member_id}/coupon", trifft.list_coupons)
    api = _GORGIAS_PREFIX + "{shop}/api/"
    app.router.add_get(api + "{kind:tickets}/{id}", _get_ticket)
    app.router.add_get(api + "{kind:customers}/{id}", _get_customer)
    app.router.add_get(api + "{kind:integrations}", _list_integrations)
    app.router.add_get(GORGIAS_TALLY_PATH, gorgias.show)
    return limit(app)


async def _answer(body: Any) -> web.Response:  # noqa: ANN401 - any JSON
    await asyncio.sleep(CALL_S)
    return web.json_response(body)


def _find(request: web.Request) -> Person:
    return find_person(int(request.match_info["member_id"].removeprefix("member-")))


def _make(person: Person) -> dict[str, Any]:
    return make_member(person.member_id or "", person.member_email, person.member_phone)


async def _get_ticket(request: web.Request) -> web.Response:
    """Each ticket's customer has the ticket's number."""
    ticket_id = int(request.match_info["id"])
    customer = {"id": ticket_id, "email": find_person(ticket_id).ticket_email}
    return web.json_response({"id": ticket_id, "customer": customer})


async def _get_customer(request: web.Request) -> web.Response:
    person = find_person(int(request.match_info["id"]))
    pairs = [("chat", f"chat-{person.customer_id}")]
    pairs += [("email", person.ticket_email)] if person.ticket_email else []
    pairs += [person.other] if person.other else []
    channels = [{"type": kind, "address": address, "preferred": False} for kind, address in pairs]
    return web.json_response({"id": person.customer_id, "email": person.ticket_email, "channels": channels})


async def _list_integrations(_request: web.Request) -> web.Response:
    mailbox = {"id": 1, "type": "email", "name": "Support", "meta": {"address": "support@bench.example"}}
    return web.json_response({"data": [mailbox], "meta": {"next_cursor": None}})


if __name__ == "__main__":
    uvloop.run(serve_http(create_world()))

"""Many Gorgias accounts, /gorgias/SHOP, that keep what `install` makes; and a TRIFFT without members for every token.

`python -m bench.gorgias`.
"""

import itertools
from collections import defaultdict
from typing import Any

import uvloop
from aiohttp import web

from bench.listening import serve_http
from bench.trifft import FIND_PATH

Record = dict[str, Any]


class Accounts:
    def __init__(self) -> None:
        self._ids = itertools.count(1)
        self._records: defaultdict[tuple[str, str], dict[int, Record]] = defaultdict(dict)

    def _find(self, request: web.Request) -> dict[int, Record]:
        return self._records[request.match_info["shop"], request.match_info["kind"]]

    async def create(self, request: web.Request) -> web.Response:
        record = {**await request.json(), "id": next(self._ids), "deactivated_datetime": None}
        self._find(request)[record["id"]] = record
        return web.json_response(record, status=201)

    async def list_all(self, request: web.Request) -> web.Response:
        return web.json_response({"data": list(self._find(request).values()), "meta": {"next_cursor": None}})


async def _get_one(request: web.Request) -> web.Response:
    """Any ticket, any customer."""
    return web.json_response({"id": int(request.match_info["id"]), "email": "any@bench.example"})


async def _list_tickets(_request: web.Request) -> web.Response:
    return web.json_response({"data": [], "meta": {"next_cursor": None}})


async def _accept_token(_request: web.Request) -> web.Response:
    return web.json_response({"success": True, "data": {"points": 1}})


async def _find_nobody(_request: web.Request) -> web.Response:
    return web.json_response([])


def create_app() -> web.Application:
    accounts, app = Accounts(), web.Application()
    made = "/gorgias/{shop}/api/{kind:integrations|widgets}"
    app.router.add_post(made, accounts.create)
    app.router.add_get(made, accounts.list_all)
    app.router.add_get("/gorgias/{shop}/api/tickets", _list_tickets)
    app.router.add_get("/gorgias/{shop}/api/{kind:tickets|customers}/{id}", _get_one)
    app.router.add_post("/v1/points-calculator", _accept_token)
    app.router.add_get(FIND_PATH, _find_nobody)
    return app


if __name__ == "__main__":
    uvloop.run(serve_http(create_app()))

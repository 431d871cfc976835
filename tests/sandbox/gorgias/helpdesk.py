"""A helpdesk, its clock, and the server that its integrations call."""

import asyncio
from typing import Any

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestClient

AUTH = {"Authorization": aiohttp.encode_basic_auth("admin@acme.example", "sandbox-acme-gorgias-key")}
WAIT_S = 30.0


class Clock:
    def __init__(self) -> None:
        self.time = 1_795_000_000.0

    def __call__(self) -> float:
        return self.time


class Edge:
    """The server of an integration: gives `answers` in turn, then `answer`, and keeps each request.

    While `hold` is clear it gives no answer; with `hold_query`, only requests with that query wait.
    """

    def __init__(self) -> None:
        self.answer: tuple[int, str] = (200, '{"status": "member"}')
        self.answers: list[tuple[int, str]] = []
        self.by_query: dict[str, tuple[int, str]] = {}
        self.requests: list[web.Request] = []
        self.bodies: list[str] = []
        self.hold = asyncio.Event()
        self.hold.set()
        self.hold_query: str | None = None
        self.url = ""

    async def handle(self, request: web.Request) -> web.Response:
        self.requests.append(request)
        self.bodies.append(await request.text())
        if self.hold_query in (None, request.query_string):
            await self.hold.wait()
        status, text = self.by_query.get(request.query_string) or (self.answers.pop(0) if self.answers else self.answer)
        return web.Response(status=status, text=text, content_type="application/json")


class Helpdesk:
    """One account's REST API (`rest`) and the page's own API (`page`)."""

    def __init__(self, client: TestClient[web.Request, web.Application], edge: Edge) -> None:
        self.client = client
        self.edge = edge

    async def rest(self, method: str, path: str, **options: Any) -> tuple[int, Any]:  # noqa: ANN401 - any JSON
        async with self.client.request(method, f"/gorgias/acme/api/{path}", **{"headers": AUTH} | options) as response:
            return response.status, await response.json() if response.content_length else None

    async def page(self, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401 - any JSON
        async with self.client.request(method, f"/sandbox/gorgias/acme/{path}", json=body) as response:
            assert response.status == 200, await response.text()
            return await response.json()

    async def install(self, query: str = "", *triggers: str, **http: object) -> int:
        """Install an integration that calls the edge; return its id."""
        settings = {
            "url": f"{self.edge.url}/widget{query}",
            "method": "GET",
            "request_content_type": "application/json",
            "response_content_type": "application/json",
            "triggers": dict.fromkeys(triggers or ("ticket-updated",), True),
        }
        body = {"name": "Edge", "type": "http", "http": settings | http}
        status, answer = await self.rest("POST", "integrations", json=body)
        assert status == 201, answer
        integration_id: int = answer["id"]
        return integration_id

    async def install_widget(self, integration_id: int, card: dict[str, Any] | None = None) -> int:
        template = {"type": "wrapper", "widgets": [{"type": "card", "path": "", "title": "TRIFFT"} | (card or {})]}
        body = {"type": "http", "integration_id": integration_id, "template": template}
        status, answer = await self.rest("POST", "widgets", json=body)
        assert status == 201, answer
        widget_id: int = answer["id"]
        return widget_id

    async def fire(self, event: str = "add-tag", value: str | None = "vip", ticket: int = 4711) -> bool:
        answer = await self.page("POST", f"tickets/{ticket}/events", {"event": event, "value": value})
        return bool(answer["changed"])

    async def switch(self, **changes: object) -> None:
        await self.page("PUT", "switches", await self.page("GET", "switches") | changes)

    async def get_calls(self, count: int) -> list[dict[str, Any]]:
        """Return the log, oldest first, once it has `count` entries."""
        async with asyncio.timeout(WAIT_S):
            while True:
                calls: list[dict[str, Any]] = await self.page("GET", "calls?limit=300")
                if len(calls) >= count:
                    return calls[::-1]
                await asyncio.sleep(0.005)

    async def get_held(self, ticket: int = 4711) -> Any:  # noqa: ANN401 - any JSON
        """Return what the first widget shows on a ticket."""
        widgets = (await self.page("GET", f"tickets/{ticket}"))["widgets"]
        return widgets[0]["held"] and widgets[0]["held"]["body"]

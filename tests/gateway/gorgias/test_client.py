"""The client before a server that misbehaves in every way that the contract names, and in some others."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from http import HTTPMethod

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web

from gateway.gorgias.client import GorgiasClient
from gateway.gorgias.errors import (
    GorgiasContractError,
    GorgiasCredentialsError,
    GorgiasError,
    GorgiasNotFoundError,
    GorgiasRefusedError,
    GorgiasThrottledError,
    GorgiasUnavailableError,
)
from gateway.gorgias.rate_limiter import Priority, RateLimiter
from gateway.gorgias.transport import MAX_ANSWER_BYTES, Transport
from tests.gateway.helpdesk import Helpdesk

KEY = "gorgias-key-s3cret"
Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Server:
    """Gives the answers in turn, and repeats the last one. Keeps the requests."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.requests: list[web.Request] = []
        self.url = ""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        await request.read()
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return await answer(request)

    def say(self, status: int = 200, body: str = "", **headers: str) -> None:
        async def answer(_request: web.Request) -> web.Response:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            return web.Response(status=status, text=body, headers=named)

        self.answers.append(answer)


@pytest_asyncio.fixture(loop_scope="session")
async def server() -> AsyncIterator[Server]:
    server = Server()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", server.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield server
    await runner.cleanup()


@pytest.fixture
def client(session: aiohttp.ClientSession, server: Server) -> GorgiasClient:
    return GorgiasClient(session, server.url, "ops@acme.example", KEY)


@pytest.mark.parametrize(
    ("status", "error", "words"),
    [
        (400, GorgiasRefusedError, "Bad thing"),
        (401, GorgiasCredentialsError, "make a new key"),
        (403, GorgiasCredentialsError, "make a new key"),
        (404, GorgiasNotFoundError, "--gorgias-url"),
        (409, GorgiasRefusedError, "Bad thing"),
        (413, GorgiasRefusedError, "Bad thing"),
        (500, GorgiasUnavailableError, "try again"),
        (503, GorgiasUnavailableError, "try again"),
        (301, GorgiasContractError, "redirects"),
        (307, GorgiasContractError, "redirects"),
    ],
)
async def test_client_says_what_to_do_for_each_status(
    client: GorgiasClient, server: Server, status: int, error: type[GorgiasError], words: str
) -> None:
    server.say(status, '{"error": {"msg": "Bad thing", "data": {}}}', Location="https://elsewhere.example/")
    with pytest.raises(error, match=words) as caught:
        await client.create_integration({"name": "x"})
    assert type(caught.value) is error
    assert KEY not in str(caught.value)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "body", ["", "<html>down</html>", '{"id": ', "[]", '{"id": "x"}', '{"id": true}', "null", "\x00"]
)
async def test_client_refuses_an_answer_of_another_shape(client: GorgiasClient, server: Server, body: str) -> None:
    server.say(200, body)
    with pytest.raises(GorgiasContractError):
        await client.create_integration({})


async def test_client_bounds_the_size_of_an_answer(client: GorgiasClient, server: Server) -> None:
    server.say(200, " " * (MAX_ANSWER_BYTES + 1))
    with pytest.raises(GorgiasContractError, match="too large"):
        await client.list_integrations()


async def test_client_waits_out_a_429_and_sends_again(client: GorgiasClient, server: Server) -> None:
    server.say(429, Retry_After="0")
    server.say(429, Retry_After="0")
    server.say(201, '{"id": 7, "http": {"url": "https://edge.example"}}')
    created = await client.create_integration({"name": "x"})
    assert created.integration_id == 7
    assert len(server.requests) == 3


async def test_client_gives_up_after_three_429s(client: GorgiasClient, server: Server) -> None:
    server.say(429, Retry_After="0")
    with pytest.raises(GorgiasThrottledError, match="in a minute"):
        await client.list_integrations()
    assert len(server.requests) == 3


async def test_client_does_not_send_a_post_again_when_the_connection_breaks(
    client: GorgiasClient, server: Server
) -> None:
    async def hang_up(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.abort()
        raise asyncio.CancelledError

    server.answers.append(hang_up)
    with pytest.raises(GorgiasUnavailableError, match="cannot be reached"):
        await client.create_widget({})
    assert len(server.requests) == 1


async def test_client_without_a_server_says_so(session: aiohttp.ClientSession) -> None:
    client = GorgiasClient(session, "http://127.0.0.1:1", "ops@acme.example", KEY)
    with pytest.raises(GorgiasUnavailableError, match="check --gorgias-url"):
        await client.list_integrations()


async def test_client_accepts_that_an_object_is_deleted_already(client: GorgiasClient, server: Server) -> None:
    server.say(404, '{"error": {"msg": "Integration not found."}}')
    await client.delete_integration(7)
    await client.delete_widget(8)
    assert [request.method for request in server.requests] == ["DELETE", "DELETE"]


async def test_client_stops_reading_an_endless_list(client: GorgiasClient, server: Server) -> None:
    server.say(200, '{"data": [], "meta": {"next_cursor": "again"}}')
    with pytest.raises(GorgiasContractError, match="has too many pages"):
        await client.list_integrations()


async def test_client_reads_all_pages(gorgias: GorgiasClient, helpdesk: Helpdesk) -> None:
    """The cursors are the stand-in's own, with 100 records to a page."""
    http = {
        "url": "https://other.example",
        "method": "GET",
        "request_content_type": "application/json",
        "response_content_type": "application/json",
    }
    first = await gorgias.create_integration({"name": "0", "type": "http", "http": http})
    stored = helpdesk.account.state.integrations
    for number in range(1, 205):
        copy = type(stored[first.integration_id])
        one = stored[first.integration_id]
        stored[first.integration_id + number] = copy(
            id=first.integration_id + number,
            name=str(number),
            description=None,
            http=one.http,
            created_datetime=one.created_datetime,
            updated_datetime=one.updated_datetime,
        )
    helpdesk.clear()
    listed = await gorgias.list_integrations()
    assert [integration.name for integration in listed] == [str(number) for number in range(205)]
    assert len(helpdesk.requests) == 3


@pytest.mark.parametrize(
    "odd",
    [
        '{"id": 1, "http": {"url": NaN}}',
        '{"id": 1, "name": "\\ud83d"}',
        '{"id": 1e999}',
        "{}",
        "null",
        '"text"',
        '{"id": 8, "http": {"url": "http://[", "headers": [null, {"key": null}, [[]]], "triggers": [0, {}]}}',
    ],
)
async def test_client_reads_our_record_beside_invalid_ones(client: GorgiasClient, server: Server, odd: str) -> None:
    server.say(200, f'{{"data": [{odd}, {{"id": 7, "name": "ours"}}, {odd}], "meta": []}}')
    assert [one.name for one in await client.list_integrations() if one.integration_id == 7] == ["ours"]


async def test_client_counts_a_record_on_two_pages_once(client: GorgiasClient, server: Server) -> None:
    """The record moved to another page between two calls. Counted twice, it would be removed as a duplicate."""
    server.say(200, '{"data": [{"id": 7, "name": "before"}], "meta": {"next_cursor": "next"}}')
    server.say(200, '{"data": [{"id": 7, "name": "after"}], "meta": {}}')
    assert [one.name for one in await client.list_integrations()] == ["after"]


async def test_client_authenticates_every_call_and_sends_the_key_nowhere_else(
    client: GorgiasClient, server: Server
) -> None:
    server.say(200, "[]")
    await client.list_widgets(7)
    [request] = server.requests
    assert request.headers["Authorization"] == aiohttp.encode_basic_auth("ops@acme.example", KEY)
    assert request.query_string == "integration_id=7&limit=100"


@pytest.mark.parametrize(("level", "wait_s"), [("30/40", 5), ("20/40", 0), ("41/80", 0.25), ("many", 0), ("1/0", 0)])
async def test_transport_gives_the_rate_limiter_gorgias_count_for_the_account(
    session: aiohttp.ClientSession, server: Server, level: str, wait_s: float
) -> None:
    limiter = RateLimiter(lambda: 100.0)
    server.say(200, "{}", X_Gorgias_Account_Api_Call_Limit=level)
    await Transport(session, server.url, "ops@acme.example", KEY, limiter=limiter).request(HTTPMethod.GET, "/api/x")
    assert limiter.get_wait_s(Priority.NOTE) == wait_s
    assert limiter.get_wait_s(Priority.PRESS) == 0

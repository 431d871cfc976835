"""Connections as they come from the network: slow, odd, or with bytes that HTTP does not allow."""

import asyncio
import json
import string
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from urllib.parse import unquote

from aiohttp import web
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.__main__ import listen, make_runner
from protos.loyalty.v1 import loyalty_pb2 as pb
from runtime.settings import Listen
from tests.gateway.edge.running import JANA, Gateway
from tests.gateway.edge.scripted import ScriptedLoyalty
from tests.gateway.widget.test_view import make_snapshot
from tests.passing import let_loop_pass

FINE = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
BEFORE = [b"", FINE, FINE.replace(b"GET", b"POST") + FINE]
UNFINISHED_HEADS = [b"", b"GET /heal", b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: "]
# Enough time for a busy machine to send the bytes that are sent.
JANAS_PHONE = "+421900000000"
HEAD_TIMEOUT_S = 10.0


@asynccontextmanager
async def connect(host: str, port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection(host, port)
    try:
        yield reader, writer
    finally:
        writer.close()


async def read_answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    return int(head.split(b" ")[1]), await reader.readexactly(length)


async def test_connection_with_an_unfinished_head_is_ended() -> None:
    """The head is the first, or a later one that has begun. An idle connection after an answer is kept."""
    app = web.Application()
    app.router.add_route("*", "/healthz", answer)
    runner = make_runner(app)
    await runner.setup()
    server = await listen(runner, Listen("127.0.0.1", 0), head_timeout_s=HEAD_TIMEOUT_S)
    address = server.sockets[0].getsockname()[:2]
    async with AsyncExitStack() as stack:
        idle = [await stack.enter_async_context(reach(address, before)) for before in BEFORE if before]
        unfinished = [(before, sent) for before in BEFORE for sent in UNFINISHED_HEADS if sent or not before]
        begun = [await stack.enter_async_context(reach(address, before)) for before, _ in unfinished]
        for (_, writer), (_, sent) in zip(begun, unfinished, strict=True):
            writer.write(sent)
        for _ in range(10):
            await asyncio.sleep(0)  # bytes that arrive later are waited for in real time
        let_loop_pass(HEAD_TIMEOUT_S)
        await asyncio.gather(*(wait_for_end(reader) for reader, _ in begun))
        # The idle connections are older: with a shorter time limit they would be ended by now.
        for reader, writer in idle:
            writer.write(FINE)
            assert (await read_answer(reader))[0] == 200
    server.close()
    await runner.cleanup()


@asynccontextmanager
async def reach(
    address: tuple[str, int], before: bytes
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """Yield a connection after these requests and their answers."""
    async with connect(*address) as (reader, writer):
        writer.write(before)
        for _ in range(before.count(b"Host")):
            assert (await read_answer(reader))[0] == 200
        yield reader, writer


async def wait_for_end(reader: asyncio.StreamReader) -> None:
    with suppress(ConnectionError):
        assert await reader.read(1) == b""


async def answer(_request: web.Request) -> web.Response:
    return web.Response(text="ok")


def list_addresses(request: pb.GetSnapshotRequest) -> list[str]:
    """List the addresses that are looked for: the named one, or all of the ticket's customer."""
    identities = [identity for group in request.identity_groups for identity in group.identities]
    return [identity.email or identity.phone for identity in identities or [request.identity]]


@given(email=st.binary(max_size=40) | st.text(string.printable, max_size=40).map(str.encode))
@example(email=b"x" * 9_000 + b"@example.com")
@example(email=b"x" * 70_000 + b"@example.com")
@example(email="jána@example.com".encode())
@example(email=b"a b@example.com")
@example(email=b"jana#@example.com")
@example(email=b"\xff\xfe@example.com")
@example(email=b"x@example.com\r\nHost: y")
@example(email=b"eva@example.com HTTP/1.1\r\nHost: y\r\n\r\nGET /")
@example(email=b"None")
@settings(max_examples=20)
async def test_any_bytes_in_a_target_are_answered_without_another_persons_data(
    gateway: Gateway, scripted: ScriptedLoyalty, email: bytes
) -> None:
    """The sender encodes nothing. The answer is 200 or 400. Only the named address or the ticket's own is looked up."""
    scripted.snapshot = make_snapshot()
    scripted.snapshot_requests.clear()
    target = gateway.make_widget_url("EMAIL").removeprefix(gateway.url).encode().replace(b"EMAIL", email)
    host, port = gateway.url.removeprefix("http://").split(":")
    async with connect(host, int(port)) as (reader, writer):
        writer.write(b"GET " + target + b" HTTP/1.1\r\nHost: x\r\n\r\n")
        status, body = await read_answer(reader)

    assert status in {200, 400}
    assert status == 200 or json.loads(body)["reason"] == "BAD_VALUE"
    text = email.decode("ascii", "replace")
    named = text if "@" in text else unquote(text)
    searched = {address for request in scripted.snapshot_requests for address in list_addresses(request)}
    assert searched <= {JANA, JANAS_PHONE, named}

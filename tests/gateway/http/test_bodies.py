"""Bodies that differ from their announcement: the sender gets an answer in time, and no failure of ours is reported."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import grpc
import pytest
import pytest_asyncio
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from tests.gateway.edge.running import Gateway, run_gateway
from tests.gateway.edge.scripted import ScriptedLoyalty
from tests.gateway.waiting import wait_until

Loyalty = tuple[ScriptedLoyalty, str, grpc.aio.Server]
ROUTES = ["gorgias/actions/award-points", "gorgias/actions/undo-award", "trifft/webhooks/{shop}"]
BODY = b'{"points": "100", "ticket_id": "4711", "event": "wallet_credited", "member_id": "jana"}'


@pytest.fixture(autouse=True)
def logs() -> Iterator[list[Any]]:
    with capture_logs() as lines:
        yield lines


@pytest_asyncio.fixture(loop_scope="session")
async def impatient(folder: Path, loyalty: Loyalty) -> AsyncIterator[Gateway]:
    async with run_gateway(folder, loyalty[1], action_timeout_s=2.0) as running:
        yield running


def assert_no_failure_is_logged(logs: list[Any]) -> None:
    assert [line for line in logs if line["log_level"] not in {"debug", "info"} or "exc_info" in line] == []


def make_head(gateway: Gateway, route: str, *headers: str) -> bytes:
    lines = [
        f"POST /{route.format(shop=gateway.merchant_id)} HTTP/1.1",
        "Host: x",
        f"Authorization: Bearer {gateway.credential}",
        f"X-Webhook-Secret: {gateway.webhook_secret}",
        "Content-Type: application/json",
        *headers,
    ]
    return "".join(f"{line}\r\n" for line in [*lines, ""]).encode()


@asynccontextmanager
async def connect(gateway: Gateway) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection(*gateway.url.removeprefix("http://").split(":"))
    try:
        yield reader, writer
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


async def read_answer(reader: asyncio.StreamReader) -> tuple[int, dict[str, Any]]:
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    return int(head.split(b" ")[1]), json.loads(await reader.readexactly(length))


@pytest.mark.parametrize("route", ROUTES)
@given(sent=st.integers(0, len(BODY) - 1))
@settings(max_examples=8)
async def test_body_that_is_cut_short_is_the_senders_fault(
    gateway: Gateway, logs: list[Any], route: str, sent: int
) -> None:
    """The sender ends its half of the connection, and waits for the answer."""
    async with connect(gateway) as (reader, writer):
        writer.write(make_head(gateway, route, f"Content-Length: {len(BODY)}") + BODY[:sent])
        writer.write_eof()
        status, problem = await read_answer(reader)
        assert await reader.read() == b""

    assert (status, problem["reason"]) == (400, "BODY_INCOMPLETE")
    assert_no_failure_is_logged(logs)


BAD_CHUNKS: list[bytes] = [b"", b"10\r\n{}", b"2\r\n{}\r\n", b"zz\r\n", b"2\r\n{}xx0\r\n\r\n", b"-1\r\n\r\n"]


async def test_chunks_that_end_badly_are_the_senders_fault(
    gateway: Gateway, logs: list[Any], subtests: pytest.Subtests
) -> None:
    for route in ROUTES:
        for chunks in BAD_CHUNKS:
            with subtests.test(route=route, chunks=chunks):
                async with connect(gateway) as (reader, writer):
                    writer.write(make_head(gateway, route, "Transfer-Encoding: chunked"))
                    await writer.drain()
                    writer.write(chunks)
                    writer.write_eof()
                    status, problem = await read_answer(reader)

                assert (status, problem["reason"]) in {(400, "BODY_INCOMPLETE"), (400, "BAD_VALUE")}
                assert [line for line in logs if line["log_level"] == "error" or "exc_info" in line] == []


async def test_sender_who_leaves_early_causes_no_failure(
    gateway: Gateway, logs: list[Any], subtests: pytest.Subtests
) -> None:
    for route in ROUTES:
        with subtests.test(route=route):
            async with connect(gateway) as (_reader, writer):
                writer.write(make_head(gateway, route, f"Content-Length: {len(BODY)}") + BODY[:5])
                await writer.drain()
                writer.transport.abort()

            async def is_answered() -> bool:
                return any(line["event"] == "request" for line in logs)

            await wait_until(is_answered)
            assert [line["status"] for line in logs if line["event"] == "request"] == [400]
            assert_no_failure_is_logged(logs)
            logs.clear()


UNFINISHED = [
    ("Content-Length: 1000", b" "),
    ("Content-Length: 1000", b""),
    ("Transfer-Encoding: chunked", b"1\r\n \r\n"),
]


async def test_unfinished_body_is_answered_after_its_time_limit(impatient: Gateway, logs: list[Any]) -> None:
    """The sender sends a byte now and then, or none at all."""
    senders = [trickle(impatient, route, *unfinished) for route in ROUTES for unfinished in UNFINISHED]
    assert set(await asyncio.gather(*senders)) == {(408, "BODY_TIMEOUT")}
    assert_no_failure_is_logged(logs)


async def trickle(gateway: Gateway, route: str, header: str, part: bytes) -> tuple[int, str]:
    """Send a body without end; return the status and the reason of the answer."""
    async with connect(gateway) as (reader, writer):

        async def go_on() -> None:
            while True:
                writer.write(part)
                await asyncio.sleep(0.02)

        writer.write(make_head(gateway, route, header))
        going_on = asyncio.create_task(go_on())
        status, problem = await read_answer(reader)
        going_on.cancel()
    return status, problem["reason"]


BUTTONS: list[str] = ROUTES[:2]


async def test_agent_reads_that_the_click_did_not_arrive(gateway: Gateway, subtests: pytest.Subtests) -> None:
    for route in BUTTONS:
        with subtests.test(route=route):
            async with connect(gateway) as (reader, writer):
                writer.write(make_head(gateway, route, "Content-Length: 100") + b"{")
                writer.write_eof()
                _, problem = await read_answer(reader)

            sentence = "Not all that Gorgias sent arrived, this click changed nothing. Try again."
            assert problem["message"].endswith(f". {sentence}")


async def test_sender_who_ends_after_the_whole_request_is_answered(gateway: Gateway) -> None:
    for head in (b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", b"GET /healthz HTTP/1.0\r\n\r\n"):
        async with connect(gateway) as (reader, writer):
            writer.write(head)
            writer.write_eof()
            assert (await read_answer(reader))[0] == 200
            assert await reader.read() == b""


async def test_connection_that_is_ended_between_requests_is_closed(gateway: Gateway) -> None:
    async with connect(gateway) as (reader, writer):
        for _ in range(2):
            writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            assert (await read_answer(reader))[0] == 200
        writer.write_eof()
        assert await reader.read() == b""

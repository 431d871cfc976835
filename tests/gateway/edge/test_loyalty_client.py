"""The channel to the loyalty service, on a slow connection."""

import asyncio
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator

import grpc
import pytest_asyncio

from gateway.loyalty_client import LoyaltyClient
from tests.gateway.edge.scripted import ScriptedLoyalty

DELAY_S = 0.2


@pytest_asyncio.fixture(loop_scope="session")
async def slow_target(loyalty: tuple[ScriptedLoyalty, str, grpc.aio.Server]) -> AsyncIterator[str]:
    """The scripted loyalty service, whose answers are all late, beginning with that of the connection itself."""
    host, _, port = loyalty[1].rpartition(":")

    async def connect(reader: StreamReader, writer: StreamWriter) -> None:
        inner_reader, inner_writer = await asyncio.open_connection(host, int(port))
        try:
            await asyncio.gather(relay(reader, inner_writer, 0), relay(inner_reader, writer, DELAY_S))
        finally:
            writer.close()
            inner_writer.close()

    async with await asyncio.start_server(connect, "127.0.0.1", 0) as server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def relay(reader: StreamReader, writer: StreamWriter, delay_s: float) -> None:
    while block := await reader.read(65_536):
        await asyncio.sleep(delay_s)
        writer.write(block)
    writer.close()


async def test_loyalty_service_that_is_slow_to_take_a_connection_is_waited_for(
    scripted: ScriptedLoyalty, slow_target: str
) -> None:
    async with LoyaltyClient(slow_target, "inner-key") as client:
        merchant = await client.get_merchant("acme", timeout_s=20)
    assert merchant == scripted.merchant

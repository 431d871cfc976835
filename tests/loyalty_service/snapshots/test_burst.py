"""Hundreds of simultaneous ticket events of one member: each of four processes reads TRIFFT once per started second."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

import grpc
import pytest
from aiohttp.test_utils import TestServer
from google.protobuf.duration_pb2 import Duration

from protos.loyalty.v1 import loyalty_pb2 as pb
from runtime.channels import DIRECT
from sandbox.trifft import Fault, Member, Project, Trifft, create_trifft_app, make_project
from tests.forked import Forked, run_forked
from tests.loyalty_service.running import SECRET_KEY, Client

PROCESSES = 4
EVENTS = 300
JANA = pb.MemberIdentity(email="jana@example.com")
EVENT = pb.GetSnapshotRequest(merchant_id="acme", identity=JANA, max_staleness=Duration(seconds=1))


@pytest.fixture
async def acme() -> AsyncIterator[Project]:
    """A project whose calls each take 300 ms."""
    project = make_project("acme", [Member(id="jana", email="jana@example.com", first_name="Jana")])
    project.faults.set(Fault(kind="latency", seconds=0.3))
    yield project
    project.faults.clear()


@pytest.fixture
async def trifft_url(acme: Project) -> AsyncIterator[str]:
    async with TestServer(create_trifft_app(Trifft([acme]))) as server:
        yield str(server.make_url(""))


@asynccontextmanager
async def run_processes(count: int, settings: dict[str, str]) -> AsyncIterator[list[tuple[Forked, Client]]]:
    """Run listening processes. They start one after another, so the others find the database of the first."""
    async with AsyncExitStack() as stack:
        processes = []
        for _ in range(count):
            process = await stack.enter_async_context(run_forked("loyalty_service.__main__:main", env=settings))
            async with asyncio.timeout(60):
                while (line := json.loads(await process.stderr.readline()))["event"] != "listening":
                    pass
            channel = await stack.enter_async_context(grpc.aio.insecure_channel(line["address"], options=DIRECT))
            processes.append((process, Client(channel)))
        yield processes


async def fire(clients: Sequence[Client], count: int) -> list[pb.Snapshot | Exception]:
    """Fire so many ticket events at once, spread over the processes."""

    async def read(client: Client) -> pb.Snapshot:
        return (await client.loyalty.GetSnapshot(EVENT, timeout=60)).snapshot

    events = (read(clients[number % len(clients)]) for number in range(count))
    return await asyncio.gather(*events, return_exceptions=True)  # type: ignore[return-value]


async def add_acme(client: Client, acme: Project, trifft_url: str) -> None:
    merchant = pb.Merchant(merchant_id="acme", provider_url=trifft_url)
    request = pb.CreateMerchantRequest(merchant=merchant, provider_token=acme.get_token(), skip_probe=True)
    await client.merchants.CreateMerchant(request)


@pytest.fixture
def settings(new_sqlite_url: str, valkey_url: str) -> dict[str, str]:
    """The settings of each process."""
    return {
        "LOYALTY_SNAPSHOTS_URL": valkey_url,
        "LOYALTY_LISTEN": "127.0.0.1:0",
        "LOYALTY_DATABASE_URL": new_sqlite_url,
        "LOYALTY_SECRET_KEYS": SECRET_KEY,
        "LOYALTY_READ_TIMEOUT_S": "60",
    }


async def test_each_process_reads_a_burst_once_per_started_second(
    settings: dict[str, str], acme: Project, trifft_url: str
) -> None:
    async with run_processes(PROCESSES, settings) as processes:
        clients = [client for _, client in processes]
        await add_acme(clients[0], acme, trifft_url)
        begin = time.monotonic()
        answers = await fire(clients, EVENTS)
        seconds_begun = int(time.monotonic() - begin) + 1
    assert [answer.member.member_id for answer in answers if isinstance(answer, pb.Snapshot)] == ["jana"] * EVENTS
    assert acme.count_requests("find") <= PROCESSES * seconds_begun

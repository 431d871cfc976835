"""`python -m loyalty_service` as a process of its own, against the TRIFFT stand-in."""

import asyncio
import json
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import grpc
import pytest
from aiohttp.test_utils import TestServer

from protos.loyalty.v1 import loyalty_pb2 as pb
from runtime.channels import DIRECT
from sandbox.trifft import Fault, Member, Project, Trifft, create_trifft_app, make_project
from tests.forked import Forked, run_forked
from tests.loyalty_service.running import SECRET_KEY, Client, make_request_id, wait_until
from tests.proxies import run_proxy

JANA = "jana"


@pytest.fixture
async def acme() -> AsyncIterator[Project]:
    project = make_project("acme", [Member(id=JANA, email="jana@example.com", first_name="Jana")])
    yield project
    project.faults.clear()


@pytest.fixture
async def trifft_url(acme: Project) -> AsyncIterator[str]:
    async with TestServer(create_trifft_app(Trifft([acme]))) as server:
        yield str(server.make_url(""))


@pytest.fixture
def settings(new_sqlite_url: str) -> dict[str, str]:
    return {
        "LOYALTY_LISTEN": "127.0.0.1:0",
        "LOYALTY_DATABASE_URL": new_sqlite_url,
        "LOYALTY_SECRET_KEYS": SECRET_KEY,
        "LOYALTY_READ_TIMEOUT_S": "20",  # a busy machine is no TRIFFT that hangs
    }


def start(settings: dict[str, str]) -> AbstractAsyncContextManager[Forked]:
    return run_forked("loyalty_service.__main__:main", env=settings)


@asynccontextmanager
async def running(settings: dict[str, str]) -> AsyncIterator[tuple[Forked, Client]]:
    """A process that listens. It is killed at the end unless the test has ended it."""
    async with (
        start_listening(settings) as (process, address),
        grpc.aio.insecure_channel(address, options=DIRECT) as channel,
    ):
        yield process, Client(channel)


@asynccontextmanager
async def start_listening(settings: dict[str, str]) -> AsyncIterator[tuple[Forked, str]]:
    async with start(settings) as process:
        async with asyncio.timeout(60):
            while (line := json.loads(await process.stderr.readline()))["event"] != "listening":
                pass
        yield process, line["address"]


async def wait_for_event(process: Forked, event: str) -> None:
    async with asyncio.timeout(60):
        while json.loads(await process.stderr.readline())["event"] != event:
            pass


async def add_merchant(client: Client, acme: Project, trifft_url: str) -> None:
    merchant = pb.Merchant(merchant_id="acme", provider_url=trifft_url)
    token = acme.get_token()
    await client.merchants.CreateMerchant(
        pb.CreateMerchantRequest(merchant=merchant, provider_token=token, allow_private_url=True)
    )


async def test_award_in_flight_is_settled_before_the_process_leaves_and_is_there_after_it(
    settings: dict[str, str], acme: Project, trifft_url: str
) -> None:
    """Its caller has been answered: nothing but the draining of awards keeps the process."""
    request_id = make_request_id()
    async with running(settings | {"LOYALTY_AWARD_ANSWER_S": "0.1"}) as (process, client):
        await add_merchant(client, acme, trifft_url)
        await client.hold(JANA)
        acme.faults.set(Fault(kind="hang", operation="credit"))
        answer = await client.award(request_id=request_id, member_id=JANA)
        await wait_until(lambda: acme.count_requests("credit"))
        process.send_signal(signal.SIGTERM)
        await wait_for_event(process, "draining")
        acme.faults.clear()
        code = await process.wait()

    async with running(settings) as (_, client):
        kept = await client.loyalty.GetAward(pb.GetAwardRequest(merchant_id="acme", request_id=request_id))
        again = await client.award(request_id=request_id, member_id=JANA)

    assert code == 0
    assert (answer.award.state, kept.award.state) == (pb.AWARD_STATE_PENDING, pb.AWARD_STATE_APPLIED)
    assert (again.replayed, acme.count_requests("credit")) == (True, 1)
    assert int(acme.get_member(JANA).points) == 100


async def test_award_that_is_opened_while_the_process_drains_is_settled_before_it_leaves(
    settings: dict[str, str], acme: Project, trifft_url: str
) -> None:
    """Its caller has left: nothing but the draining of awards keeps the process."""
    request_id = make_request_id()
    async with running(settings | {"LOYALTY_AWARD_ANSWER_S": "20"}) as (process, client):
        await add_merchant(client, acme, trifft_url)
        acme.faults.set(Fault(kind="hang", operation="get"))
        call = asyncio.ensure_future(client.award(request_id=request_id, member_id=JANA))
        await wait_until(lambda: acme.count_requests("get"))
        process.send_signal(signal.SIGTERM)
        await wait_for_event(process, "draining")
        acme.faults.clear()
        acme.faults.set(Fault(kind="hang", operation="credit"))
        await wait_until(lambda: acme.count_requests("credit"))
        call.cancel()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(process.wait(), 0.3)
        acme.faults.clear()
        await process.wait()

    async with running(settings) as (_, client):
        kept = await client.loyalty.GetAward(pb.GetAwardRequest(merchant_id="acme", request_id=request_id))

    assert kept.award.state == pb.AWARD_STATE_APPLIED


async def test_award_of_a_killed_process_is_known_or_unknown_and_never_sent_again(
    settings: dict[str, str], acme: Project, trifft_url: str
) -> None:
    request_id = make_request_id()
    # Its lease outlives the start of the next one on a busy machine.
    async with running(settings | {"LOYALTY_AWARD_TIMEOUT_S": "60"}) as (process, client):
        await add_merchant(client, acme, trifft_url)
        acme.faults.set(Fault(kind="hang", operation="credit"))
        call = asyncio.ensure_future(client.award(request_id=request_id, member_id=JANA))
        await wait_until(lambda: acme.count_requests("credit"))
        process.kill()
        with pytest.raises(grpc.aio.AioRpcError):
            await call
    acme.faults.clear()

    async with running(settings | {"LOYALTY_AWARD_ANSWER_S": "0.1"}) as (_, client):
        again = await client.award(request_id=request_id, member_id=JANA)

    assert (again.replayed, again.award.state) == (True, pb.AWARD_STATE_PENDING)
    assert acme.count_requests("credit") == 1


async def test_interrupt_ends_an_idle_process_with_exit_code_0(settings: dict[str, str]) -> None:
    async with running(settings) as (process, _):
        process.send_signal(signal.SIGINT)

        assert await process.wait() == 0


async def test_shared_store_that_is_down_keeps_no_process_from_starting(
    settings: dict[str, str], acme: Project, trifft_url: str, unused_tcp_port: int
) -> None:
    async with running(settings | {"LOYALTY_SNAPSHOTS_URL": f"redis://127.0.0.1:{unused_tcp_port}"}) as (_, client):
        await add_merchant(client, acme, trifft_url)
        identity = pb.MemberIdentity(member_id=JANA)
        request = pb.GetSnapshotRequest(merchant_id="acme", identity=identity)
        answer = await client.loyalty.GetSnapshot(request, timeout=60)

    assert answer.snapshot.member.member_id == JANA


async def test_award_that_the_proxy_refuses_is_rejected_and_may_be_tried_again(
    settings: dict[str, str], acme: Project, trifft_url: str
) -> None:
    """Never in doubt: the proxy has passed nothing on."""
    request_id = make_request_id()
    async with run_proxy() as proxy:
        proxy.lead_to(trifft_url)
        proxy.refused = "/wallet/credit"
        async with running(settings | {"LOYALTY_HTTP_PROXY": proxy.url}) as (_, client):
            await add_merchant(client, acme, "http://trifft.test")
            balance = str(acme.get_member(JANA).points)
            proof = pb.VerifyMerchantRequest(
                merchant_id="acme", member_id=JANA, shown_balance=balance, give=1, verified_by="ops"
            )
            await client.merchants.VerifyMerchant(proof)
            sent = acme.count_requests("credit")
            proxy.refusal = 407
            refused = await client.award(request_id=request_id, member_id=JANA)
            proxy.refusal = None
            again = await client.award(request_id=request_id, member_id=JANA)
    assert (refused.award.state, refused.award.retryable) == (pb.AWARD_STATE_REJECTED, True)
    assert (again.award.state, acme.count_requests("credit")) == (pb.AWARD_STATE_APPLIED, sent + 1)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"LOYALTY_SECRET_KEYS": ""}, "LOYALTY_SECRET_KEYS"),
        ({"LOYALTY_DATABASE_URL": "postgresql://user:password@127.0.0.1:1/name"}, "LOYALTY_DATABASE_URL"),
        ({"LOYALTY_SNAPSHOTS_URL": "carrier-pigeon://loft"}, "LOYALTY_SNAPSHOTS_URL"),
        ({"LOYALTY_SNAPSHOTS_URL": "redis://:password@host:port"}, "LOYALTY_SNAPSHOTS_URL"),
        ({"LOYALTY_SNAPSHOTS_URL": "redis://:password@host?foo=bar"}, "LOYALTY_SNAPSHOTS_URL has a parameter 'foo'"),
        ({"LOYALTY_SNAPSHOTS_URL": "redis://:password@host/first"}, "LOYALTY_SNAPSHOTS_URL must have a number"),
        ({"LOYALTY_DATABASE_URL": "sqlite:///kept.db?mode=ro"}, "LOYALTY_DATABASE_URL has parameters"),
        ({"LOYALTY_LISTEN": "taken"}, "LOYALTY_LISTEN"),
        ({"LOYALTY_HTTP_PROXY": "https://clerk:password@proxy.corp:3128"}, "LOYALTY_HTTP_PROXY"),
    ],
)
async def test_bad_setting_ends_the_process_with_one_line_and_exit_code_2(
    settings: dict[str, str], changes: dict[str, str], named: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        if changes.get("LOYALTY_LISTEN") == "taken":
            changes = {"LOYALTY_LISTEN": f"127.0.0.1:{taken.getsockname()[1]}"}
        async with start(settings | changes) as process:
            _, errors = await process.communicate()
            assert process.returncode == 2

    lines = errors.decode().splitlines()
    assert len(lines) == 1, lines
    assert named in lines[0]
    assert "password@" not in lines[0]


async def test_keys_that_do_not_decrypt_the_database_keep_the_process_from_starting(
    settings: dict[str, str], acme: Project, trifft_url: str, tmp_path: Path
) -> None:
    async with running(settings) as (_, client):
        await add_merchant(client, acme, trifft_url)
    (tmp_path / "keys").write_text("bXkgb3RoZXIga2V5IG9mIHRoaXJ0eS10d28gYnl0ZXM=", encoding="utf-8")
    del settings["LOYALTY_SECRET_KEYS"]

    async with start(settings | {"LOYALTY_SECRET_KEYS_FILE": str(tmp_path / "keys")}) as process:
        _, errors = await process.communicate()
        assert process.returncode == 2

    assert errors.decode().count("\n") == 1
    assert "LOYALTY_SECRET_KEYS lacks the key" in errors.decode()


async def test_metadata_that_is_no_text_is_not_quoted_in_the_log(settings: dict[str, str]) -> None:
    """Written byte by byte: clients refuse to send a key with such a byte. gRPC's own log line would quote it."""
    fields = {
        ":method": b"POST",
        ":scheme": b"http",
        ":path": b"/loyalty.v1.LoyaltyService/GetSnapshot",
        ":authority": b"loyalty",
        "content-type": b"application/grpc",
        "te": b"trailers",
        "authorization": b"Bearer a-secret-key\xff",
    }
    head = b"".join(b"\0%c%b%c%b" % (len(name), name.encode(), len(value), value) for name, value in fields.items())
    start, last = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + make_frame(4, 0, 0), make_frame(0, 1, 1, bytes(5))
    async with start_listening(settings | {"LOYALTY_API_KEY": "another-key"}) as (process, address):
        reader, writer = await asyncio.open_connection(*address.split(":"))
        writer.write(start + make_frame(1, 4, 1, head) + last)
        async with asyncio.timeout(60):
            while json.loads(line := await process.stderr.readline())["event"] != "call":
                assert b"a-secret-key" not in line
            await reader.readuntil(b"the bearer key is missing or wrong")
        writer.close()
        process.terminate()
        assert b"a-secret-key" not in line + await process.stderr.read()


def make_frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """A frame of HTTP/2."""
    return len(payload).to_bytes(3) + bytes([kind, flags]) + stream.to_bytes(4) + payload

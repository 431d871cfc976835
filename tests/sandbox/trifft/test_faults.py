"""Each switch, as a client meets it. A credit shows whether the call took effect."""

import asyncio
from collections.abc import Awaitable, Callable

import aiohttp
import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from sandbox.trifft import Fault, Member, Project, Trifft, create_trifft_app
from sandbox.trifft.faults import FAULT_STATUSES, FaultKind

WAIT_S = 30.0
Client = TestClient[web.Request, web.Application]
Until = Callable[[Callable[[], object]], Awaitable[None]]


async def credit(client: Client, member: Member) -> aiohttp.ClientResponse:
    return await client.post(f"/v1/member/{member.id}/wallet/credit", json={"points": 100})


@pytest.mark.parametrize("status", FAULT_STATUSES)
async def test_status_fault_answers_with_the_envelope(client: Client, acme: Project, jana: Member, status: int) -> None:
    acme.faults.set(Fault(kind="status", operation="credit", status=status))

    response = await credit(client, jana)

    body = await response.json()
    assert (response.status, body["status"], body["error"]["code"], body["success"]) == (status, status, status, False)
    assert jana.points == 1240


@pytest.mark.parametrize(
    ("kind", "error"), [("refuse", aiohttp.ServerDisconnectedError), ("reset", aiohttp.ClientOSError)]
)
async def test_broken_connection_before_the_commit_changes_nothing(
    client: Client, acme: Project, jana: Member, kind: FaultKind, error: type[Exception]
) -> None:
    """The connection is closed, or reset."""
    acme.faults.set(Fault(kind=kind, operation="credit"))

    with pytest.raises(error):
        await credit(client, jana)

    assert jana.points == 1240
    assert (acme.requests[0].status, acme.requests[0].fault) == (None, kind)


async def test_lost_answer_leaves_the_effect(client: Client, acme: Project, jana: Member) -> None:
    acme.faults.set(Fault(kind="lost_answer", operation="credit"))

    with pytest.raises(aiohttp.ClientOSError):
        await credit(client, jana)

    assert jana.points == 1340
    assert len(jana.movements) == 1


@pytest.mark.parametrize(
    "fault",
    [
        Fault(kind="status", status=500, after_commit=True),
        Fault(kind="html", status=502, after_commit=True),
    ],
)
async def test_fault_after_the_commit_leaves_the_effect(
    client: Client, acme: Project, jana: Member, fault: Fault
) -> None:
    acme.faults.set(fault)

    assert (await credit(client, jana)).status == fault.status
    assert jana.points == 1340


@pytest.mark.parametrize("status", [200, 502])
async def test_html_fault_answers_a_page(client: Client, acme: Project, jana: Member, status: int) -> None:
    acme.faults.set(Fault(kind="html", status=status))

    response = await credit(client, jana)

    assert (response.status, response.content_type) == (status, "text/html")
    assert (await response.text()).startswith("<!DOCTYPE html>")
    assert jana.points == 1240


@pytest.mark.parametrize("kind", ["bad_json", "half_json"])
async def test_spoiled_json_cannot_be_read(client: Client, acme: Project, jana: Member, kind: FaultKind) -> None:
    acme.faults.set(Fault(kind=kind))

    response = await credit(client, jana)

    assert (response.status, response.content_type) == (200, "application/json")
    with pytest.raises(msgspec.DecodeError):
        msgspec.json.decode(await response.read())
    assert jana.points == 1340


async def test_wrong_types_are_where_the_right_ones_were(client: Client, acme: Project) -> None:
    acme.faults.set(Fault(kind="wrong_types"))

    (member,) = await (await client.get("/v1/member?email=jana@example.com")).json()

    assert (member["points"], member["id"], member["segments"]) == ([1240], 36, "a list")


async def test_slow_body_arrives_whole(client: Client, acme: Project, jana: Member) -> None:
    acme.faults.set(Fault(kind="slow_body", seconds=0.001))

    assert (await (await credit(client, jana)).json())["balance"] == 1340


async def test_slow_body_comes_in_bytes_and_at_once_when_cleared(client: Client, acme: Project, jana: Member) -> None:
    acme.faults.set(Fault(kind="slow_body", seconds=60))
    response = await credit(client, jana)
    assert await response.content.readany() == b"{"

    acme.faults.clear()

    assert (await asyncio.wait_for(response.content.read(), WAIT_S)).endswith(b"}")


async def test_latency_holds_the_call_and_is_added_to_another_fault(
    client: Client, acme: Project, jana: Member, until: Until
) -> None:
    switch = acme.faults.set(Fault(kind="latency", seconds=60, operation="credit"))
    acme.faults.set(Fault(kind="status", status=503))
    asked = asyncio.create_task(credit(client, jana))
    await until(lambda: acme.requests)

    assert (await client.get("/v1/member?phone=1")).status == 503
    assert not asked.done()

    acme.faults.clear(switch.id)
    assert (await asyncio.wait_for(asked, WAIT_S)).status == 503


async def test_short_latency_ends_by_itself(client: Client, acme: Project, jana: Member) -> None:
    acme.faults.set(Fault(kind="latency", seconds=0.01))

    assert (await credit(client, jana)).status == 200


@pytest.mark.parametrize("after_commit", [False, True])
async def test_hang_holds_the_request_until_cleared(
    client: Client, acme: Project, jana: Member, until: Until, *, after_commit: bool
) -> None:
    """A switch that is used up still holds the calls that it affected."""
    acme.faults.set(Fault(kind="hang", operation="credit", times=1, after_commit=after_commit))
    held = asyncio.create_task(credit(client, jana))
    await until(lambda: acme.requests and acme.requests[0].fault)
    assert (await client.get(f"/v1/member/{jana.id}")).status == 200
    assert jana.points == (1340 if after_commit else 1240)
    assert not held.done()

    acme.faults.clear()

    assert (await (await asyncio.wait_for(held, WAIT_S)).json())["balance"] == 1340
    assert acme.requests[0].status == 200


async def test_hang_forgets_a_client_that_leaves(client: Client, acme: Project, jana: Member, until: Until) -> None:
    acme.faults.set(Fault(kind="hang", operation="credit"))
    before = asyncio.all_tasks()
    held = asyncio.create_task(credit(client, jana))
    await until(lambda: acme.requests and acme.requests[0].fault)
    (call,) = [task for task in asyncio.all_tasks() - before if "_Exchange.answer" in repr(task)]

    held.cancel()
    await until(call.done)

    assert jana.points == 1240
    assert acme.requests[0].status is None


async def test_latency_does_not_spare_a_client_that_leaves(
    client: Client, acme: Project, jana: Member, until: Until
) -> None:
    """The points are booked although the client has long given up."""
    acme.faults.set(Fault(kind="latency", operation="credit", seconds=60))
    held = asyncio.create_task(credit(client, jana))
    await until(lambda: acme.requests)
    held.cancel()
    await asyncio.wait([held])
    assert jana.points == 1240

    acme.faults.clear()

    await until(lambda: jana.movements)
    assert jana.points == 1340


@pytest.mark.parametrize("kind", ["hang", "slow_body", "latency"])
async def test_shutdown_ends_held_calls(acme: Project, jana: Member, until: Until, kind: FaultKind) -> None:
    acme.faults.set(Fault(kind=kind, seconds=100))
    headers = {"Authorization": f"Bearer {acme.get_token()}"}
    async with TestClient(TestServer(create_trifft_app(Trifft([acme]))), headers=headers) as client:

        async def ask() -> bytes:
            return await (await credit(client, jana)).read()

        held = asyncio.create_task(ask())
        await until(lambda: acme.requests)

        async with asyncio.timeout(WAIT_S):
            await client.server.close()
            await held


async def test_fault_affects_its_operation_only(client: Client, acme: Project, jana: Member) -> None:
    acme.faults.set(Fault(kind="status", operation="credit", status=500))

    assert (await client.get(f"/v1/member/{jana.id}")).status == 200
    assert (await credit(client, jana)).status == 500


async def test_fault_affects_the_next_calls_only(client: Client, acme: Project, jana: Member) -> None:
    acme.faults.set(Fault(kind="status", status=500, times=2))

    assert [(await credit(client, jana)).status for _ in range(3)] == [500, 500, 200]


async def test_newest_fault_counts_and_the_same_kind_is_replaced(client: Client, acme: Project, jana: Member) -> None:
    acme.faults.set(Fault(kind="status", status=500))
    acme.faults.set(Fault(kind="status", status=503))
    acme.faults.set(Fault(kind="html", times=1))

    assert [(await credit(client, jana)).status for _ in range(2)] == [200, 503]
    assert len(acme.faults.list()) == 2


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": "status"},
        {"kind": "status", "status": 418},
        {"kind": "html", "status": 500},
        {"kind": "latency", "seconds": 0},
        {"kind": "latency", "seconds": 121},
        {"kind": "hang", "times": 0},
        {"kind": "explode"},
        {"kind": "hang", "operation": "sing"},
        {"kind": "hang", "because": "why not"},
    ],
)
async def test_impossible_fault_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(fields, Fault)

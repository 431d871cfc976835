"""Each switch of the REST API, as its client meets it. A note in the ticket shows whether the call took effect."""

import asyncio
from typing import Any

import aiohttp
import pytest

from tests.sandbox.gorgias.helpdesk import AUTH, Helpdesk
from tests.sandbox.gorgias.test_tickets_api import NOTE

WAIT_S = 30.0


async def misbehave(helpdesk: Helpdesk, **fault: object) -> Any:  # noqa: ANN401 - any JSON
    return await helpdesk.page("POST", "faults", {"operation": "create_message"} | fault)


async def count_notes(helpdesk: Helpdesk) -> int:
    messages = (await helpdesk.page("GET", "tickets/4712"))["messages"]
    return sum(message["channel"] == "internal-note" for message in messages)


async def write_note(helpdesk: Helpdesk) -> int:
    return (await helpdesk.rest("POST", "tickets/4712/messages", json=NOTE))[0]


async def wait_for_notes(helpdesk: Helpdesk, count: int) -> None:
    async with asyncio.timeout(WAIT_S):
        while await count_notes(helpdesk) != count:  # noqa: ASYNC110 - what is waited for knows of no event
            await asyncio.sleep(0.01)


async def hang(helpdesk: Helpdesk, **fault: object) -> "asyncio.Task[int]":
    """A note that is being written, and is held."""
    await misbehave(helpdesk, **({"kind": "hang"} | fault), times=1)
    held = asyncio.create_task(write_note(helpdesk))
    async with asyncio.timeout(WAIT_S):
        while (await helpdesk.page("GET", "faults"))[0]["remaining"]:  # noqa: ASYNC110 - likewise
            await asyncio.sleep(0.01)
    return held


async def test_answer_lost_after_the_message_was_created_leaves_the_message(helpdesk: Helpdesk) -> None:
    await misbehave(helpdesk, kind="lost_answer", times=1)
    with pytest.raises(aiohttp.ClientOSError):
        await write_note(helpdesk)
    assert await count_notes(helpdesk) == 1
    assert await write_note(helpdesk) == 201


async def test_reset_before_creates_nothing(helpdesk: Helpdesk) -> None:
    await misbehave(helpdesk, kind="reset")
    with pytest.raises(aiohttp.ClientOSError):
        await write_note(helpdesk)
    assert await count_notes(helpdesk) == 0


@pytest.mark.parametrize("after_commit", [False, True])
@pytest.mark.parametrize("status", [404, 500, 503])
async def test_error_status_is_answered_before_or_after_the_effect(
    helpdesk: Helpdesk, status: int, *, after_commit: bool
) -> None:
    await misbehave(helpdesk, kind="status", status=status, after_commit=after_commit)
    assert await write_note(helpdesk) == status
    assert await count_notes(helpdesk) == int(after_commit)


async def test_throttled_call_is_told_how_long_to_wait(helpdesk: Helpdesk) -> None:
    await misbehave(helpdesk, kind="status", status=429, operation="*")
    async with helpdesk.client.get("/gorgias/acme/api/messages", headers=AUTH) as response:
        assert (response.status, response.headers["Retry-after"]) == (429, "5")


async def test_slow_call_takes_effect_though_its_client_left(helpdesk: Helpdesk) -> None:
    """The note appears when nobody waits for it any more."""
    held = await hang(helpdesk, kind="latency", seconds=60)
    held.cancel()
    await asyncio.wait({held})
    assert await count_notes(helpdesk) == 0
    [switch] = await helpdesk.page("GET", "faults")
    await helpdesk.page("DELETE", f"faults/{switch['id']}", {})
    await wait_for_notes(helpdesk, 1)


async def test_hanging_call_goes_on_when_it_is_let_go(helpdesk: Helpdesk) -> None:
    held = await hang(helpdesk)
    assert (await count_notes(helpdesk), held.done()) == (0, False)
    assert await helpdesk.page("DELETE", "faults", {}) == []
    assert await asyncio.wait_for(held, WAIT_S) == 201


async def test_fault_strikes_its_call_only_and_as_often_as_it_says(helpdesk: Helpdesk) -> None:
    await misbehave(helpdesk, kind="status", status=500, times=2)
    assert (await helpdesk.rest("GET", "tickets/4712"))[0] == 200
    assert [await write_note(helpdesk) for _ in range(3)] == [500, 500, 201]


async def test_shutdown_ends_what_is_held(own_helpdesk: Helpdesk) -> None:
    held = await hang(own_helpdesk)
    async with asyncio.timeout(WAIT_S):
        await own_helpdesk.client.server.close()
        await held


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "explode"},
        {"kind": "status"},
        {"kind": "status", "status": 418},
        {"kind": "latency", "seconds": 0},
        {"kind": "hang", "times": 0},
        {"kind": "hang", "operation": "sing"},
        {"kind": "hang", "because": "why not"},
    ],
)
async def test_fault_that_makes_no_sense_is_refused(helpdesk: Helpdesk, fault: dict[str, object]) -> None:
    async with helpdesk.client.post("/sandbox/gorgias/acme/faults", json=fault) as response:
        assert response.status == 400
        assert (await response.json())["error"]


async def test_fault_that_is_gone_is_not_found(helpdesk: Helpdesk) -> None:
    async with helpdesk.client.delete("/sandbox/gorgias/acme/faults/x", json=None) as response:
        assert response.status == 415
    headers = {"Content-Type": "application/json"}
    async with helpdesk.client.delete("/sandbox/gorgias/acme/faults/x", headers=headers) as response:
        assert response.status == 404

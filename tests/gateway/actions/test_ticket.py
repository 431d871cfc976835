"""The ticket of a press: asked about within the account's rate, and promised a note, before anything is sent."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any, TypeAlias

import aiohttp
import grpc
import pytest
import pytest_asyncio
from sqlalchemy import Connection

from gateway.gorgias.rate_limiter import REQUESTS, WINDOW_S
from runtime.database import Database
from tests.gateway.actions.outcomes import APPLIED, UNDONE
from tests.gateway.edge.running import ACTION_TIMEOUT_S, Gateway, run_gateway
from tests.gateway.edge.scripted import ScriptedLoyalty
from tests.gateway.edge.shared import Shop
from tests.gateway.helpdesk import Helpdesk
from tests.statements import execute

Loyalty = tuple[ScriptedLoyalty, str, grpc.aio.Server]
Press: TypeAlias = "Callable[..., Any]"


@pytest.fixture(params=["award", "undo"])
def press(request: pytest.FixtureRequest, gateway: Gateway, scripted: ScriptedLoyalty) -> Press:
    """Either button."""
    scripted.award, scripted.reversal = APPLIED, UNDONE
    return gateway.press if request.param == "award" else gateway.press_undo


@pytest_asyncio.fixture(loop_scope="session")
async def own_gateway(folder: Path, loyalty: Loyalty, helpdesk: Helpdesk) -> AsyncIterator[Gateway]:
    """With our usual share of the account's rate."""
    loyalty[0].award, loyalty[0].reversal = APPLIED, UNDONE
    async with run_gateway(folder, loyalty[1], gorgias=helpdesk.make_target()) as running:
        yield running


@asynccontextmanager
async def locked(database: Database) -> AsyncIterator[None]:
    """Others can read meanwhile, and not write."""
    loop, begun, is_over = asyncio.get_running_loop(), asyncio.Event(), threading.Event()

    def hold(_connection: Connection) -> None:
        loop.call_soon_threadsafe(begun.set)
        is_over.wait()

    held = asyncio.create_task(database.write(hold))
    await begun.wait()
    try:
        yield
    finally:
        is_over.set()
        await held


def list_sent(scripted: ScriptedLoyalty) -> list[Any]:
    return [*scripted.award_requests, *scripted.reversal_requests]


async def check_nothing_was_done(response: aiohttp.ClientResponse, scripted: ScriptedLoyalty) -> None:
    body = await response.json()
    assert (response.status, body["reason"]) == (503, "STORE_UNAVAILABLE")
    assert body["message"].endswith(
        ". Our own records are not answering, this click changed nothing. Try again in a few minutes."
    )
    assert list_sent(scripted) == []


async def test_ticket_whose_number_hides_a_character_is_named_without_it(
    gateway: Gateway, scripted: ScriptedLoyalty
) -> None:
    response = await gateway.press_undo(ticket_id="47\u202e11")
    assert response.status == 422
    assert (await response.json())["message"] == (
        "Not undone: ticket 4711 is not in this Gorgias account. Try in another ticket of this customer."
    )
    assert list_sent(scripted) == []


@pytest.mark.parametrize("ticket_id", ["", "{{ticket.id}}", "None"])
async def test_press_without_a_ticket_is_refused(
    press: Press, scripted: ScriptedLoyalty, helpdesk: Helpdesk, ticket_id: str
) -> None:
    """Or it would evade the limit of its ticket, and leave no trace in one."""
    response = await press(ticket_id=ticket_id)
    body = await response.json()
    assert (response.status, body["reason"]) == (400, "TICKET_MISSING")
    assert body["message"].partition(". ")[2] == (
        "Gorgias did not say which ticket this is. Open the ticket again, then try again."
    )
    assert list_sent(scripted) == []
    assert helpdesk.requests == []


async def test_press_that_cannot_be_checked_for_lack_of_rate_is_refused_for_a_moment(
    own_gateway: Gateway, loyalty: Loyalty, helpdesk: Helpdesk
) -> None:
    presses = (own_gateway.press, own_gateway.press_undo)
    for number in range(REQUESTS):
        press = presses[number % 2]
        assert (await press(ticket_id=str(900_000 + number))).status == HTTPStatus.UNPROCESSABLE_ENTITY
    for press in presses:
        response = await press()
        body = await response.json()
        assert (response.status, body["reason"]) == (503, "TICKET_NOT_CHECKED")
        assert 0 < int(response.headers["Retry-After"]) <= WINDOW_S
        assert body["message"].endswith(
            ". Gorgias did not say whose ticket this is. Nothing was changed. Try again in a minute."
        )
    assert (len(helpdesk.requests), list_sent(loyalty[0])) == (REQUESTS, [])


async def test_note_is_on_record_under_the_requests_id(press: Press, shop: Shop) -> None:
    await press()
    [request] = list_sent(shop.scripted)
    [note] = await shop.list_notes()
    assert (note["request_id"], note["ticket_id"]) == (request.request_id, 4711)


async def test_nothing_is_sent_where_no_note_can_be_put_on_record(press: Press, shop: Shop) -> None:
    await execute(shop.database, "ALTER TABLE ticket_notes RENAME TO away")
    try:
        await check_nothing_was_done(await press(), shop.scripted)
    finally:
        await execute(shop.database, "ALTER TABLE away RENAME TO ticket_notes")


async def test_nothing_is_sent_where_the_note_takes_too_long(
    press: Press, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.actions.boundary._DATABASE_SHARE", 0.1 / ACTION_TIMEOUT_S)
    async with locked(shop.database):
        response = await press()
    await check_nothing_was_done(response, shop.scripted)


@pytest.mark.parametrize("values", [{"points": "ten"}, {"award_token": "x"}, {"note": "x" * 501}])
async def test_press_that_cannot_be_read_asks_gorgias_nothing(shop: Shop, values: dict[str, str]) -> None:
    assert (await shop.gateway.press(**values)).status == 400
    assert (shop.helpdesk.requests, await shop.list_notes()) == ([], [])

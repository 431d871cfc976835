"""The ticket of a press: looked up in Gorgias, and promised a note, before anything is sent."""

import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing, contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any, TypeAlias

import aiohttp
import grpc
import pytest

from gateway.gorgias.budget import PERIOD_S, REQUESTS
from sandbox.gorgias.faults import Fault
from tests.gateway.edge.outcomes import APPLIED, UNDONE
from tests.gateway.edge.running import Gateway, run_gateway
from tests.gateway.edge.scripted import ScriptedLoyalty
from tests.gateway.helpdesk import Helpdesk

Loyalty = tuple[ScriptedLoyalty, str, grpc.aio.Server]
Press: TypeAlias = "Callable[..., Any]"
# Long enough for the rest of a press, of which the ticket may take 0.35 s and the database 0.5 s.
ACTION_TIMEOUT_S = 10.0
PATIENCE_S = 5.0


@pytest.fixture(autouse=True)
def patience(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine is no Gorgias that does not say."""
    if "does_not_say" not in request.node.name:
        monkeypatch.setattr("gateway.tickets.lookup.LOOKUP_TIMEOUT_S", PATIENCE_S)
        monkeypatch.setattr("gateway.tickets.accounts.LOOKUP_TIMEOUT_S", PATIENCE_S)


@pytest.fixture
async def gateway(tmp_path: Path, loyalty: Loyalty, helpdesk: Helpdesk) -> AsyncIterator[Gateway]:
    loyalty[0].award, loyalty[0].reversal = APPLIED, UNDONE
    target = helpdesk.make_target()
    async with run_gateway(tmp_path, loyalty[1], gorgias=target, action_timeout_s=ACTION_TIMEOUT_S) as running:
        yield running


@pytest.fixture(params=["award", "undo"])
def press(request: pytest.FixtureRequest, gateway: Gateway) -> Press:
    """Either button."""
    return gateway.press if request.param == "award" else gateway.press_undo


@pytest.fixture
def database(tmp_path: Path, gateway: Gateway) -> Iterator[sqlite3.Connection]:  # noqa: ARG001 - it makes the file
    with closing(sqlite3.connect(tmp_path / "gateway.db", isolation_level=None)) as connection:
        yield connection


@contextmanager
def locked(database: sqlite3.Connection) -> Iterator[None]:
    """Others can read meanwhile, and not write."""
    database.execute("BEGIN IMMEDIATE")
    yield
    database.execute("ROLLBACK")


def list_sent(scripted: ScriptedLoyalty) -> list[Any]:
    return [*scripted.award_requests, *scripted.reversal_requests]


async def check_nothing_was_done(response: aiohttp.ClientResponse, scripted: ScriptedLoyalty) -> None:
    body = await response.json()
    assert (response.status, body["reason"]) == (503, "STORE_UNAVAILABLE")
    assert body["message"].endswith(
        ". Our own records are not answering, this click changed nothing. Try again in a few minutes."
    )
    assert list_sent(scripted) == []


async def test_ticket_that_gorgias_knows_is_verified(press: Press, scripted: ScriptedLoyalty) -> None:
    assert (await press(ticket_id="4711")).status == 200
    [request] = list_sent(scripted)
    assert request.ticket_verified


async def test_award_on_a_ticket_that_gorgias_does_not_know(gateway: Gateway, scripted: ScriptedLoyalty) -> None:
    response = await gateway.press(ticket_id="999999")
    body = await response.json()
    assert (response.status, body["reason"]) == (422, "TICKET_NOT_FOUND")
    assert body["message"] == "Not added: ticket 999999 is not in this Gorgias account."
    assert list_sent(scripted) == []


async def test_undo_on_a_ticket_that_gorgias_does_not_know(gateway: Gateway, scripted: ScriptedLoyalty) -> None:
    response = await gateway.press_undo(ticket_id="47\u202e11")
    assert response.status == 422
    assert (await response.json())["message"] == "Not undone: ticket 4711 is not in this Gorgias account."
    assert list_sent(scripted) == []


@pytest.mark.parametrize("fault", [Fault(kind="status", status=500), Fault(kind="reset"), Fault(kind="hang")])
async def test_gorgias_that_does_not_say_is_not_waited_for(
    press: Press, scripted: ScriptedLoyalty, helpdesk: Helpdesk, fault: Fault
) -> None:
    """The agent's points do not depend on Gorgias' API: they are given, and called unverified."""
    helpdesk.account.faults.set(fault)
    response = await press()
    helpdesk.account.faults.clear()
    assert response.status == 200
    [request] = list_sent(scripted)
    assert not request.ticket_verified


@pytest.mark.parametrize("ticket_id", ["", "{{ticket.id}}", "None"])
async def test_press_without_a_ticket_is_refused(
    press: Press, scripted: ScriptedLoyalty, helpdesk: Helpdesk, ticket_id: str
) -> None:
    """Or it would evade the limit of its ticket, and leave no trace in one."""
    response = await press(ticket_id=ticket_id)
    body = await response.json()
    assert (response.status, body["reason"]) == (400, "TICKET_MISSING")
    assert body["message"].partition(": ")[2] == (
        "this panel does not say which ticket it is on. Add a tag to the ticket to refresh it, then try again."
    )
    assert list_sent(scripted) == []
    assert helpdesk.requests == []


async def test_press_that_cannot_be_checked_for_lack_of_rate_is_refused_for_a_moment(
    press: Press, scripted: ScriptedLoyalty
) -> None:
    for number in range(2 * REQUESTS):
        sent_before = len(list_sent(scripted))
        response = await press(ticket_id=str(900_000 + number))
        if response.status == HTTPStatus.SERVICE_UNAVAILABLE:
            break
    body = await response.json()
    assert (response.status, body["reason"]) == (503, "TICKET_NOT_CHECKED")
    assert 0 < int(response.headers["Retry-After"]) <= PERIOD_S
    assert body["message"].endswith(". Gorgias takes no more requests now, nothing was changed. Try again in a moment.")
    assert len(list_sent(scripted)) == sent_before


async def test_note_is_on_record_under_the_requests_id(
    press: Press, scripted: ScriptedLoyalty, database: sqlite3.Connection
) -> None:
    await press()
    [request] = list_sent(scripted)
    rows = database.execute("SELECT merchant_id, request_id, ticket_id FROM ticket_notes").fetchall()
    assert rows == [("acme", request.request_id, 4711)]


async def test_nothing_is_sent_where_no_note_can_be_put_on_record(
    press: Press, scripted: ScriptedLoyalty, database: sqlite3.Connection
) -> None:
    database.execute("ALTER TABLE ticket_notes RENAME TO away")
    await check_nothing_was_done(await press(), scripted)


async def test_nothing_is_sent_where_the_note_takes_too_long(
    press: Press, scripted: ScriptedLoyalty, database: sqlite3.Connection
) -> None:
    with locked(database):
        response = await press()
    await check_nothing_was_done(response, scripted)


@pytest.mark.parametrize("values", [{"points": "ten"}, {"award_token": "x"}, {"note": "x" * 501}])
async def test_press_that_cannot_be_read_asks_gorgias_nothing(
    gateway: Gateway, helpdesk: Helpdesk, database: sqlite3.Connection, values: dict[str, str]
) -> None:
    assert (await gateway.press(**values)).status == 400
    assert helpdesk.requests == []
    assert database.execute("SELECT count(*) FROM ticket_notes").fetchone() == (0,)

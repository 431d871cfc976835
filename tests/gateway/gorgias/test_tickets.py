"""Tickets and messages of the stand-in, within a rate limiter."""

import time
from datetime import UTC, datetime

import aiohttp
import pytest

from gateway.gorgias.errors import (
    GorgiasContractError,
    GorgiasNotFoundError,
    GorgiasThrottledError,
    GorgiasUnavailableError,
)
from gateway.gorgias.rate_limiter import RateLimiter
from gateway.gorgias.tickets import TicketClient
from gateway.gorgias.transport import TIMEOUT_S, Transport
from gateway.installation.store import Target
from sandbox.gorgias.faults import Fault
from tests.gateway.helpdesk import Helpdesk

TICKET = 4711
MISSING = 999_999


def make_client(
    session: aiohttp.ClientSession, target: Target, limiter: RateLimiter, timeout_s: float = 5
) -> TicketClient:
    user = target.gorgias_user
    transport = Transport(session, target.gorgias_url, user, target.gorgias_key, limiter=limiter, timeout_s=timeout_s)
    return TicketClient(transport, user)


@pytest.fixture
def limiter() -> RateLimiter:
    return RateLimiter()


@pytest.fixture
def client(session: aiohttp.ClientSession, target: Target, limiter: RateLimiter) -> TicketClient:
    return make_client(session, target, limiter)


async def test_ticket_is_there_or_not(client: TicketClient) -> None:
    assert await client.has_ticket(TICKET)
    assert not await client.has_ticket(MISSING)


async def test_note_is_found_by_what_it_says(client: TicketClient) -> None:
    await client.create_note(TICKET, "one\ntwo")
    found = await client.find_message(TICKET, lambda message: message.is_note)
    assert found is not None
    assert found.text == "one\ntwo"
    assert await client.find_message(TICKET, lambda message: message.text == "three") is None


async def test_messages_of_other_tickets_are_not_looked_at(client: TicketClient) -> None:
    await client.create_note(4712, "elsewhere")
    assert await client.find_message(TICKET, lambda message: message.text == "elsewhere") is None


async def test_note_for_a_ticket_that_is_gone_says_so(client: TicketClient) -> None:
    with pytest.raises(GorgiasNotFoundError):
        await client.create_note(MISSING, "x")


async def test_refusal_holds_all_calls_of_the_account_and_is_not_waited_out(
    session: aiohttp.ClientSession, target: Target, limiter: RateLimiter, client: TicketClient, helpdesk: Helpdesk
) -> None:
    helpdesk.account.faults.set(Fault(kind="status", operation="get_ticket", status=429, times=1))
    with pytest.raises(GorgiasThrottledError) as caught:
        await client.has_ticket(TICKET)
    assert caught.value.retry_after_s == 5.0
    with pytest.raises(GorgiasThrottledError):
        await make_client(session, target, limiter).create_note(TICKET, "x")
    assert helpdesk.requests == [f"GET /tickets/{TICKET}"]


async def test_call_that_hangs_ends_in_its_time(
    session: aiohttp.ClientSession, target: Target, limiter: RateLimiter, helpdesk: Helpdesk
) -> None:
    helpdesk.account.faults.set(Fault(kind="hang", operation="get_ticket"))
    began = time.monotonic()
    with pytest.raises(GorgiasUnavailableError):
        await make_client(session, target, limiter, timeout_s=0.2).has_ticket(TICKET)
    assert time.monotonic() - began < TIMEOUT_S


async def test_last_change_of_any_ticket_is_read_with_one_call(client: TicketClient, helpdesk: Helpdesk) -> None:
    account = helpdesk.account
    account.state.tickets[4713].updated_datetime = "2099-11-23T12:00:00.000000+00:00"
    helpdesk.clear()
    assert await client.fetch_last_update() == datetime(2099, 11, 23, 12, tzinfo=UTC)
    assert helpdesk.requests == ["GET /tickets"]
    for body, changed in (
        ([], None),
        ({"data": [{"updated_datetime": "2026-11-23T12:00:00"}], "meta": {}}, datetime(2026, 11, 23, 12, tzinfo=UTC)),
    ):
        helpdesk.answer("GET /tickets", body)
        assert await client.fetch_last_update() == changed
    helpdesk.answer("GET /tickets", {"data": [{"updated_datetime": "yesterday"}], "meta": {}})
    with pytest.raises(GorgiasContractError):
        await client.fetch_last_update()

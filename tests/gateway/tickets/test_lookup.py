"""Whether a ticket is there: as Gorgias says, remembered where it is, unknown where it does not say."""

from collections.abc import AsyncIterator

import pytest

from gateway.database import Database, open_database
from gateway.errors import TicketNotCheckedError
from gateway.gorgias.budget import PERIOD_S, REQUESTS
from gateway.installation.store import InstallationStore
from sandbox.gorgias.faults import Fault
from tests.gateway.statements import execute
from tests.gateway.tickets.room import REQUEST, Room, make_award

TEN_MINUTES_S = 600.0
PATIENCE_S = 20.0


@pytest.fixture(autouse=True)
def patience(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine is no Gorgias that does not say."""
    if "hang" not in request.node.name:
        monkeypatch.setattr("gateway.tickets.lookup.LOOKUP_TIMEOUT_S", PATIENCE_S)
        monkeypatch.setattr("gateway.tickets.accounts.LOOKUP_TIMEOUT_S", PATIENCE_S)


@pytest.fixture
async def database(new_sqlite_url: str) -> AsyncIterator[Database]:
    """Nothing here depends on the engine."""
    async with open_database(new_sqlite_url) as opened:
        yield opened


async def test_ticket_that_is_there_is_asked_for_once_in_ten_minutes(room: Room) -> None:
    assert [await room.tickets.find("acme", "4711") for _ in range(3)] == [True] * 3
    assert room.helpdesk.requests == ["GET /tickets/4711"]
    room.clock.ahead_s += TEN_MINUTES_S + 1
    assert await room.tickets.find("acme", "4711") is True
    assert len(room.helpdesk.requests) == 2


async def test_ticket_that_is_not_there_is_asked_for_again_after_some_seconds(room: Room) -> None:
    """Whoever makes up a number, and presses again and again, does not use up the account's rate."""
    assert [await room.tickets.find("acme", "999999") for _ in range(30)] == [False] * 30
    assert len(room.helpdesk.requests) == 1
    room.clock.ahead_s += 11
    assert await room.tickets.find("acme", "999999") is False
    assert len(room.helpdesk.requests) == 2


@pytest.mark.parametrize("ticket_id", ["", "chat-1", "0", "-1", "04711", "4711.0", "9" * 19, "٤٧١١", "../users"])
async def test_ticket_that_cannot_be_one_is_not_there(room: Room, ticket_id: str) -> None:
    """A second spelling of a ticket would have limits of its own."""
    assert await room.tickets.find("acme", ticket_id) is False
    assert room.helpdesk.requests == []


async def test_ticket_of_a_shop_that_is_not_installed_is_unknown(room: Room) -> None:
    assert await room.tickets.find("bloom", "4711") is None


async def test_ticket_of_another_shop_is_not_remembered_for_this_one(
    room: Room, installations: InstallationStore
) -> None:
    await installations.add("bloom", room.helpdesk.make_target("bloom"))
    assert await room.tickets.find("acme", "4711") is True
    assert await room.tickets.find("bloom", "4711") is False


@pytest.mark.parametrize("status", [401, 403, 429, 500, 503])
async def test_ticket_is_unknown_while_gorgias_refuses_or_fails(room: Room, status: int) -> None:
    room.helpdesk.account.faults.set(Fault(kind="status", operation="get_ticket", status=status, times=1))
    assert await room.tickets.find("acme", "4711") is None
    room.clock.ahead_s += 6
    assert await room.tickets.find("acme", "4711") is True


@pytest.mark.parametrize("kind", ["hang", "reset"])
async def test_ticket_is_unknown_where_gorgias_does_not_answer(room: Room, kind: str) -> None:
    room.helpdesk.account.faults.set(Fault(kind=kind, operation="get_ticket"))  # type: ignore[arg-type] # two of its kinds
    assert await room.tickets.find("acme", "4711") is None


async def test_ticket_is_unknown_while_the_database_is_gone(room: Room) -> None:
    await execute(room.database, "DROP TABLE installations")
    assert await room.tickets.find("acme", "4711") is None


async def test_lookups_keep_to_our_share_of_the_rate(room: Room) -> None:
    """Then nobody is asked, and nothing is taken for unknown that could be known in a moment."""
    for number in range(REQUESTS):
        assert await room.tickets.find("acme", str(9_000_000 + number)) is False
    with pytest.raises(TicketNotCheckedError) as caught:
        await room.tickets.find("acme", "4711")
    assert 0 < caught.value.retry_after_s <= PERIOD_S
    assert len(room.helpdesk.requests) == REQUESTS


async def test_lookup_does_not_wait_for_notes(room: Room) -> None:
    """A note hangs in Gorgias, and the agent is answered."""
    room.helpdesk.account.faults.set(Fault(kind="hang", operation="create_message"))
    room.loyalty.awards[REQUEST] = make_award()
    await room.click()
    await room.wait_for_look()
    assert await room.tickets.find("acme", "4711") is True
    room.helpdesk.account.faults.clear()
    await room.wait_for_marks("Award A-10482 · added")

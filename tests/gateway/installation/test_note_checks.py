from datetime import UTC, datetime

import aiohttp
import msgspec
import pytest
import pytest_asyncio

from gateway.customers.checks import check_buttons
from gateway.gorgias.client import GorgiasClient
from gateway.gorgias.tickets import TicketClient
from gateway.gorgias.transport import Transport
from gateway.installation.buttons import Buttons
from gateway.installation.checks import Check
from gateway.installation.service import install
from gateway.installation.store import Installation, InstallationStore, Target
from gateway.outbox.checks import check_notes
from gateway.outbox.entries import Backlog
from sandbox.gorgias.faults import Fault
from tests.gateway.helpdesk import Helpdesk

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
NOTHING = Backlog()


@pytest_asyncio.fixture(loop_scope="session")
async def installation(store: InstallationStore, gorgias: GorgiasClient, target: Target) -> Installation:
    await install(store, gorgias, "acme", target, Buttons())
    found = await store.get("acme")
    assert found is not None
    return found


@pytest.fixture
def tickets(session: aiohttp.ClientSession, target: Target) -> TicketClient:
    transport = Transport(session, target.gorgias_url, target.gorgias_user, target.gorgias_key)
    return TicketClient(transport, target.gorgias_user)


async def check(tickets: TicketClient, installation: Installation, backlog: Backlog = NOTHING) -> Check:
    return await check_notes(tickets, installation, backlog, datetime.isoformat)


async def test_check_of_notes_is_ok_if_all_were_written(tickets: TicketClient, installation: Installation) -> None:
    found = await check(tickets, installation)
    assert (found.state.value, found.advice) == ("ok", "")


async def test_check_of_notes_is_off_if_the_shop_wants_none(
    tickets: TicketClient, helpdesk: Helpdesk, installation: Installation
) -> None:
    helpdesk.clear()
    found = await check(tickets, msgspec.structs.replace(installation, writes_notes=False))
    assert (found.state.value, helpdesk.requests) == ("off", [])


async def test_key_that_may_not_see_tickets_is_found_before_the_first_note_is_refused(
    tickets: TicketClient, helpdesk: Helpdesk, installation: Installation
) -> None:
    helpdesk.account.faults.set(Fault(kind="status", status=403, operation="get_ticket"))
    found = await check(tickets, installation)
    assert (found.state.value, "403" in found.detail) == ("failed", True)
    assert "tickets:read and tickets:write" in found.advice
    assert "--no-notes" in found.advice
    assert found.advice.endswith(": trifft-gorgias install acme")


async def test_unknown_key_gets_no_advice_about_rights(
    tickets: TicketClient, helpdesk: Helpdesk, installation: Installation
) -> None:
    helpdesk.account.faults.set(Fault(kind="status", status=401))
    for found in (await check(tickets, installation), await check_buttons(tickets, installation)):
        assert found.state.value == "failed"
        assert found.advice == (
            "make a new key of an administrator in Gorgias, then: trifft-gorgias install acme --gorgias-key-file F"
        )


@pytest.mark.parametrize("request_", ["GET /tickets/1", "GET /customers/1"])
async def test_key_that_lets_no_button_work_is_found_before_the_first_press(
    tickets: TicketClient, helpdesk: Helpdesk, installation: Installation, request_: str
) -> None:
    """A press needs the ticket's customer, whether or not the shop wants notes."""
    assert (await check_buttons(tickets, installation)).state.value == "ok"
    helpdesk.answer(request_, status=403)
    found = await check_buttons(tickets, installation)
    assert (found.state.value, "403" in found.detail) == ("failed", True)
    assert "tickets:read and customers:read" in found.advice
    helpdesk.answer(request_, status=503)
    assert (await check_buttons(tickets, installation)).state.value == "unknown"


@pytest.mark.parametrize(
    ("backlog", "detail", "advice"),
    [
        (
            Backlog(count=3, since=NOON, problem="GorgiasCredentialsError"),
            "3 notes wait since 2026-11-23T12:00:00+00:00: Gorgias refuses them",
            "tickets:write",
        ),
        (
            Backlog(count=1, since=NOON, problem="GorgiasUnavailableError"),
            "1 note waits since 2026-11-23T12:00:00+00:00: Gorgias fails (GorgiasUnavailableError)",
            "as soon as Gorgias takes them",
        ),
        (
            Backlog(count=1, since=NOON, problem="GorgiasThrottledError"),
            "1 note waits since 2026-11-23T12:00:00+00:00: the account's rate limit is used up",
            "as soon as Gorgias takes them",
        ),
        (
            Backlog(failed_count=1, failed_problem="GorgiasRefusedError", gone_count=1),
            "1 note was given up: Gorgias calls them bad",
            "then try them again: trifft-gorgias install acme",
        ),
        (
            Backlog(failed_count=2, failed_problem="GorgiasTooLongError"),
            "2 notes were given up: their tickets have too many messages to be looked through",
            "note_refused",
        ),
    ],
)
async def test_waiting_notes_are_counted_with_start_and_reason(
    tickets: TicketClient, installation: Installation, backlog: Backlog, detail: str, advice: str
) -> None:
    found = await check(tickets, installation, backlog)
    assert (found.state.value, found.detail) == ("failed", detail)
    assert advice in found.advice


async def test_notes_of_deleted_tickets_are_reported_without_a_failure(
    tickets: TicketClient, installation: Installation
) -> None:
    found = await check(tickets, installation, Backlog(gone_count=2))
    assert (found.state.value, found.detail) == (
        "ok",
        "none waits, and Gorgias shows tickets; 2 had no ticket any more",
    )


async def test_check_of_notes_is_unknown_while_gorgias_fails(
    tickets: TicketClient, helpdesk: Helpdesk, installation: Installation
) -> None:
    helpdesk.account.faults.set(Fault(kind="status", status=503, operation="get_ticket"))
    assert (await check(tickets, installation)).state.value == "unknown"

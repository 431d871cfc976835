"""The answer names the ticket that will get a note about an unknown outcome, but only if the note is certain."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, TypeAlias

import grpc
import pytest
import pytest_asyncio

from protos.loyalty.v1 import loyalty_pb2 as pb
from tests.gateway.actions.outcomes import make_response, make_reversal
from tests.gateway.edge.running import PETER, Gateway, run_gateway
from tests.gateway.edge.scripted import Failure, ScriptedLoyalty
from tests.gateway.helpdesk import Helpdesk

Loyalty: TypeAlias = "tuple[ScriptedLoyalty, str, grpc.aio.Server]"
NOT_KNOWN = "We do not know yet whether the 100 points arrived. Do not add them again."
NOT_UNDONE = "We do not know yet whether the 100 points were taken back. Do not take them back again."
CHECKING = "We are still checking award A-10482 for this customer"


@pytest_asyncio.fixture(loop_scope="session")
async def silent(folder: Path, loyalty: Loyalty, helpdesk: Helpdesk) -> AsyncIterator[Gateway]:
    """A shop that wants no notes."""
    async with run_gateway(folder, loyalty[1], gorgias=helpdesk.make_target(writes_notes=False)) as running:
        yield running


def make_doubt(**metadata: str) -> Failure:
    return Failure(grpc.StatusCode.FAILED_PRECONDITION, "AWARD_IN_DOUBT", {"award_id": "A-10482", **metadata})


async def press(gateway: Gateway, ticket_id: str, **values: str) -> dict[str, Any]:
    """Press on one of Peter's tickets, 4726 or 4727."""
    token = gateway.tokens.make("member-1", PETER)
    answer = await gateway.press(**{"award_token": token, "ticket_id": ticket_id, **values})
    body: dict[str, Any] = await answer.json()
    return body


async def test_shop_that_wants_no_notes_promises_none(silent: Gateway, loyalty: Loyalty) -> None:
    scripted = loyalty[0]
    scripted.award = make_response(pb.AWARD_STATE_UNKNOWN, ticket_id="4726")
    assert (await press(silent, "4726"))["message"] == f"{NOT_KNOWN} Award A-10482."
    scripted.award = make_doubt(
        award_request_id=scripted.award_requests[0].request_id,
        ticket_id="4726",
        attempt_time="2026-11-23T12:02:00.000Z",
    )
    message = f"Not added. {CHECKING} (started 13:02). This can take 20 minutes or more."
    assert (await press(silent, "4727"))["message"] == message
    scripted.award = Failure(grpc.StatusCode.UNAVAILABLE)
    assert (await press(silent, "4726"))["message"] == f"{NOT_KNOWN} Ask a manager."


async def test_award_in_doubt_names_the_ticket_that_will_get_a_note(
    gateway: Gateway, scripted: ScriptedLoyalty
) -> None:
    """This holds for an undo, too, and on any of the customer's tickets."""
    scripted.award = make_response(pb.AWARD_STATE_UNKNOWN, ticket_id="4726")
    assert (await press(gateway, "4726"))["message"] == f"{NOT_KNOWN} A note will appear in this ticket. Award A-10482."
    [request] = scripted.award_requests
    scripted.award = scripted.reversal = make_doubt(
        award_request_id=request.request_id, ticket_id="4726", attempt_time="2026-11-23T12:02:00.000Z"
    )
    said = f"{CHECKING} (started 13:02). This can take 20 minutes or more. A note will appear in"
    assert (await press(gateway, "4727"))["message"] == f"Not added. {said} ticket 4726."
    assert (await press(gateway, "4726"))["message"] == f"Not added. {said} this ticket."
    undo = gateway.tokens.make_undo("A-1", PETER)
    answer = await gateway.press_undo(undo_token=undo, ticket_id="4727")
    assert (await answer.json())["message"] == f"Not undone. {said} ticket 4726."


@pytest.mark.parametrize("award", [{}, {"ticket_id": "4726"}, {"ticket_id": "4726", "award_request_id": "a-service"}])
async def test_award_that_was_not_pressed_here_promises_no_note(
    gateway: Gateway, scripted: ScriptedLoyalty, award: dict[str, str]
) -> None:
    """An internal service made the award, or an older loyalty service does not say whose it is."""
    scripted.award = make_doubt(**award)
    for _ in range(2):  # this press's own note is about another award, which does not exist
        message = (await press(gateway, "4726"))["message"]
        assert message == f"Not added. {CHECKING}. This can take 20 minutes or more."


async def test_award_of_another_request_promises_what_that_one_does(
    gateway: Gateway, scripted: ScriptedLoyalty
) -> None:
    scripted.award = make_response(pb.AWARD_STATE_UNKNOWN, ticket_id="4726")
    await press(gateway, "4726")
    [request] = scripted.award_requests
    for request_id, note in (("a-service", ""), (request.request_id, " A note will appear in this ticket.")):
        scripted.award = make_response(pb.AWARD_STATE_UNKNOWN, replayed=True, ticket_id="4726", request_id=request_id)
        assert (await press(gateway, "4726"))["message"] == f"{NOT_KNOWN}{note} Award A-10482."


async def test_undo_that_was_pressed_elsewhere_before_names_that_ticket(
    gateway: Gateway, scripted: ScriptedLoyalty
) -> None:
    """One panel is one undo, on record with the ticket of its first press."""
    scripted.reversal = make_reversal(pb.AWARD_STATE_UNKNOWN, ticket_id="4726")
    undo = gateway.tokens.make_undo("A-10482", PETER)
    for ticket_id, place in (("4726", "this ticket"), ("4727", "ticket 4726")):
        answer = await gateway.press_undo(undo_token=undo, ticket_id=ticket_id)
        assert (await answer.json())["message"] == f"{NOT_UNDONE} A note will appear in {place}. Award A-10483."


async def test_press_that_was_lost_says_where_to_look(gateway: Gateway, scripted: ScriptedLoyalty) -> None:
    """There may be no award, and then there is no note."""
    scripted.award = Failure(grpc.StatusCode.UNAVAILABLE)
    assert (await press(gateway, "4726"))["message"] == (
        f"{NOT_KNOWN} If a note appears in this ticket, it says what happened. If none does, ask a manager."
    )

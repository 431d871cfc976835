"""When a request id is used up: a press that added nothing does not use its panel up."""

import asyncio
from datetime import timedelta
from functools import partial
from typing import Any, cast

import grpc
import pytest
from google.rpc.status_pb2 import Status
from grpc_status.rpc_status import from_call
from sqlalchemy import Connection, text

from loyalty_service.awards.ledger.erase import Erasures
from loyalty_service.awards.ledger.tables import awards
from loyalty_service.domain.errors import (
    BookingUnknownError,
    ProviderCredentialsError,
    ProviderRefusedError,
    ProviderThrottledError,
    ProviderUnavailableError,
)
from loyalty_service.domain.ports import Booking
from protos.loyalty.v1 import loyalty_pb2 as pb
from tests.loyalty_service.books import refused_by_database
from tests.loyalty_service.kept import KeptDatabase
from tests.loyalty_service.ledgers import NOT_REACHED, Book
from tests.loyalty_service.running import AT_ONCE_S, Client, StartService, catch_failure, read_failure, wait_until
from tests.loyalty_service.scripted import JANA, ScriptedProvider

PANEL = "panel-0001"


async def do_nothing(_: object) -> None:
    pass


@pytest.fixture
def book(each_open: KeptDatabase) -> Book:
    return Book(each_open.database)


async def test_refused_undo_may_be_pressed_again_on_another_ticket(book: Book) -> None:
    given = await book.give(ticket_id="4711")
    first = await book.open_reversal(given, request_id="undo-0001", ticket_id="4711", is_ticket_verified=True)
    await book.settle(first, NOT_REACHED)

    again = await book.open_reversal(given, request_id="undo-0001", ticket_id="4712", claimed_agent_name="Eva")

    assert (again.award.number, again.award.attempt, again.is_ours) == (2, 2, True)
    request = again.award.request
    assert (request.ticket_id, request.is_ticket_verified, request.claimed_agent_name) == ("4711", True, "Eva")


async def press(client: Client, points: int = 100, request_id: str = PANEL, **fields: Any) -> tuple[str, str, bool]:  # noqa: ANN401  any field
    """Return the answering award, its state, and whether it is a replay; or a refusal's reason and award."""
    try:
        answer = await client.award(request_id=request_id, points=points, ticket_id="4711", **fields)
    except grpc.aio.AioRpcError as error:
        failure = read_failure(cast("Status", from_call(cast("grpc.Call", error))))
        return failure.reason, failure.metadata.get("award_id", ""), False
    state = pb.AwardState.Name(answer.award.state).removeprefix("AWARD_STATE_").lower()
    return answer.award.award_id, state, answer.replayed


async def read_by_request(client: Client, request_id: str = PANEL) -> str:
    found = await client.loyalty.GetAward(pb.GetAwardRequest(merchant_id="acme", request_id=request_id))
    return found.award.award_id


def refuse_once(provider: ScriptedProvider, *errors: Exception) -> None:
    """Make the next bookings fail with these errors, one after the other."""
    left = list(errors)

    async def fail(_: Booking) -> None:
        if left:
            raise left.pop(0)

    provider.on_credit = fail


async def test_permanent_refusal_leaves_the_panel_to_another_number(client: Client, provider: ScriptedProvider) -> None:
    refuse_once(provider, ProviderRefusedError("402"))

    assert await press(client, 500) == ("A-1", "rejected", False)
    assert await press(client, 500) == ("A-1", "rejected", True)
    assert await press(client, 100) == ("A-2", "applied", False)
    assert await press(client, 100) == ("A-2", "applied", True)
    assert await press(client, 500) == ("REQUEST_ID_REUSED", "A-2", False)
    assert await press(client, 60) == ("REQUEST_ID_REUSED", "A-2", False)
    assert [credit.points for credit in provider.credits] == [500, 100]
    assert await read_by_request(client) == "A-2"


@pytest.mark.parametrize(
    "error",
    [
        ProviderThrottledError("429", 60.0),
        ProviderUnavailableError("connection refused"),
        ProviderCredentialsError("401"),
    ],
    ids=lambda error: error.reason,
)
async def test_number_with_a_temporary_refusal_is_tried_again_until_another_is_added(
    client: Client, provider: ScriptedProvider, error: Exception
) -> None:
    refuse_once(provider, error, error, error)

    assert await press(client, 100) == ("A-1", "rejected", False)
    assert await press(client, 50) == ("A-2", "rejected", False)
    assert await read_by_request(client) == "A-2"
    assert await press(client, 100) == ("A-1", "rejected", False)  # it is sent again, since nothing was booked
    assert await press(client, 50) == ("A-2", "applied", False)
    assert await press(client, 100) == ("REQUEST_ID_REUSED", "A-2", False)
    assert [credit.points for credit in provider.credits] == [100, 50, 100, 50]
    assert len(provider.movements) == 1


async def test_number_that_may_have_been_added_uses_the_panel_up(client: Client, provider: ScriptedProvider) -> None:
    refuse_once(provider, ProviderRefusedError("402"), BookingUnknownError("reset"))

    assert await press(client, 500) == ("A-1", "rejected", False)
    assert await press(client, 100) == ("A-2", "unknown", False)
    assert await press(client, 50) == ("REQUEST_ID_REUSED", "A-2", False)
    for outcome in (pb.AWARD_STATE_NOT_APPLIED, pb.AWARD_STATE_APPLIED):
        settling = pb.SettleAwardRequest(merchant_id="acme", award_id="A-2", outcome=outcome)
        settling.because, settling.settled_by = "seen in Admin", "Eva"
        await client.loyalty.SettleAward(settling)
        assert await press(client, 50) == ("REQUEST_ID_REUSED", "A-2", False)
        assert await press(client, 500) == ("REQUEST_ID_REUSED", "A-2", False)
    assert len(provider.credits) == 2


async def test_refusal_without_a_record_leaves_the_panel_free(client: Client, provider: ScriptedProvider) -> None:
    async def fail(_: object) -> None:
        raise ProviderUnavailableError("TRIFFT did not answer")

    provider.on_fetch = fail
    assert (await press(client, 90))[0] == "PROVIDER_UNAVAILABLE"  # the member could not be read
    provider.on_fetch = do_nothing
    assert (await press(client, 0))[0] == "BAD_VALUE"
    assert (await press(client, 501))[0] == "LIMIT_EXCEEDED"
    assert await press(client, 450, "panel-0002") == ("A-1", "applied", False)
    assert (await press(client, 51))[0] == "LIMIT_EXCEEDED"
    assert await press(client, 50) == ("A-2", "applied", False)
    assert (await press(client, 1))[0] == "REQUEST_ID_REUSED"
    assert (await press(client, 0))[0] == "REQUEST_ID_REUSED"


async def test_number_added_by_another_panel_leaves_this_panel_to_another_number(
    client: Client, provider: ScriptedProvider
) -> None:
    """The press keeps its answer, even after that award is undone: a copy of it may arrive late."""
    given = await client.award(points=100, ticket_id="4711")
    answer = await client.award(request_id=PANEL, points=100, ticket_id="4711")
    window = answer.repeat_expire_time.ToDatetime() - given.award.attempt_time.ToDatetime()
    assert (answer.award, answer.replayed, window) == (given.award, True, timedelta(minutes=10))
    assert not given.HasField("repeat_expire_time")
    undo = pb.ReverseAwardRequest(merchant_id="acme", request_id="undo-0001", award_id="A-1")
    await client.loyalty.ReverseAward(undo)

    assert await press(client, 100) == ("A-1", "applied", True)
    assert await press(client, 50) == ("A-3", "applied", False)
    assert await press(client, 100) == ("A-1", "applied", True)
    assert await press(client, 50) == ("A-3", "applied", True)
    assert await press(client, 60) == ("REQUEST_ID_REUSED", "A-3", False)
    assert [credit.points for credit in provider.credits] == [100, 50]


async def test_answer_by_another_panel_s_award_stands_despite_a_lower_limit(client: Client) -> None:
    await press(client, 400, "panel-0002")
    await press(client, 400)
    request = pb.UpdateMerchantRequest(merchant=pb.Merchant(merchant_id="acme", max_points_per_award=10))
    request.update_mask.paths.append("max_points_per_award")
    await client.merchants.UpdateMerchant(request)

    assert await press(client, 400) == ("A-1", "applied", True)
    assert (await press(client, 300))[0] == "LIMIT_EXCEEDED"
    assert await press(client, 10) == ("A-2", "applied", False)


async def test_number_may_be_added_after_the_same_one_was_refused_elsewhere(
    start_service: StartService, provider: ScriptedProvider
) -> None:
    """The award that answered was refused: nothing was added, so the panel is not used up."""
    refused = asyncio.Event()

    async def refuse(_: Booking) -> None:
        await refused.wait()
        provider.on_credit = do_nothing
        raise ProviderRefusedError("402")

    provider.on_credit = refuse
    async with start_service(award_answer_s=AT_ONCE_S) as client:
        await client.add_merchant()
        await client.hold()
        assert await press(client, 100, "panel-0002") == ("A-1", "pending", False)
        assert await press(client, 100) == ("A-1", "pending", True)
        refused.set()
        await wait_until(lambda: provider.on_credit is do_nothing)
        await client.hold()
        async with asyncio.timeout(60):
            while (answer := await press(client, 100))[:2] != ("A-2", "applied"):
                # This answer came before the refusal was recorded, or before its own award was settled.
                assert answer[:2] in {("A-1", "pending"), ("A-1", "rejected"), ("A-2", "pending")}

        assert await press(client, 100, "panel-0002") == ("A-1", "rejected", True)


async def test_ten_simultaneous_numbers_on_one_panel_are_one_award(client: Client, provider: ScriptedProvider) -> None:
    refuse_once(provider, *(ProviderRefusedError("402") for _ in range(3)))

    answers = await asyncio.gather(*(press(client, points) for points in range(10, 20)))
    more = [await press(client, points) for points in range(10, 20)]

    assert len(provider.movements) == 1
    assert len({award_id for award_id, state, _ in answers + more if state == "applied"}) == 1


async def test_refused_undo_leaves_its_panel_free(client: Client, provider: ScriptedProvider) -> None:
    async def refuse(_: Booking) -> None:
        raise ProviderRefusedError("402")

    async def undo(award_id: str) -> tuple[str, int]:
        request = pb.ReverseAwardRequest(merchant_id="acme", request_id="undo-0001", award_id=award_id)
        award = (await client.loyalty.ReverseAward(request)).award
        return award.award_id, award.state

    await press(client, 100)
    await press(client, 50, "panel-0002")
    provider.on_debit = refuse
    assert await undo("A-1") == ("A-3", pb.AWARD_STATE_REJECTED)
    provider.on_debit = do_nothing
    assert await undo("A-1") == ("A-3", pb.AWARD_STATE_REJECTED)
    assert await undo("A-2") == ("A-4", pb.AWARD_STATE_APPLIED)
    failure = await catch_failure(undo("A-1"))
    assert (failure.reason, failure.metadata) == ("REQUEST_ID_REUSED", {"award_id": "A-4"})
    assert await read_by_request(client, "undo-0001") == "A-4"


async def test_copy_of_an_answered_request_adds_nothing_after_an_erasure(book: Book) -> None:
    given = await book.give(ticket_id="4711")
    assert not (await book.open(ticket_id="4711", request_id="repeated")).is_ours
    await book.take_back(given)
    await Erasures(book.database, reversal_window_s=1800.0).erase("acme", JANA, "Eva")

    copy = await book.open(ticket_id="4711", request_id="repeated")
    other = await book.open(50, ticket_id="4711", request_id="repeated")

    assert [(one.award.number, one.is_ours) for one in (copy, other)] == [(1, False), (3, True)]


async def test_refused_undo_is_a_new_row_after_an_erasure(book: Book) -> None:
    """The award is not forgotten, since it can still be taken back. The refused undo is forgotten, and stays so."""
    given = await book.give()
    await book.settle(await book.open_reversal(given, request_id="undo-0001"), NOT_REACHED)
    await Erasures(book.database, reversal_window_s=1800.0).erase("acme", JANA, "Eva")

    again = await book.open_reversal(given, request_id="undo-0001")

    assert (again.award.number, again.is_ours) == (3, True)


async def test_database_allows_one_award_per_request_that_may_have_added_points(book: Book) -> None:
    """It refuses a person at a console, too, and INSERT or UPDATE OR REPLACE, which delete the row in their way."""
    await book.settle(await book.open(500, request_id=PANEL), NOT_REACHED)
    await book.give(100, request_id=PANEL)
    is_sqlite = await book.database.read(lambda connection: connection.dialect.name == "sqlite")
    columns = ", ".join(column.name for column in awards.c if column.name not in {"number", "member_id"})
    copied = f"INTO awards ({columns}, number, member_id) SELECT {columns}, 9, 'b' FROM awards WHERE number = 2"  # noqa: S608  names of columns
    writes = [f"INSERT {copied}", "UPDATE awards SET state = 'pending' WHERE number = 1"]
    if is_sqlite:
        writes += [f"INSERT OR REPLACE {copied}", f"UPDATE OR REPLACE {writes[1].removeprefix('UPDATE ')}"]

    for write in map(text, writes):
        with refused_by_database(""):
            await book.database.write(partial(Connection.execute, statement=write))

    assert [(await book.read(number)).state.value for number in (1, 2)] == ["rejected", "applied"]

"""ReverseAward over the wire: its answers, and every way in which it is refused."""

from datetime import datetime
from typing import Any

import grpc
import pytest

from loyalty_service.domain.errors import BookingUnknownError, ProviderRefusedError
from loyalty_service.domain.ports import Booking
from protos.loyalty.v1 import loyalty_pb2 as pb
from tests.loyalty_service.running import Client, StartService, catch_failure, make_request_id
from tests.loyalty_service.scripted import JANA, ScriptedProvider

GET_JANA = pb.GetSnapshotRequest(merchant_id="acme", identity=pb.MemberIdentity(member_id=JANA))


async def lose(_: Booking) -> None:
    raise BookingUnknownError("reset")


async def refuse(_: Booking) -> None:
    raise ProviderRefusedError("402")


async def reverse(client: Client, award_id: str = "A-1", **fields: Any) -> pb.ReverseAwardResponse:  # noqa: ANN401  any field
    wanted: dict[str, Any] = {"merchant_id": "acme", "request_id": make_request_id(), "award_id": award_id} | fields
    return await client.loyalty.ReverseAward(pb.ReverseAwardRequest(**wanted), timeout=60.0)


async def get(client: Client, award_id: str = "A-1") -> pb.GetAwardResponse:
    return await client.loyalty.GetAward(pb.GetAwardRequest(merchant_id="acme", award_id=award_id))


async def test_award_and_its_reversal_name_each_other(client: Client, provider: ScriptedProvider) -> None:
    await client.award(points=70, ticket_id="4711")
    await client.loyalty.GetSnapshot(GET_JANA)  # so that the name is held

    answer = await reverse(client, note="a slip", claimed_agent_name="Ana K.", ticket_id="4712", ticket_verified=True)

    undone = (await get(client)).award
    reversal = answer.award
    assert (undone.reversed_by, undone.state, undone.HasField("reverse_expire_time")) == (
        "A-2",
        pb.AWARD_STATE_APPLIED,
        False,
    )
    assert (reversal.reverses, reversal.award_id, reversal.points, reversal.state) == (
        "A-1",
        "A-2",
        70,
        pb.AWARD_STATE_APPLIED,
    )
    assert (reversal.note, reversal.ticket_id, reversal.ticket_verified) == ("a slip", "4712", True)
    assert (reversal.claimed_agent_name, reversal.HasField("reverse_expire_time")) == ("Ana K.", False)
    assert (answer.replayed, answer.member_name) == (False, "Jana Nováková")
    assert [booking.points for booking in provider.debits] == [70]


async def test_second_reversal_is_the_first_one_replayed(client: Client, provider: ScriptedProvider) -> None:
    await client.award()
    first = await reverse(client)

    again = await reverse(client)

    assert (again.replayed, again.award) == (True, first.award)
    assert len(provider.debits) == 1


async def test_balance_that_does_not_cover_a_reversal_rejects_it(client: Client, provider: ScriptedProvider) -> None:
    await client.award()
    provider.on_debit = refuse

    award = (await reverse(client)).award

    assert (award.state, award.rejection_reason) == (pb.AWARD_STATE_REJECTED, pb.PROVIDER_REFUSED)
    assert (await get(client)).award.reversed_by == ""


async def test_award_that_does_not_exist_is_not_taken_back(client: Client) -> None:
    failures = [await catch_failure(reverse(client, award_id)) for award_id in ("A-9", "", "1", "A-0", "A-1\x00")]

    assert {(failure.code, failure.reason) for failure in failures} == {(grpc.StatusCode.NOT_FOUND, "AWARD_NOT_FOUND")}


async def test_reversal_of_an_award_that_is_not_applied_is_refused_with_its_state(
    client: Client, provider: ScriptedProvider
) -> None:
    provider.on_booked = lose
    await client.award()

    failure = await catch_failure(reverse(client))

    assert (failure.code, failure.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "AWARD_STATE")
    assert failure.metadata == {"award_id": "A-1", "state": "unknown"}


async def test_reversal_of_a_reversal_is_refused(client: Client) -> None:
    await client.award()
    await reverse(client)

    failure = await catch_failure(reverse(client, "A-2"))

    assert (failure.reason, failure.metadata) == ("AWARD_STATE", {"award_id": "A-2", "state": "reversal"})


async def test_reversal_after_the_window_is_refused_with_its_end(start_service: StartService) -> None:
    async with start_service(reversal_window_s=0.0) as client:
        await client.add_merchant()
        award = (await client.award()).award

        failure = await catch_failure(reverse(client))

        assert (failure.code, failure.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "REVERSAL_TOO_LATE")
        assert failure.metadata["award_id"] == "A-1"
        expire_time = datetime.fromisoformat(failure.metadata["expire_time"]).replace(tzinfo=None)
        assert expire_time == award.update_time.ToDatetime()


async def test_reversal_while_another_award_is_in_doubt_is_refused_with_its_number(
    client: Client, provider: ScriptedProvider
) -> None:
    await client.award()
    provider.on_booked = lose
    await client.award()

    failure = await catch_failure(reverse(client))

    assert (failure.code, failure.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "AWARD_IN_DOUBT")
    assert failure.metadata["award_id"] == "A-2"


async def test_request_id_of_an_award_is_refused_for_a_reversal(client: Client) -> None:
    first = (await client.award()).award

    failure = await catch_failure(reverse(client, request_id=first.request_id))

    assert (failure.code, failure.reason) == (grpc.StatusCode.ALREADY_EXISTS, "REQUEST_ID_REUSED")
    assert failure.metadata == {"award_id": "A-1"}


BAD_REVERSALS = [
    ("request_id", "short"),
    ("note", "x" * 501),
    ("ticket_id", "4711\x00"),
    ("claimed_agent_email", "x" * 321),
    ("claimed_agent_name", "x" * 321),
]


async def test_bad_value_of_a_reversal_is_refused_by_name(client: Client, provider: ScriptedProvider) -> None:
    await client.award()

    failures = [await catch_failure(reverse(client, **{field: value})) for field, value in BAD_REVERSALS]

    assert {(failure.code, failure.reason) for failure in failures} == {(grpc.StatusCode.INVALID_ARGUMENT, "BAD_VALUE")}
    assert [failure.field for failure in failures] == [field for field, _ in BAD_REVERSALS]
    assert provider.debits == []


async def test_reversal_is_not_begun_without_time_for_an_answer(client: Client, provider: ScriptedProvider) -> None:
    await client.award()
    request = pb.ReverseAwardRequest(merchant_id="acme", request_id=make_request_id(), award_id="A-1")

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await client.loyalty.ReverseAward(request, timeout=0.15)

    assert caught.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    assert provider.debits == []


@pytest.mark.parametrize("award_id", ["", "A-x"])
async def test_award_s_request_is_not_accepted_as_a_reversal_without_an_award(client: Client, award_id: str) -> None:
    given = (await client.award()).award

    failure = await catch_failure(reverse(client, award_id, request_id=given.request_id))

    assert (failure.reason, failure.metadata) == ("REQUEST_ID_REUSED", {"award_id": "A-1"})

"""The API tells all about an award: what was asked, its changes, and a person's finding."""

import asyncio
from datetime import timedelta
from typing import Any

import grpc
import pytest
import pytest_asyncio
from google.protobuf.duration_pb2 import Duration

from loyalty_service.domain.errors import BookingUnknownError, ProviderRefusedError
from loyalty_service.domain.member import Tier
from loyalty_service.domain.ports import Booking
from protos.loyalty.v1 import loyalty_pb2 as pb
from tests.loyalty_service.running import Client, catch_failure, make_request_id
from tests.loyalty_service.scripted import JANA, ScriptedProvider, make_member

GET_JANA = pb.GetSnapshotRequest(merchant_id="acme", identity=pb.MemberIdentity(member_id=JANA))
GET_JANA_ANEW = pb.GetSnapshotRequest(
    merchant_id="acme", identity=pb.MemberIdentity(member_id=JANA), max_staleness=Duration()
)


async def read_given(client: Client) -> list[pb.Award]:
    """List the awards in a snapshot. A snapshot made while the ledger was slow has none, so it is read again."""
    snapshot = (await client.loyalty.GetSnapshot(GET_JANA)).snapshot
    async with asyncio.timeout(60):
        while not snapshot.HasField("given_by_support"):
            snapshot = (await client.loyalty.GetSnapshot(GET_JANA_ANEW)).snapshot
    return list(snapshot.given_by_support.awards)


async def lose(_: Booking) -> None:
    raise BookingUnknownError("reset")


async def refuse(_: Booking) -> None:
    raise ProviderRefusedError("402")


async def settle(client: Client, outcome: pb.AwardState.ValueType, **fields: Any) -> pb.Award:  # noqa: ANN401  any field
    wanted: dict[str, Any] = {"merchant_id": "acme", "award_id": "A-1", "outcome": outcome}
    wanted |= {"because": "seen in TRIFFT Admin", "settled_by": "boss@shop.example"} | fields
    return (await client.loyalty.SettleAward(pb.SettleAwardRequest(**wanted))).award


async def get(client: Client, award_id: str = "A-1") -> pb.GetAwardResponse:
    return await client.loyalty.GetAward(pb.GetAwardRequest(merchant_id="acme", award_id=award_id))


def list_states(answer: pb.GetAwardResponse) -> list[tuple[str, str]]:
    """List (from, to) of each change."""
    names = [(pb.AwardState.Name(one.from_state), pb.AwardState.Name(one.to_state)) for one in answer.changes]
    return [(old.removeprefix("AWARD_STATE_"), new.removeprefix("AWARD_STATE_")) for old, new in names]


@pytest_asyncio.fixture(loop_scope="session")
async def doubtful(client: Client, provider: ScriptedProvider) -> Client:
    """A client whose award A-1 is UNKNOWN: it was sent, and its answer was lost."""
    provider.on_booked = lose
    answer = await client.award(claimed_agent_email="ana@shop.example")
    assert answer.award.state == pb.AWARD_STATE_UNKNOWN
    return client


async def test_award_has_every_value_of_its_request(service: Client, provider: ScriptedProvider) -> None:
    provider.members[JANA] = make_member(tier=Tier(tier_id="gold", display_name="Gold"))
    await service.add_merchant(award_reasons=["Goodwill", "Late delivery"])

    answer = await service.award(
        reason="late",
        note="sorry",
        ticket_id="4711",
        ticket_verified=True,
        claimed_agent_email="ana@shop.example",
        claimed_agent_name="Ana K.",
    )

    award = answer.award
    assert (award.reason, award.note) == ("Late delivery", "sorry")
    assert (award.ticket_id, award.ticket_verified) == ("4711", True)
    assert (award.claimed_agent_email, award.claimed_agent_name) == ("ana@shop.example", "Ana K.")
    assert (award.tier_before, award.reverses, award.reversed_by, award.needs_person) == ("Gold", "", "", False)
    assert award == (await get(service)).award


async def test_applied_award_names_the_time_until_which_it_can_be_taken_back(client: Client) -> None:
    award = (await client.award()).award

    open_for = award.reverse_expire_time.ToDatetime() - award.update_time.ToDatetime()
    assert open_for == timedelta(minutes=30)


@pytest.mark.parametrize("outcome", [pb.AWARD_STATE_APPLIED, pb.AWARD_STATE_NOT_APPLIED])
async def test_person_settles_an_unknown_award_once_and_may_repeat_it(
    doubtful: Client, provider: ScriptedProvider, outcome: pb.AwardState.ValueType
) -> None:
    settled = await settle(doubtful, outcome)

    again = await settle(doubtful, outcome, because="as I said", settled_by="Ana")

    assert settled.state == outcome
    assert again.update_time == settled.update_time
    assert len(provider.credits) == 1
    change = (await get(doubtful)).changes[-1]
    assert (change.from_state, change.to_state) == (pb.AWARD_STATE_UNKNOWN, outcome)
    assert (change.actor, change.why) == ("boss@shop.example", "seen in TRIFFT Admin")


async def test_award_that_turns_up_late_is_settled_again(doubtful: Client) -> None:
    await settle(doubtful, pb.AWARD_STATE_NOT_APPLIED)

    settled = await settle(doubtful, pb.AWARD_STATE_APPLIED)

    assert settled.state == pb.AWARD_STATE_APPLIED
    assert list_states(await get(doubtful)) == [
        ("UNSPECIFIED", "PENDING"),
        ("PENDING", "UNKNOWN"),
        ("UNKNOWN", "NOT_APPLIED"),
        ("NOT_APPLIED", "APPLIED"),
    ]


async def test_award_of_a_merchant_that_was_removed_can_be_found_and_settled(doubtful: Client) -> None:
    await doubtful.merchants.DeleteMerchant(pb.DeleteMerchantRequest(merchant_id="acme"))
    waiting = (await doubtful.loyalty.ListAwards(pb.ListAwardsRequest(merchant_id="acme"))).awards

    settled = await settle(doubtful, pb.AWARD_STATE_APPLIED)

    assert [award.award_id for award in waiting] == ["A-1"]
    assert settled.state == (await get(doubtful)).award.state == pb.AWARD_STATE_APPLIED
    failure = await catch_failure(doubtful.award())
    assert failure.reason == "MERCHANT_NOT_FOUND"


async def test_merchant_that_never_existed_has_no_awards(client: Client) -> None:
    failure = await catch_failure(settle(client, pb.AWARD_STATE_APPLIED, merchant_id="nobody"))

    assert (failure.code, failure.reason) == (grpc.StatusCode.NOT_FOUND, "MERCHANT_NOT_FOUND")


async def test_award_that_does_not_exist_is_not_settled(client: Client) -> None:
    failure = await catch_failure(settle(client, pb.AWARD_STATE_APPLIED, award_id="A-9"))

    assert (failure.code, failure.reason) == (grpc.StatusCode.NOT_FOUND, "AWARD_NOT_FOUND")


async def test_settled_award_cannot_be_settled_differently(client: Client) -> None:
    await client.award()

    failure = await catch_failure(settle(client, pb.AWARD_STATE_NOT_APPLIED))

    assert (failure.code, failure.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "AWARD_STATE")
    assert failure.metadata == {"award_id": "A-1", "state": "applied"}


BAD_SETTLEMENTS: list[tuple[str, Any]] = [
    ("outcome", pb.AWARD_STATE_UNSPECIFIED),
    ("outcome", pb.AWARD_STATE_UNKNOWN),
    ("outcome", pb.AWARD_STATE_REJECTED),
    ("outcome", 99),
    ("because", ""),
    ("because", " \n\u200b"),
    ("because", "x" * 501),
    ("settled_by", ""),
    ("settled_by", "x" * 321),
]


async def test_bad_value_of_a_settlement_is_refused_by_name(doubtful: Client) -> None:
    fields: list[dict[str, Any]] = [{"outcome": pb.AWARD_STATE_APPLIED, name: value} for name, value in BAD_SETTLEMENTS]

    failures = [await catch_failure(settle(doubtful, **wanted)) for wanted in fields]

    assert {(failure.code, failure.reason) for failure in failures} == {(grpc.StatusCode.INVALID_ARGUMENT, "BAD_VALUE")}
    assert [failure.field for failure in failures] == [field for field, _ in BAD_SETTLEMENTS]
    assert (await get(doubtful)).award.state == pb.AWARD_STATE_UNKNOWN


async def test_changes_of_an_award_come_oldest_first_with_actor_and_reason(
    client: Client, provider: ScriptedProvider
) -> None:
    await client.award(claimed_agent_email="ana@shop.example")

    answer = await get(client)

    assert list_states(answer) == [("UNSPECIFIED", "PENDING"), ("PENDING", "APPLIED")]
    assert [change.actor for change in answer.changes] == ["ana@shop.example", "loyalty_service"]
    assert all(change.why for change in answer.changes)
    assert [change.attempt for change in answer.changes] == [1, 1]
    assert answer.changes[-1].change_time == answer.award.update_time
    assert len(provider.credits) == 1


async def test_request_for_an_award_without_a_key_is_refused(client: Client) -> None:
    failure = await catch_failure(client.loyalty.GetAward(pb.GetAwardRequest(merchant_id="acme")))

    assert (failure.code, failure.reason, failure.field) == (grpc.StatusCode.INVALID_ARGUMENT, "BAD_VALUE", "key")


async def test_snapshot_shows_the_last_awards_of_support(client: Client, provider: ScriptedProvider) -> None:
    """It shows the last five that are APPLIED or UNKNOWN, newest first, at once after each change."""
    nothing = await read_given(client)
    for points in range(1, 5):
        await client.award(points=points)
    undo = pb.ReverseAwardRequest(merchant_id="acme", request_id=make_request_id(), award_id="A-4")
    await client.loyalty.ReverseAward(undo)
    provider.on_credit = refuse
    await client.award(points=6)
    provider.on_credit = lose
    await client.award(points=7)

    shown = await read_given(client)

    assert nothing == []
    assert [award.award_id for award in shown] == ["A-7", "A-5", "A-4", "A-3", "A-2"]
    assert shown[0].state == pb.AWARD_STATE_UNKNOWN
    assert (shown[1].reverses, shown[2].reversed_by) == ("A-4", "A-5")
    assert shown[1:] == [(await get(client, award.award_id)).award for award in shown[1:]]

"""Awards over the wire: at most one credit per request, and a true answer to each."""

import asyncio
from datetime import UTC
from typing import Any

import grpc

from loyalty_service.domain.errors import rfc3339
from protos.loyalty.v1 import loyalty_pb2 as pb
from tests.loyalty_service.running import AT_ONCE_S, Client, StartService, catch_failure, make_request_id, wait_until
from tests.loyalty_service.scripted import JANA, ScriptedProvider, make_member


async def test_award_adds_points_and_the_next_read_shows_them(client: Client, provider: ScriptedProvider) -> None:
    request = pb.GetSnapshotRequest(merchant_id="acme", identity=pb.MemberIdentity(member_id=JANA))
    before = await client.loyalty.GetSnapshot(request)

    answer = await client.award(points=100, note="sorry")

    after = await client.loyalty.GetSnapshot(request)
    assert (answer.award.state, answer.award.award_id, answer.replayed) == (pb.AWARD_STATE_APPLIED, "A-1", False)
    assert answer.member_name == "Jana Nováková"
    assert answer.award.balance == pb.Wallet(points_balance=1340, points_balance_exact="1340.5")
    assert before.snapshot.member.wallet.points_balance == 1240
    assert after.snapshot.member.wallet.points_balance == 1340
    assert [(credit.points, credit.note) for credit in provider.credits] == [(100, "sorry")]


async def test_credit_carries_the_number_and_the_request_as_its_reference(
    client: Client, provider: ScriptedProvider
) -> None:
    await client.award(request_id="panel-0001")

    assert provider.credits[0].reference == "A-1:panel-0001"


async def test_fifty_simultaneous_requests_with_one_id_are_one_credit(
    client: Client, provider: ScriptedProvider
) -> None:
    request_id = make_request_id()

    answers = await asyncio.gather(*(client.award(request_id=request_id) for _ in range(50)))

    assert {answer.award.award_id for answer in answers} == {"A-1"}
    assert {answer.award.state for answer in answers} == {pb.AWARD_STATE_APPLIED}
    assert [answer.replayed for answer in answers].count(False) == 1
    assert len(provider.credits) == 1


async def test_two_processes_with_one_request_id_are_one_credit(
    start_service: StartService, provider: ScriptedProvider
) -> None:
    """The database prevents a second credit, not the memory of one process."""
    async with start_service() as one, start_service() as other:
        await one.add_merchant()
        request_id = make_request_id()

        answers = await asyncio.gather(*(client.award(request_id=request_id) for client in [one, other] * 8))

        assert {answer.award.award_id for answer in answers} == {"A-1"}
        assert {answer.award.state for answer in answers} == {pb.AWARD_STATE_APPLIED}
        assert len(provider.credits) == 1


async def test_simultaneous_requests_for_one_member_are_one_award_in_doubt(
    client: Client, provider: ScriptedProvider
) -> None:
    answered = asyncio.Event()
    provider.on_credit = lambda _: answered.wait()
    tasks = [asyncio.ensure_future(client.award(points=points)) for points in range(1, 11)]
    await wait_until(lambda: sum(task.done() for task in tasks) == 9)
    answered.set()

    answers = await asyncio.gather(*tasks, return_exceptions=True)

    refusals = [answer for answer in answers if isinstance(answer, grpc.aio.AioRpcError)]
    assert {refusal.code() for refusal in refusals} == {grpc.StatusCode.FAILED_PRECONDITION}
    assert len(refusals) == 9
    assert len(provider.credits) == 1


async def test_request_id_with_other_content_is_refused_with_the_first_number(
    client: Client, provider: ScriptedProvider
) -> None:
    content: dict[str, Any] = {"request_id": make_request_id(), "points": 100, "ticket_id": "4711"}
    others: list[dict[str, Any]] = [
        {"points": 101},
        {"points": 0},
        {"member_id": "somebody-else"},
        {"ticket_id": "4712"},
    ]
    await client.award(**content)

    failures = [await catch_failure(client.award(**(content | changes))) for changes in others]

    assert {(failure.code, failure.reason) for failure in failures} == {
        (grpc.StatusCode.ALREADY_EXISTS, "REQUEST_ID_REUSED")
    }
    assert [failure.metadata for failure in failures] == [{"award_id": "A-1"}] * len(others)
    assert len(provider.credits) == 1


async def test_replay_with_another_note_or_agent_is_the_same_award(client: Client, provider: ScriptedProvider) -> None:
    request_id = make_request_id()
    await client.award(request_id=request_id, note="sorry", claimed_agent_name="Ana")

    answer = await client.award(request_id=request_id, note="so sorry", claimed_agent_name="Ben")

    assert answer.replayed
    assert (answer.award.note, answer.award.claimed_agent_name) == ("sorry", "Ana")
    assert len(provider.credits) == 1


async def test_replay_is_answered_despite_a_lower_limit(client: Client) -> None:
    request_id = make_request_id()
    await client.award(request_id=request_id, points=400)
    lower = pb.Merchant(merchant_id="acme", max_points_per_award=10)
    request = pb.UpdateMerchantRequest(merchant=lower)
    request.update_mask.paths.append("max_points_per_award")
    await client.merchants.UpdateMerchant(request)

    answer = await client.award(request_id=request_id, points=400)

    assert (answer.award.state, answer.replayed) == (pb.AWARD_STATE_APPLIED, True)


async def test_same_points_on_the_same_ticket_within_the_window_are_the_same_award(
    client: Client, provider: ScriptedProvider
) -> None:
    first = await client.award(points=100, ticket_id="4711")

    again = await client.award(points=100, ticket_id="4711")
    other_points = await client.award(points=50, ticket_id="4711")
    other_ticket = await client.award(points=100, ticket_id="4712")
    no_ticket = [await client.award(points=100), await client.award(points=100)]

    assert (again.replayed, again.award) == (True, first.award)
    assert [answer.replayed for answer in [other_points, other_ticket, *no_ticket]] == [False] * 4
    assert len(provider.credits) == 5


async def test_second_agent_with_a_newer_panel_gets_the_first_award(client: Client, provider: ScriptedProvider) -> None:
    first = await client.award(points=100, ticket_id="4711", note="sorry", claimed_agent_name="Ana")

    second = await client.award(points=100, ticket_id="4711", note="we are sorry", claimed_agent_name="Ben")

    assert (second.replayed, second.award.award_id, second.award.claimed_agent_name) == (True, "A-1", "Ana")
    assert second.award == first.award
    assert len(provider.credits) == 1


async def test_same_points_on_the_same_ticket_after_the_window_are_a_new_award(start_service: StartService) -> None:
    async with start_service(award_repeat_window_s=0.0) as client:
        await client.add_merchant()
        await client.award(points=100, ticket_id="4711")

        again = await client.award(points=100, ticket_id="4711")

    assert (again.replayed, again.award.award_id) == (False, "A-2")


async def test_repeat_of_an_award_in_doubt_is_answered_with_that_award(
    start_service: StartService, provider: ScriptedProvider
) -> None:
    """An agent who clicks again on a newer panel gets the outcome of the first click."""
    answered = asyncio.Event()
    provider.on_credit = lambda _: answered.wait()
    async with start_service(award_answer_s=AT_ONCE_S) as client:
        await client.add_merchant()
        await client.hold()
        await client.award(points=100, ticket_id="4711")

        again = await client.award(points=100, ticket_id="4711")
        refused = await catch_failure(client.award(points=50, ticket_id="4711"))
        answered.set()

    assert (again.replayed, again.award.award_id, again.award.state) == (True, "A-1", pb.AWARD_STATE_PENDING)
    assert refused.reason == "AWARD_IN_DOUBT"
    assert refused.metadata == {
        "award_id": "A-1",
        "award_request_id": again.award.request_id,
        "ticket_id": "4711",
        "attempt_time": rfc3339(again.award.attempt_time.ToDatetime(UTC)),
    }
    assert len(provider.credits) == 1


async def test_numbers_run_per_merchant_and_refusals_take_none(client: Client, provider: ScriptedProvider) -> None:
    await client.add_merchant("bloom")
    provider.members["b"] = make_member("b")
    await client.award()
    await catch_failure(client.award(points=501))

    numbers = [
        (await client.award(member_id="b")).award.award_id,
        (await client.award(merchant_id="bloom")).award.award_id,
        (await client.award()).award.award_id,
    ]

    assert numbers == ["A-2", "A-1", "A-3"]

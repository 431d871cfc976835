"""What becomes of an award when the provider refuses, is slow, or loses its answer."""

import asyncio
from contextlib import suppress
from zoneinfo import ZoneInfo

import grpc
import pytest

from loyalty_service.awards.ledger.ledger import Ledger
from loyalty_service.awards.parse import GivenAward, parse_award
from loyalty_service.database import open_database
from loyalty_service.domain.award import AwardState
from loyalty_service.domain.errors import (
    BookingUnknownError,
    MemberNotFoundError,
    ProviderCredentialsError,
    ProviderRefusedError,
    ProviderThrottledError,
    ProviderUnavailableError,
)
from loyalty_service.domain.limits import Limits
from loyalty_service.domain.ports import Booking
from protos.loyalty.v1 import loyalty_pb2 as pb
from tests.loyalty_service.holding import hold_transaction
from tests.loyalty_service.running import (
    AT_ONCE_S,
    Client,
    StartService,
    catch_failure,
    make_request_id,
    wait_until,
)
from tests.loyalty_service.scripted import JANA, NOON, ScriptedProvider, make_member, make_merchant
from tests.passing import let_loop_pass

BEFORE_SENDING = [
    ProviderCredentialsError("401"),
    ProviderThrottledError("429", 60.0),
    ProviderUnavailableError("connection refused"),
    MemberNotFoundError(NOON),
]


def fail_with(provider: ScriptedProvider, error: Exception) -> None:
    async def fail(_: Booking) -> None:
        raise error

    provider.on_credit = fail


async def succeed(_: Booking) -> None:
    pass


@pytest.mark.parametrize("error", BEFORE_SENDING, ids=lambda error: error.reason)
async def test_refusal_before_sending_may_be_tried_again_with_the_same_id(
    client: Client, provider: ScriptedProvider, error: MemberNotFoundError
) -> None:
    request_id = make_request_id()
    fail_with(provider, error)
    refused = (await client.award(request_id=request_id)).award
    provider.on_credit = succeed

    answer = await client.award(request_id=request_id)

    assert (refused.state, refused.retryable) == (pb.AWARD_STATE_REJECTED, True)
    assert pb.ErrorReason.Name(refused.rejection_reason) == error.reason
    assert (answer.award.state, answer.award.award_id) == (pb.AWARD_STATE_APPLIED, "A-1")
    assert (answer.replayed, answer.award.retryable, answer.award.rejection_reason) == (False, False, 0)
    assert len(provider.credits) == 2


async def test_refusal_for_good_is_final(client: Client, provider: ScriptedProvider) -> None:
    request_id = make_request_id()
    fail_with(provider, ProviderRefusedError("402"))
    first = (await client.award(request_id=request_id)).award
    provider.on_credit = succeed

    again = await client.award(request_id=request_id)

    assert (first.state, first.rejection_reason) == (pb.AWARD_STATE_REJECTED, pb.PROVIDER_REFUSED)
    assert not first.retryable
    assert (again.replayed, again.award) == (True, first)
    assert len(provider.credits) == 1


@pytest.mark.parametrize("error", [BookingUnknownError("reset"), RuntimeError("a bug in the adapter")], ids=repr)
async def test_lost_answer_is_unknown_never_sent_again_and_holds_the_member(
    client: Client, provider: ScriptedProvider, error: Exception
) -> None:
    request_id = make_request_id()
    provider.members["b"] = make_member("b")
    fail_with(provider, error)
    first = await client.award(request_id=request_id)
    provider.on_credit = succeed

    again = await client.award(request_id=request_id)
    next_one = await catch_failure(client.award())
    of_another_member = await client.award(member_id="b")

    assert first.award.state == pb.AWARD_STATE_UNKNOWN
    assert (again.replayed, again.award) == (True, first.award)
    assert (next_one.code, next_one.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "AWARD_IN_DOUBT")
    assert next_one.metadata["award_id"] == "A-1"
    assert of_another_member.award.state == pb.AWARD_STATE_APPLIED
    assert [credit.member_id for credit in provider.credits] == [JANA, "b"]


async def test_slow_provider_answers_the_caller_in_time_and_settles_later(
    start_service: StartService, provider: ScriptedProvider
) -> None:
    answered = asyncio.Event()
    provider.on_credit = lambda _: answered.wait()
    async with start_service(award_answer_s=AT_ONCE_S) as client:
        await client.add_merchant()
        await client.hold()
        request_id = make_request_id()
        first = await client.award(request_id=request_id)
        again = await client.award(request_id=request_id)
        answered.set()
        while (last := await client.award(request_id=request_id)).award.state == pb.AWARD_STATE_PENDING:
            pass

    states = [answer.award.state for answer in (first, again, last)]
    assert states == [pb.AWARD_STATE_PENDING, pb.AWARD_STATE_PENDING, pb.AWARD_STATE_APPLIED]
    assert [answer.replayed for answer in (first, again, last)] == [False, True, True]
    assert len(provider.credits) == 1


async def test_caller_with_a_sooner_deadline_is_answered_before_it(
    start_service: StartService, provider: ScriptedProvider
) -> None:
    answered = asyncio.Event()
    provider.on_credit = lambda _: answered.wait()
    async with start_service(award_answer_s=300.0, award_timeout_s=300.0) as client:
        await client.add_merchant()
        asking = asyncio.ensure_future(client.award(timeout_s=60.0))
        await wait_until(lambda: provider.credits)
        let_loop_pass(60)  # for the service, and not for the caller

        answer = await asking
        answered.set()

    assert answer.award.state == pb.AWARD_STATE_PENDING


async def test_caller_who_goes_away_does_not_cancel_the_award(client: Client, provider: ScriptedProvider) -> None:
    answered = asyncio.Event()
    provider.on_credit = lambda _: answered.wait()
    request_id = make_request_id()
    call = asyncio.ensure_future(client.award(request_id=request_id))
    await wait_until(lambda: provider.credits)
    call.cancel()
    answered.set()

    answer = await client.award(request_id=request_id)

    assert (answer.award.state, answer.replayed) == (pb.AWARD_STATE_APPLIED, True)
    assert len(provider.credits) == 1


async def test_caller_who_goes_away_while_the_database_is_busy_does_not_cancel_the_award(
    database_url: str, start_service: StartService, provider: ScriptedProvider
) -> None:
    """On a busy machine a caller may be gone before the opening has begun: nothing is done, and they stay longer."""
    request_id = make_request_id()
    locking = "INSERT INTO award_numbers VALUES ('acme', 0) ON CONFLICT DO NOTHING"  # the award may open very late
    async with start_service() as client:
        await client.add_merchant()
        for stay_s in (0.5, 2.0, 8.0):
            async with hold_transaction(database_url, locking):
                with pytest.raises(grpc.aio.AioRpcError):
                    await client.award(timeout_s=stay_s, request_id=request_id)
            with suppress(TimeoutError):
                await wait_until(lambda: provider.credits, timeout_s=stay_s * 4)
                break

        answer = await client.award(request_id=request_id)

    assert (answer.award.state, answer.replayed) == (pb.AWARD_STATE_APPLIED, True)
    assert len(provider.credits) == 1


async def test_award_left_pending_by_a_dead_process_is_unknown_once_its_lease_is_over(
    database_url: str, start_service: StartService, provider: ScriptedProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("loyalty_service.awards.reconciliation.loop.PASS_S", 0.05)
    async with start_service(award_answer_s=8.0) as client, open_database(database_url) as database:
        await client.add_merchant()
        dead = Ledger(database, lease_s=-1.0, repeat_window_s=600.0, reversal_window_s=1800.0)
        given = GivenAward(request_id=make_request_id(), member_id=JANA, points=100)
        await dead.open(parse_award(make_merchant(), given), Limits(), ZoneInfo("UTC"))

        again = await client.award(request_id=given.request_id)
        read = await client.loyalty.GetAward(pb.GetAwardRequest(merchant_id="acme", award_id="A-1"))
        next_one = await catch_failure(client.award())

        assert read.award.state == again.award.state == pb.AWARD_STATE_UNKNOWN
        assert next_one.reason == "AWARD_IN_DOUBT"
        assert provider.credits == []
        stored = await dead.find("acme", given.request_id)
        assert stored is not None
        assert stored.state is AwardState.UNKNOWN


async def test_pending_award_of_another_process_is_waited_for(
    start_service: StartService, provider: ScriptedProvider
) -> None:
    answered = asyncio.Event()
    provider.on_credit = lambda _: answered.wait()
    async with (
        start_service(award_answer_s=30.0) as one,
        start_service(award_answer_s=30.0) as other,
        start_service(award_answer_s=AT_ONCE_S) as impatient,
    ):
        await one.add_merchant()
        request_id = make_request_id()
        first = asyncio.ensure_future(one.award(request_id=request_id))
        await wait_until(lambda: provider.credits)
        second = asyncio.ensure_future(other.award(request_id=request_id))
        pending = await impatient.award(request_id=request_id)
        answered.set()

        states = [(await first).award.state, (await second).award.state]

    assert pending.award.state == pb.AWARD_STATE_PENDING
    assert states == [pb.AWARD_STATE_APPLIED] * 2
    assert len(provider.credits) == 1

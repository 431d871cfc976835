"""Points that support removes, over the wire: only if the shop allows it, with a reason, and as reliably as awards."""

from typing import Any

import grpc
import pytest
import pytest_asyncio

from loyalty_service.domain.errors import BookingUnknownError, ProviderRefusedError, ProviderUnavailableError
from loyalty_service.domain.member import MemberStatus, NoBalance
from loyalty_service.domain.ports import Booking
from protos.loyalty.v1 import loyalty_pb2 as pb
from tests.loyalty_service.awards.test_reversal_calls import GET_JANA, get, reverse
from tests.loyalty_service.running import Client, StartService, catch_failure, make_request_id
from tests.loyalty_service.scripted import JANA, ScriptedProvider, make_member

IN_DOUBT = (grpc.StatusCode.FAILED_PRECONDITION, "AWARD_IN_DOUBT")


async def do_nothing(_: Booking) -> None:
    pass


async def lose(_: Booking) -> None:
    raise BookingUnknownError("reset")


async def refuse(_: Booking) -> None:
    raise ProviderRefusedError("402")


async def be_unreachable(_: Booking) -> None:
    raise ProviderUnavailableError("no route")


async def deduct(client: Client, **fields: Any) -> pb.AwardPointsResponse:  # noqa: ANN401  any field
    return await client.award(debit=True, **({"reason": "Given twice"} | fields))


async def sum_up(client: Client, grouping: pb.AwardGrouping.ValueType = pb.AWARD_GROUPING_AGENT) -> list[pb.AwardSum]:
    return list((await client.loyalty.SumAwards(pb.SumAwardsRequest(merchant_id="acme", group_by=grouping))).sums)


@pytest_asyncio.fixture(loop_scope="session")
async def shop(service: Client) -> Client:
    """A shop in which support may remove 300 points at once."""
    await service.add_merchant(max_points_per_deduction=300)
    return service


async def test_deduction_removes_the_points_and_is_recorded_as_a_debit(
    shop: Client, provider: ScriptedProvider
) -> None:
    given = (await shop.award(points=80)).award

    agent = {"claimed_agent_email": "ana@shop.example", "claimed_agent_name": "Ana K."}
    answer = await deduct(shop, points=50, note="a slip", ticket_id="4711", **agent)

    taken = answer.award
    assert (given.debit, taken.debit, taken.points, taken.state) == (False, True, 50, pb.AWARD_STATE_APPLIED)
    assert (taken.note, taken.ticket_id, taken.reason, taken.reverses) == ("a slip", "4711", "Given twice", "")
    assert (taken.claimed_agent_name, taken.HasField("reverse_expire_time")) == ("Ana K.", True)
    assert given.balance.points_balance - taken.balance.points_balance == 50
    assert [(booking.points, booking.note) for booking in provider.debits] == [(50, "a slip")]
    assert [booking.points for booking in provider.credits] == [80]
    found = await get(shop, taken.award_id)
    assert found.award == taken
    assert [change.actor for change in found.changes] == ["ana@shop.example", "loyalty_service"]
    assert found.changes[0].why == "asked to take points away"
    shown = (await shop.loyalty.GetSnapshot(GET_JANA)).snapshot
    assert [(one.award_id, one.debit) for one in shown.given_by_support.awards] == [("A-2", True), ("A-1", False)]
    assert shown.member.wallet.points_balance == taken.balance.points_balance


async def test_deduction_is_refused_if_the_shop_does_not_allow_it(client: Client, provider: ScriptedProvider) -> None:
    failure = await catch_failure(deduct(client, points=1))

    assert (failure.code, failure.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "LIMIT_EXCEEDED")
    assert failure.metadata == {"limit": "per_deduction", "maximum": "0", "used": "0", "left": "0"}
    assert provider.debits == []


async def test_one_deduction_has_its_own_limit(client: Client, provider: ScriptedProvider) -> None:
    await client.add_merchant("bloom", max_points_per_deduction=700, max_points_per_award=10, max_points_per_ticket=0)

    failure = await catch_failure(deduct(client, merchant_id="bloom", points=701))
    award_failure = await catch_failure(client.award(merchant_id="bloom", points=11))
    at_the_limit = await deduct(client, merchant_id="bloom", points=700)

    assert failure.metadata == {"limit": "per_deduction", "maximum": "700", "used": "0", "left": "700"}
    assert award_failure.metadata["limit"] == "per_award"
    assert at_the_limit.award.state == pb.AWARD_STATE_APPLIED
    assert [booking.points for booking in provider.debits] == [700]


@pytest.mark.parametrize("name", ["per_ticket", "per_member_day", "per_merchant_day", "per_agent_day"])
async def test_awards_and_deductions_have_the_same_limits_counted_apart(service: Client, name: str) -> None:
    """Awards make no room for deductions, nor deductions for awards."""
    limits: dict[str, Any] = {"max_points_per_deduction": 300, f"max_points_{name}": 200}
    await service.add_merchant(**limits)
    await service.award(points=150, ticket_id="4711")
    await deduct(service, points=150, ticket_id="4711")

    refusals = [await catch_failure(call(service, points=51, ticket_id="4711")) for call in (Client.award, deduct)]
    filled = [await call(service, points=50, ticket_id="4711") for call in (Client.award, deduct)]

    limit = {"limit": name, "maximum": "200", "used": "150", "left": "50"}
    assert [refusal.metadata for refusal in refusals] == [limit, limit]
    assert [one.award.state for one in filled] == [pb.AWARD_STATE_APPLIED] * 2


async def test_deduction_that_was_undone_counts_for_no_limit(shop: Client, provider: ScriptedProvider) -> None:
    """The same deduction may be made again."""
    for _ in range(3):
        taken = (await deduct(shop, points=300, ticket_id="4711")).award
        await reverse(shop, taken.award_id)
    again = await deduct(shop, points=300, ticket_id="4711")
    failure = await catch_failure(deduct(shop, points=201, ticket_id="4711"))

    assert (again.award.award_id, again.replayed) == ("A-7", False)
    assert (failure.metadata["limit"], failure.metadata["used"]) == ("per_ticket", "300")
    assert [booking.points for booking in provider.credits] == [300] * 3


async def test_deduction_without_a_reason_is_refused(shop: Client, provider: ScriptedProvider) -> None:
    """This holds whether or not the shop has a list of reasons."""
    await shop.add_merchant("bloom", max_points_per_deduction=300, award_reasons=["Late delivery", "Given twice"])

    failures = [
        await catch_failure(deduct(shop, merchant_id=merchant_id, reason=typed))
        for merchant_id in ("acme", "bloom")
        for typed in ("", " \n", '""', "\u201e \u201c")
    ]

    assert {(failure.code, failure.reason, failure.field) for failure in failures} == {
        (grpc.StatusCode.INVALID_ARGUMENT, "BAD_VALUE", "reason")
    }
    assert provider.debits == []


async def test_reason_of_a_deduction_is_one_of_the_shop_s_where_it_has_some(service: Client) -> None:
    await service.add_merchant(max_points_per_deduction=300, award_reasons=["Late delivery", "Given twice"])

    kept = (await deduct(service, reason='"given')).award.reason
    failure = await catch_failure(deduct(service, reason="because"))

    assert kept == "Given twice"
    assert (failure.reason, failure.field) == ("BAD_VALUE", "reason")


async def test_deduction_does_not_count_as_a_repeat_of_an_award(shop: Client, provider: ScriptedProvider) -> None:
    await shop.award(points=100, ticket_id="4711")

    first = await deduct(shop, points=100, ticket_id="4711")
    second = await deduct(shop, points=100, ticket_id="4711")
    given_again = await shop.award(points=100, ticket_id="4711")

    assert (first.replayed, first.award.award_id) == (False, "A-2")
    assert (second.replayed, second.award) == (True, first.award)
    assert second.HasField("repeat_expire_time")
    assert (given_again.replayed, given_again.award.award_id) == (True, "A-1")
    assert (len(provider.credits), len(provider.debits)) == (1, 1)


async def test_request_id_with_the_other_direction_is_other_content(shop: Client, provider: ScriptedProvider) -> None:
    given, taken = make_request_id(), make_request_id()
    await shop.award(request_id=given, ticket_id="4711")
    first = await deduct(shop, request_id=taken, ticket_id="4711")

    failures = [
        await catch_failure(deduct(shop, request_id=given, ticket_id="4711")),
        await catch_failure(shop.award(request_id=taken, ticket_id="4711")),
        await catch_failure(shop.award(request_id=taken, ticket_id="4711", points=-100)),
    ]
    replay = await deduct(shop, request_id=taken, ticket_id="4711", reason="")

    assert [(failure.code, failure.reason, failure.metadata) for failure in failures] == [
        (grpc.StatusCode.ALREADY_EXISTS, "REQUEST_ID_REUSED", {"award_id": award_id})
        for award_id in ("A-1", "A-2", "A-2")
    ]
    assert (replay.replayed, replay.award) == (True, first.award)
    assert (len(provider.credits), len(provider.debits)) == (1, 1)


async def test_deduction_that_the_balance_does_not_cover_is_refused_for_good(
    shop: Client, provider: ScriptedProvider
) -> None:
    """The request stays free: the same points may be given instead, or fewer removed."""
    provider.on_debit = refuse
    request_id = make_request_id()
    refused = await deduct(shop, request_id=request_id)
    again = await deduct(shop, request_id=request_id)
    provider.on_debit = do_nothing
    less = await deduct(shop, request_id=request_id, points=20)

    award = refused.award
    assert (award.state, award.rejection_reason) == (pb.AWARD_STATE_REJECTED, pb.PROVIDER_REFUSED)
    assert (award.debit, award.retryable) == (True, False)
    assert (again.replayed, again.award) == (True, award)
    assert (less.replayed, less.award.award_id, less.award.state) == (False, "A-2", pb.AWARD_STATE_APPLIED)
    assert [booking.points for booking in provider.debits] == [100, 20]


async def test_deduction_that_was_not_sent_is_tried_again_as_a_deduction(
    shop: Client, provider: ScriptedProvider
) -> None:
    request_id = make_request_id()
    provider.on_debit = be_unreachable
    refused = (await deduct(shop, request_id=request_id)).award
    provider.on_debit = do_nothing

    as_award = (await shop.award(request_id=request_id)).award
    assert (refused.retryable, as_award.award_id, as_award.debit) == (True, "A-2", False)
    failure = await catch_failure(deduct(shop, request_id=request_id))
    assert (failure.reason, failure.metadata) == ("REQUEST_ID_REUSED", {"award_id": "A-2"})

    provider.on_debit = be_unreachable
    other_id = make_request_id()
    await deduct(shop, request_id=other_id)
    provider.on_debit = do_nothing
    tried = (await deduct(shop, request_id=other_id)).award
    assert (tried.award_id, tried.debit, tried.state) == ("A-3", True, pb.AWARD_STATE_APPLIED)


@pytest.mark.parametrize("is_debit", [True, False])
async def test_award_or_deduction_in_doubt_blocks_the_next_of_either_kind(
    shop: Client, provider: ScriptedProvider, *, is_debit: bool
) -> None:
    before = (await deduct(shop, points=10)).award
    provider.on_booked = lose
    unknown = (await deduct(shop) if is_debit else await shop.award()).award
    provider.on_booked = do_nothing

    calls = (deduct(shop, points=20), shop.award(points=20), reverse(shop, before.award_id))
    failures = [await catch_failure(call) for call in calls]

    assert (unknown.state, unknown.debit) == (pb.AWARD_STATE_UNKNOWN, is_debit)
    assert [(failure.code, failure.reason) for failure in failures] == [IN_DOUBT] * 3
    assert {failure.metadata["award_id"] for failure in failures} == {"A-2"}
    assert len(provider.credits) + len(provider.debits) == 2


async def test_person_settles_a_deduction_whose_answer_was_lost(shop: Client, provider: ScriptedProvider) -> None:
    """From then on it can be undone."""
    provider.on_booked = lose
    request_id = make_request_id()
    await deduct(shop, request_id=request_id)
    provider.on_booked = do_nothing
    replay = await deduct(shop, request_id=request_id)
    finding = pb.SettleAwardRequest(
        merchant_id="acme", award_id="A-1", outcome=pb.AWARD_STATE_APPLIED, because="seen in TRIFFT", settled_by="Eva"
    )
    settled = (await shop.loyalty.SettleAward(finding)).award

    undo = (await reverse(shop)).award

    assert (replay.replayed, replay.award.state) == (True, pb.AWARD_STATE_UNKNOWN)
    assert (settled.state, settled.debit, undo.state) == (pb.AWARD_STATE_APPLIED, True, pb.AWARD_STATE_APPLIED)
    assert (len(provider.credits), len(provider.debits)) == (1, 1)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"status": MemberStatus.BLOCKED}, "MEMBER_BLOCKED"),
        ({"status": MemberStatus.UNKNOWN}, "STATUS_UNKNOWN"),
        ({"wallet": NoBalance.DISABLED}, "WALLET_DISABLED"),
        ({"wallet": NoBalance.SEVERAL}, "SEVERAL_WALLETS"),
    ],
)
async def test_member_who_gets_no_points_cannot_lose_any(
    shop: Client, provider: ScriptedProvider, fields: dict[str, Any], reason: str
) -> None:
    provider.members[JANA] = make_member(**fields)

    failure = await catch_failure(deduct(shop))

    assert (failure.code, failure.reason) == (grpc.StatusCode.FAILED_PRECONDITION, reason)
    assert provider.debits == []


async def test_undo_of_a_deduction_gives_the_points_back_once(shop: Client, provider: ScriptedProvider) -> None:
    taken = (await deduct(shop, points=70, note="a slip", ticket_id="4711")).award

    undo = await reverse(shop, note="not a slip", ticket_id="4712")
    again = await reverse(shop)
    failure = await catch_failure(reverse(shop, "A-2"))

    assert (undo.award.reverses, undo.award.debit, undo.award.points) == ("A-1", False, 70)
    assert undo.award.balance.points_balance - taken.balance.points_balance == 70
    assert (await get(shop)).award.reversed_by == "A-2"
    assert (again.replayed, again.award) == (True, undo.award)
    assert (failure.reason, failure.metadata["state"]) == ("AWARD_STATE", "reversal")
    assert [(booking.points, booking.note) for booking in provider.credits] == [(70, "not a slip")]
    assert [booking.points for booking in provider.debits] == [70]


async def test_undo_of_an_award_is_a_debit(shop: Client) -> None:
    await shop.award()

    assert (await reverse(shop)).award.debit


async def test_undo_of_a_deduction_whose_answer_is_lost_is_not_sent_again(
    shop: Client, provider: ScriptedProvider
) -> None:
    await deduct(shop)
    provider.on_booked = lose

    undo = await reverse(shop)
    again = await reverse(shop)

    assert (undo.award.state, undo.award.debit) == (pb.AWARD_STATE_UNKNOWN, False)
    assert (again.replayed, again.award) == (True, undo.award)
    assert len(provider.credits) == 1


async def test_undo_is_allowed_although_the_shop_has_turned_deductions_off(shop: Client) -> None:
    await deduct(shop)
    request = pb.UpdateMerchantRequest(merchant=pb.Merchant(merchant_id="acme"))
    request.update_mask.paths.append("max_points_per_deduction")
    await shop.merchants.UpdateMerchant(request)

    assert (await reverse(shop)).award.state == pb.AWARD_STATE_APPLIED
    assert (await catch_failure(deduct(shop))).metadata["limit"] == "per_deduction"


async def test_sums_count_removed_points_apart_from_given_ones(shop: Client, provider: ScriptedProvider) -> None:
    ana: dict[str, Any] = {"claimed_agent_name": "Ana"}
    eva: dict[str, Any] = {"claimed_agent_name": "Eva"}
    await shop.award(points=200, **ana)
    await reverse(shop, "A-1", **eva)
    await shop.award(points=30, **ana)
    await deduct(shop, points=100, **ana)
    await deduct(shop, points=40, **ana)
    await reverse(shop, "A-5", **eva)
    await deduct(shop, points=7, **eva)
    provider.on_booked = lose
    await deduct(shop, points=5, **eva)

    by_agent = await sum_up(shop)
    by_reason = await sum_up(shop, pb.AWARD_GROUPING_REASON)

    of_ana = pb.AwardSum(key="ana", award_count=2, points=230, reversed_points=200, removed_points=100)
    assert by_agent == [of_ana, pb.AwardSum(key="eva", removed_points=7, in_doubt_points=5)]
    assert [(one.key, one.points, one.removed_points) for one in by_reason] == [("", 230, 0), ("Given twice", 0, 107)]


async def test_deduction_of_a_forgotten_member_stays_a_deduction(start_service: StartService) -> None:
    async with start_service(reversal_window_s=0.0) as client:
        await client.add_merchant(max_points_per_deduction=300)
        request_id = make_request_id()
        await deduct(client, request_id=request_id, note="for Jana")
        before = await sum_up(client)

        await client.loyalty.EraseMember(
            pb.EraseMemberRequest(merchant_id="acme", member_id=JANA, erased_by="jo@ops-1")
        )

        found = (await get(client)).award
        assert (found.debit, found.points, found.reason, found.note) == (True, 100, "Given twice", "")
        assert found.member_id != JANA
        assert await sum_up(client) == before
        assert (await catch_failure(deduct(client, request_id=request_id))).reason == "REQUEST_ID_REUSED"

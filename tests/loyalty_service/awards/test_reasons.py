"""The reasons of awards: a shop has a list, and an award names one of them."""

import grpc
import pytest_asyncio

from protos.loyalty.v1 import loyalty_pb2 as pb
from tests.loyalty_service.running import Client, catch_failure, make_request_id
from tests.loyalty_service.scripted import ScriptedProvider

REASONS = ["Late delivery", "Damaged goods", "Ďakujeme", "Damage in the shop", "'VIP' gift"]


@pytest_asyncio.fixture(loop_scope="session")
async def shop(service: Client) -> Client:
    await service.add_merchant(award_reasons=REASONS, max_points_per_ticket=0)
    return service


KEPT = {
    "Late delivery": "Late delivery",
    "late": "Late delivery",
    "  LATE   del": "Late delivery",
    "damaged": "Damaged goods",
    "D\u030cAKUJ": "Ďakujeme",
    "l": "Late delivery",
    '"Late delivery"': "Late delivery",
    " \u201elate \u201c ": "Late delivery",
    "\u00ab damaged \u00bb": "Damaged goods",
    "'vip": "'VIP' gift",
}


async def test_reason_is_recorded_in_the_shop_s_spelling_and_not_sent_to_the_provider(
    shop: Client, provider: ScriptedProvider
) -> None:
    kept = {typed: (await shop.award(reason=typed, note="sorry")).award.reason for typed in KEPT}

    assert kept == KEPT
    assert {credit.note for credit in provider.credits} == {"sorry"}


async def test_award_without_a_clear_reason_is_refused_with_the_list(shop: Client, provider: ScriptedProvider) -> None:
    for typed in ("", " ", '""', "damage", '"damage"', "Late delivery, again", "delivery", "None"):
        failure = await catch_failure(shop.award(reason=typed))

        assert (failure.code, failure.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "BAD_VALUE")
        assert failure.field == "reason"
        assert all(reason in failure.message for reason in REASONS)
    assert provider.credits == []


async def test_shop_without_a_list_records_any_reason(client: Client) -> None:
    said = await client.award(reason=" because\nof  rain ")
    unsaid = await client.award()
    too_much = await catch_failure(client.award(reason="x" * 101))

    assert (said.award.reason, unsaid.award.reason) == ("because of rain", "")
    assert (too_much.reason, too_much.field) == ("BAD_VALUE", "reason")


async def test_replay_is_answered_with_any_reason(shop: Client, provider: ScriptedProvider) -> None:
    request_id = make_request_id()
    await shop.award(request_id=request_id, reason="late")

    answers = [await shop.award(request_id=request_id, reason=reason) for reason in ("damaged", "nonsense", "")]

    assert [(answer.replayed, answer.award.reason) for answer in answers] == [(True, "Late delivery")] * 3
    assert len(provider.credits) == 1


async def test_award_records_whether_its_ticket_was_verified(client: Client) -> None:
    found = await client.award(ticket_id="4711", ticket_verified=True)
    claimed = await client.award(ticket_id="4712")

    read = await client.loyalty.GetAward(pb.GetAwardRequest(merchant_id="acme", award_id="A-1"))
    assert (found.award.ticket_verified, claimed.award.ticket_verified) == (True, False)
    assert read.award == found.award

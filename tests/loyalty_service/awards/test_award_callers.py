"""An award names the caller whose key asked for it."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from protos.loyalty.v1 import loyalty_pb2 as pb
from tests.loyalty_service.running import Client, make_request_id, run_service
from tests.loyalty_service.scripted import JANA, ScriptedProvider
from tests.loyalty_service.test_callers import API_KEY, OWNER, Metadata, bear

MERCHANT = pb.Merchant(merchant_id="acme", provider_url="http://127.0.0.1:8090")


@pytest.fixture
async def shop(database_url: str, provider: ScriptedProvider) -> AsyncIterator[Client]:
    async with run_service(database_url, provider, api_key=API_KEY) as client:
        request = pb.CreateMerchantRequest(merchant=MERCHANT, provider_token="made-up-token")
        await client.merchants.CreateMerchant(request, metadata=OWNER)
        yield client


async def add(shop: Client, name: str, role: pb.CallerRole.ValueType = pb.CALLER_ROLE_AWARD) -> Metadata:
    request = pb.CreateCallerRequest(caller=pb.Caller(name=name, role=role, merchant_id="acme"))
    return bear((await shop.callers.CreateCaller(request, metadata=OWNER)).key)


async def give(shop: Client, metadata: Metadata, **fields: Any) -> pb.AwardPointsResponse:  # noqa: ANN401  of the request
    wanted: dict[str, Any] = {"merchant_id": "acme", "request_id": make_request_id(), "member_id": JANA, "points": 100}
    wanted |= fields
    return await shop.loyalty.AwardPoints(pb.AwardPointsRequest(**wanted), metadata=metadata)


async def list_callers(shop: Client) -> dict[str, str]:
    """Return the caller of each award on record."""
    listed = await shop.loyalty.ListAwards(pb.ListAwardsRequest(merchant_id="acme"), metadata=OWNER)
    return {award.award_id: award.caller for award in listed.awards}


async def test_award_and_its_undo_name_their_callers_even_after_removal(shop: Client) -> None:
    till, crm = await add(shop, "till"), await add(shop, "crm")
    given = (await give(shop, till)).award
    undo = pb.ReverseAwardRequest(merchant_id="acme", request_id=make_request_id(), award_id=given.award_id)
    undone = (await shop.loyalty.ReverseAward(undo, metadata=crm)).award
    await give(shop, OWNER)
    await shop.callers.DeleteCaller(pb.DeleteCallerRequest(name="till"), metadata=OWNER)
    shown = await shop.loyalty.GetAward(pb.GetAwardRequest(merchant_id="acme", award_id="A-1"), metadata=crm)

    assert (given.caller, undone.caller, shown.award.caller) == ("till", "crm", "till")
    assert await list_callers(shop) == {"A-1": "till", "A-2": "crm", "A-3": ""}


async def test_request_repeated_with_another_key_belongs_to_the_first_caller(shop: Client) -> None:
    till, crm = await add(shop, "till"), await add(shop, "crm")
    request_id = make_request_id()
    first = await give(shop, till, request_id=request_id)
    again = await give(shop, crm, request_id=request_id)

    assert (first.award.caller, again.award.caller, again.replayed) == ("till", "till", True)


async def test_proof_of_a_shop_names_its_caller(shop: Client, provider: ScriptedProvider) -> None:
    ops = await add(shop, "ops", pb.CALLER_ROLE_ADMIN)
    request = pb.VerifyMerchantRequest(
        merchant_id="acme", member_id=JANA, shown_balance="1240.5", give=1, verified_by="jo@ops"
    )
    await shop.merchants.VerifyMerchant(request, metadata=ops)

    assert len(provider.credits) == 1
    assert set((await list_callers(shop)).values()) == {"ops"}


async def test_forgotten_members_award_keeps_its_caller(database_url: str, provider: ScriptedProvider) -> None:
    async with run_service(database_url, provider, api_key=API_KEY, reversal_window_s=0.0) as shop:
        request = pb.CreateMerchantRequest(merchant=MERCHANT, provider_token="made-up-token")
        await shop.merchants.CreateMerchant(request, metadata=OWNER)
        await give(shop, await add(shop, "till"))
        erase = pb.EraseMemberRequest(merchant_id="acme", member_id=JANA, erased_by="ops")
        erased = await shop.loyalty.EraseMember(erase, metadata=OWNER)

        assert erased.erased_award_count == 1
        assert await list_callers(shop) == {"A-1": "till"}

"""Each award records the member's support ID, over the wire."""

from typing import Any

from protos.loyalty.v1 import loyalty_pb2 as pb
from tests.loyalty_service.running import Client, make_request_id
from tests.loyalty_service.scripted import JANA, ScriptedProvider, make_member


async def list_support_ids(client: Client, **wanted: Any) -> dict[str, str]:  # noqa: ANN401  of AwardFilter
    """List the support ID of each award that a filter finds."""
    request = pb.ListAwardsRequest(merchant_id="acme", filter=pb.AwardFilter(**wanted))
    return {award.award_id: award.member_support_id for award in (await client.loyalty.ListAwards(request)).awards}


async def undo(client: Client, award_id: str) -> pb.Award:
    request = pb.ReverseAwardRequest(merchant_id="acme", request_id=make_request_id(), award_id=award_id)
    return (await client.loyalty.ReverseAward(request)).award


async def test_award_and_its_undo_record_the_support_id_of_that_time(
    client: Client, provider: ScriptedProvider
) -> None:
    """So does an undo right after the award, when no data of the member is held."""
    given = (await client.award()).award
    taken_back = await undo(client, given.award_id)
    provider.members[JANA] = make_member(support_id="JN-9")
    await client.merchants.DeleteMerchant(pb.DeleteMerchantRequest(merchant_id="acme"))

    assert (given.member_support_id, taken_back.member_support_id) == ("JN-4821", "JN-4821")
    assert await list_support_ids(client) == {"A-1": "JN-4821", "A-2": "JN-4821"}


async def test_undo_records_the_member_s_present_support_id(client: Client, provider: ScriptedProvider) -> None:
    await client.award()
    provider.members[JANA] = make_member(support_id="JN-9")
    identity = pb.MemberIdentity(member_id=JANA)
    await client.loyalty.GetSnapshot(pb.GetSnapshotRequest(merchant_id="acme", identity=identity))

    assert (await undo(client, "A-1")).member_support_id == "JN-9"


async def test_award_of_a_member_without_a_support_id_records_none(client: Client, provider: ScriptedProvider) -> None:
    provider.members[JANA] = make_member(support_id="")
    assert (await client.award()).award.member_support_id == ""


async def test_awards_of_a_member_gone_from_the_provider_are_found_by_support_id(
    client: Client, provider: ScriptedProvider
) -> None:
    provider.members["zoe"] = make_member("zoe", support_id="ZO-1")
    await client.award()
    await client.award(points=100, member_id="zoe")
    provider.members.clear()

    assert await list_support_ids(client, member_support_id=" zo-1 ") == {"A-2": "ZO-1"}
    assert await list_support_ids(client, member_support_id="ZO-") == {}


async def test_support_id_is_recorded_as_printable_text(client: Client, provider: ScriptedProvider) -> None:
    provider.members[JANA] = make_member(support_id="JN\u202e-\x00" + "4" * 300)
    assert (await client.award()).award.member_support_id == "JN-" + "4" * 197

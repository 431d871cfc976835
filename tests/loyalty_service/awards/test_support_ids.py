"""By what people call a member: kept with each award, over the wire."""

from typing import Any

from protos.loyalty.v1 import loyalty_pb2 as pb
from tests.loyalty_service.running import Client, make_request_id
from tests.loyalty_service.scripted import JANA, ScriptedProvider, make_member


async def list_support_ids(client: Client, **wanted: Any) -> dict[str, str]:  # noqa: ANN401  of AwardFilter
    """Of each award that a filter lets through."""
    request = pb.ListAwardsRequest(merchant_id="acme", filter=pb.AwardFilter(**wanted))
    return {award.award_id: award.member_support_id for award in (await client.loyalty.ListAwards(request)).awards}


async def undo(client: Client, award_id: str) -> pb.Award:
    request = pb.ReverseAwardRequest(merchant_id="acme", request_id=make_request_id(), award_id=award_id)
    return (await client.loyalty.ReverseAward(request)).award


async def test_award_and_its_undo_keep_the_support_id_that_the_member_had(
    client: Client, provider: ScriptedProvider
) -> None:
    """Also the undo at once, when nothing is held of the member."""
    given = (await client.award()).award
    taken_back = await undo(client, given.award_id)
    provider.members[JANA] = make_member(support_id="JN-9")
    await client.merchants.DeleteMerchant(pb.DeleteMerchantRequest(merchant_id="acme"))

    assert (given.member_support_id, taken_back.member_support_id) == ("JN-4821", "JN-4821")
    assert await list_support_ids(client) == {"A-1": "JN-4821", "A-2": "JN-4821"}


async def test_undo_says_what_the_member_is_called_by_now(client: Client, provider: ScriptedProvider) -> None:
    await client.award()
    provider.members[JANA] = make_member(support_id="JN-9")
    identity = pb.MemberIdentity(member_id=JANA)
    await client.loyalty.GetSnapshot(pb.GetSnapshotRequest(merchant_id="acme", identity=identity))

    assert (await undo(client, "A-1")).member_support_id == "JN-9"


async def test_member_without_a_support_id_has_none_on_record(client: Client, provider: ScriptedProvider) -> None:
    provider.members[JANA] = make_member(support_id="")
    assert (await client.award()).award.member_support_id == ""


async def test_awards_of_a_member_whom_the_provider_knows_no_more_are_found_by_it(
    client: Client, provider: ScriptedProvider
) -> None:
    provider.members["zoe"] = make_member("zoe", support_id="ZO-1")
    await client.award()
    await client.award(points=100, member_id="zoe")
    provider.members.clear()

    assert await list_support_ids(client, member_support_id=" zo-1 ") == {"A-2": "ZO-1"}
    assert await list_support_ids(client, member_support_id="ZO-") == {}


async def test_support_id_is_kept_as_a_text_that_can_be_shown(client: Client, provider: ScriptedProvider) -> None:
    provider.members[JANA] = make_member(support_id="JN\u202e-\x00" + "4" * 300)
    assert (await client.award()).award.member_support_id == "JN-" + "4" * 197

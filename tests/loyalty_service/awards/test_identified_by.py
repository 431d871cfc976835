"""An award records by what its member was found, and sums can be grouped by it."""

import grpc

from protos.loyalty.v1 import loyalty_pb2 as pb
from tests.loyalty_service.running import Client, catch_failure, make_request_id
from tests.loyalty_service.scripted import ScriptedProvider


async def list_ways(client: Client) -> dict[str, pb.IdentifiedBy.ValueType]:
    listed = await client.loyalty.ListAwards(pb.ListAwardsRequest(merchant_id="acme"))
    return {award.award_id: award.identified_by for award in listed.awards}


async def test_each_way_is_recorded_with_the_award_and_its_reversal(client: Client) -> None:
    kept = {}
    for number, way in enumerate(pb.IdentifiedBy.values()):
        award = (await client.award(points=number + 1, identified_by=way)).award
        kept[award.award_id] = way
        undo = pb.ReverseAwardRequest(merchant_id="acme", request_id=make_request_id(), award_id=award.award_id)
        reversal = (await client.loyalty.ReverseAward(undo)).award
        kept[reversal.award_id] = way
        assert (award.identified_by, reversal.identified_by) == (way, way)

    assert len(kept) == 2 * 5
    assert await list_ways(client) == kept


async def test_unknown_way_is_refused_and_nothing_is_sent(client: Client, provider: ScriptedProvider) -> None:
    failure = await catch_failure(client.award(identified_by=99))

    assert (failure.code, failure.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "BAD_VALUE")
    assert failure.field == "identified_by"
    assert "IDENTIFIED_BY_LINK" in failure.message
    assert provider.credits == []


async def test_repeat_that_names_another_way_is_the_same_award(client: Client, provider: ScriptedProvider) -> None:
    request_id = make_request_id()
    await client.award(request_id=request_id, identified_by=pb.IDENTIFIED_BY_PHONE)
    again = await client.award(request_id=request_id, identified_by=pb.IDENTIFIED_BY_LINK)

    assert (again.replayed, again.award.identified_by) == (True, pb.IDENTIFIED_BY_PHONE)
    assert len(provider.credits) == 1


async def test_sums_are_by_the_names_of_the_ways_and_a_reversal_counts_with_its_award(client: Client) -> None:
    phone, other, link = pb.IDENTIFIED_BY_PHONE, pb.IDENTIFIED_BY_OTHER_EMAIL, pb.IDENTIFIED_BY_LINK
    for points, way in ((10, phone), (20, other), (40, pb.IDENTIFIED_BY_UNSPECIFIED), (5, link), (3, phone)):
        last = await client.award(points=points, identified_by=way)
    undo = pb.ReverseAwardRequest(merchant_id="acme", request_id=make_request_id(), award_id=last.award.award_id)
    await client.loyalty.ReverseAward(undo)

    request = pb.SumAwardsRequest(merchant_id="acme", group_by=pb.AWARD_GROUPING_IDENTIFIED_BY)
    sums = (await client.loyalty.SumAwards(request)).sums

    assert [(one.key, one.award_count, one.points, one.reversed_points) for one in sums] == [
        ("", 1, 40, 0),
        ("link", 1, 5, 0),
        ("other_email", 1, 20, 0),
        ("phone", 2, 13, 3),
    ]

"""Impossible lists and sums are refused, and the answer names the wrong field."""

from typing import Any

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from protos.loyalty.v1 import loyalty_pb2 as pb
from tests.loyalty_service.running import Client, catch_failure


@pytest.fixture
def database_url(new_sqlite_url: str) -> str:
    """One engine is enough: the database is not asked."""
    return new_sqlite_url


BAD_FILTERS: list[tuple[str, dict[str, Any]]] = [
    ("filter.from_time", {"from_time": Timestamp(seconds=253_402_300_800)}),
    ("filter.from_time", {"from_time": Timestamp(seconds=-(2**62))}),
    ("filter.before_time", {"before_time": Timestamp(nanos=-1)}),
    ("filter.before_time", {"before_time": Timestamp(nanos=1_000_000_000)}),
    ("filter.claimed_agent", {"claimed_agent": "x" * 321}),
    ("filter.member_id", {"member_id": "jana\x00"}),
    ("filter.member_id", {"member_id": "x" * 321}),
    ("filter.ticket_id", {"ticket_id": "4" * 65}),
    ("filter.ticket_id", {"ticket_id": "47\n11"}),
    ("filter.states", {"states": [pb.AWARD_STATE_UNSPECIFIED]}),
    ("filter.states", {"states": [99]}),
]


async def test_unreadable_filter_is_refused_by_the_name_of_its_field(client: Client) -> None:
    for field, values in BAD_FILTERS:
        wanted = pb.AwardFilter(**values)
        listing = pb.ListAwardsRequest(merchant_id="acme", filter=wanted)
        adding = pb.SumAwardsRequest(merchant_id="acme", filter=wanted, group_by=pb.AWARD_GROUPING_DAY)

        failures = [
            await catch_failure(client.loyalty.ListAwards(listing)),
            await catch_failure(client.loyalty.SumAwards(adding)),
        ]

        assert [(failure.code, failure.reason, failure.field) for failure in failures] == [
            (grpc.StatusCode.INVALID_ARGUMENT, "BAD_VALUE", field)
        ] * 2


@pytest.mark.parametrize("grouping", [pb.AWARD_GROUPING_UNSPECIFIED, 99])
async def test_sums_by_an_unknown_grouping_are_refused(client: Client, grouping: pb.AwardGrouping.ValueType) -> None:
    failure = await catch_failure(client.loyalty.SumAwards(pb.SumAwardsRequest(merchant_id="acme", group_by=grouping)))

    assert (failure.reason, failure.field) == ("BAD_VALUE", "group_by")


@pytest.mark.parametrize("size", [-1, 1001])
async def test_page_size_out_of_range_is_refused(client: Client, size: int) -> None:
    failure = await catch_failure(client.loyalty.ListAwards(pb.ListAwardsRequest(merchant_id="acme", page_size=size)))

    assert (failure.reason, failure.field) == ("BAD_VALUE", "page_size")


@pytest.mark.parametrize("call", ["ListAwards", "SumAwards", "GetAward", "SettleAward", "ReverseAward"])
async def test_awards_of_an_unknown_merchant_are_not_found(client: Client, call: str) -> None:
    request = getattr(pb, f"{call}Request")(merchant_id="nobody")

    failure = await catch_failure(getattr(client.loyalty, call)(request))

    assert (failure.code, failure.reason) == (grpc.StatusCode.NOT_FOUND, "MERCHANT_NOT_FOUND")

"""A merchant's own hold times, instead of the service's 15 min, and a day in an outage."""

import msgspec
import pytest

from loyalty_service.domain.errors import MemberNotFoundError, ProviderUnavailableError
from loyalty_service.domain.merchant import Merchant
from tests.loyalty_service.snapshots.desk import ACME, Desk

JANA = "jana@example.com"
NOBODY = "nobody@example.com"
SHORT = msgspec.structs.replace(ACME, hold_time_s=60, stale_if_error_s=3_600)
LONG = msgspec.structs.replace(ACME, hold_time_s=43_200, stale_if_error_s=604_800)


@pytest.mark.parametrize(
    ("merchant", "later_s", "fetches"),
    [(ACME, 899, 1), (ACME, 901, 2), (SHORT, 59, 1), (SHORT, 61, 2), (LONG, 43_199, 1), (LONG, 43_201, 2)],
)
async def test_held_member_answers_up_to_the_merchant_s_hold_time(
    desk: Desk, merchant: Merchant, later_s: float, fetches: int
) -> None:
    await desk.read(JANA, merchant=merchant)
    desk.clock.advance(later_s)
    await desk.read(JANA, merchant=merchant)
    assert desk.fetches == fetches


@pytest.mark.parametrize(("merchant", "later_s", "fetches"), [(SHORT, 61, 2), (LONG, 43_199, 1)])
async def test_answer_of_no_member_is_held_equally_long(
    desk: Desk, merchant: Merchant, later_s: float, fetches: int
) -> None:
    for _ in range(2):
        with pytest.raises(MemberNotFoundError):
            await desk.read(NOBODY, merchant=merchant)
        desk.clock.advance(later_s)
    assert desk.fetches == fetches


@pytest.mark.parametrize(
    ("merchant", "later_s", "is_served"),
    [(SHORT, 3_599, True), (SHORT, 3_601, False), (LONG, 604_799, True), (LONG, 604_801, False)],
)
async def test_held_member_is_served_in_an_outage_up_to_the_merchant_s_time(
    desk: Desk,
    merchant: Merchant,
    later_s: float,
    is_served: bool,  # noqa: FBT001 - a dimension of the table
) -> None:
    await desk.read(JANA, merchant=merchant)
    desk.clock.advance(later_s)
    desk.provider.error = ProviderUnavailableError("down")
    if is_served:
        assert (await desk.read(JANA, 1, merchant=merchant)).stale_reason == "PROVIDER_UNAVAILABLE"
    else:
        with pytest.raises(ProviderUnavailableError):
            await desk.read(JANA, 1, merchant=merchant)


async def test_change_of_the_hold_time_affects_data_already_held(desk: Desk) -> None:
    await desk.read(JANA)
    desk.clock.advance(100)
    await desk.read(JANA, merchant=SHORT)
    assert desk.fetches == 2


async def test_caller_s_own_staleness_counts_more_than_the_merchant_s(desk: Desk) -> None:
    await desk.read(JANA, merchant=SHORT)
    desk.clock.advance(600)
    await desk.read(JANA, 700, merchant=SHORT)
    assert desk.fetches == 1

"""The bookings of a wallet, as the provider lists them."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal

import pytest
from aiohttp import web

from loyalty_service.domain.errors import (
    MemberNotFoundError,
    ProviderContractError,
    ProviderThrottledError,
    ProviderTimeoutError,
    ProviderUnavailableError,
)
from loyalty_service.domain.merchant import Merchant
from loyalty_service.domain.ports import Booking
from loyalty_service.trifft.client import TrifftProvider
from sandbox.trifft import BLOOM_PROFILE, Fault, Project, Settings
from tests.loyalty_service.trifft.servers import MakeMerchant, StartAnswering

BOOKING = Booking(member_id="jana", points=100, note="Sorry for the wait ☕", reference="A-10482:click-01")
COMPLETE = "[list_movements]\ncomplete = true"
ROW: dict[str, Any] = {"id": "m-1", "change": 100, "note": "n", "reference": "r", "created_at": 1764000000}


def hours_ago(hours: float) -> datetime:
    return datetime.now(UTC) - timedelta(hours=hours)


@pytest.mark.parametrize("time_format", ["unix", "iso"])
async def test_movements_are_the_bookings_in_points_with_our_reference(
    provider: TrifftProvider, make_merchant: MakeMerchant, acme: Project, time_format: Literal["unix", "iso"]
) -> None:
    acme.state.settings = Settings(wrapped=True, point_scale=100, time_format=time_format)
    merchant = make_merchant(profile=BLOOM_PROFILE)
    credit = await provider.credit(merchant, BOOKING, timeout_s=30)
    await provider.debit(merchant, BOOKING, timeout_s=30)

    listed = await provider.list_movements(merchant, "jana", since=hours_ago(1), timeout_s=30)

    assert listed is not None
    first, second = listed.items
    assert first.movement_id == credit.provider_reference
    assert [first.change, second.change] == [Decimal(100), Decimal(-100)]
    assert (first.note, first.reference) == (BOOKING.note, BOOKING.reference)
    assert first.create_time is not None
    assert abs(first.create_time - datetime.now(UTC)) < timedelta(minutes=5)


async def test_earlier_movements_are_not_requested(provider: TrifftProvider, merchant: Merchant, acme: Project) -> None:
    await provider.credit(merchant, BOOKING, timeout_s=30)
    listed = await provider.list_movements(merchant, "jana", since=hours_ago(-1), timeout_s=30)
    assert listed is not None
    assert listed.items == ()
    assert acme.count_requests("movements") == 1


@pytest.mark.parametrize(("profile", "is_complete"), [("", False), (COMPLETE, True)])
async def test_list_is_complete_only_if_the_shops_profile_says_so(
    provider: TrifftProvider, make_merchant: MakeMerchant, profile: str, *, is_complete: bool
) -> None:
    listed = await provider.list_movements(make_merchant(profile=profile), "jana", since=hours_ago(1), timeout_s=30)
    assert listed is not None
    assert listed.is_complete is is_complete


async def test_shop_without_a_list_of_movements_is_not_asked(
    provider: TrifftProvider, make_merchant: MakeMerchant, acme: Project
) -> None:
    merchant = make_merchant(profile='[list_movements]\npath = ""')
    assert await provider.list_movements(merchant, "jana", since=hours_ago(1), timeout_s=30) is None
    assert acme.count_requests() == 0


@pytest.mark.parametrize(
    "row",
    [
        "no object",
        ROW | {"id": 7.5},
        ROW | {"id": None},
        ROW | {"change": "many"},
        ROW | {"note": ["n"]},
        ROW | {"reference": ["r"]},
        ROW | {"created_at": "yesterday"},
    ],
)
async def test_unreadable_row_hides_no_other_and_makes_the_list_incomplete(
    provider: TrifftProvider, make_merchant: MakeMerchant, start_answering: StartAnswering, row: object
) -> None:
    url = await start_answering(web.json_response([row, ROW]))
    merchant = make_merchant(url, profile=COMPLETE)
    listed = await provider.list_movements(merchant, "jana", since=hours_ago(1), timeout_s=30)
    assert listed is not None
    assert [one.movement_id for one in listed.items] == ["m-1"]
    assert not listed.is_complete


async def test_absent_fields_of_a_movement_are_empty(
    provider: TrifftProvider, make_merchant: MakeMerchant, start_answering: StartAnswering
) -> None:
    url = await start_answering(web.json_response([{"id": "m-1", "change": "12.5"}]))
    listed = await provider.list_movements(make_merchant(url), "jana", since=hours_ago(1), timeout_s=30)
    assert listed is not None
    [one] = listed.items
    assert (one.change, one.note, one.reference, one.create_time) == (Decimal("12.5"), "", "", None)


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault(kind="status", status=404), MemberNotFoundError),
        (Fault(kind="status", status=429), ProviderThrottledError),
        (Fault(kind="status", status=503), ProviderUnavailableError),
        (Fault(kind="reset"), ProviderUnavailableError),
        (Fault(kind="bad_json"), ProviderContractError),
        (Fault(kind="hang"), ProviderTimeoutError),
    ],
    ids=lambda value: getattr(value, "kind", ""),
)
async def test_failure_of_the_list_becomes_its_error(
    provider: TrifftProvider, merchant: Merchant, acme: Project, fault: Fault, error: type[Exception]
) -> None:
    acme.faults.set(fault)
    with pytest.raises(error):
        await provider.list_movements(
            merchant, "jana", since=hours_ago(1), timeout_s=0.2 if fault.kind == "hang" else 30
        )


async def test_answer_that_is_not_a_list_is_a_contract_error(
    provider: TrifftProvider, make_merchant: MakeMerchant, start_answering: StartAnswering
) -> None:
    url = await start_answering(web.json_response({"items": []}))
    with pytest.raises(ProviderContractError):
        await provider.list_movements(make_merchant(url), "jana", since=hours_ago(1), timeout_s=30)

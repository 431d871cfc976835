"""The limits of a shop, in one table that sentences, buttons and operator's options use."""

import pytest

from gateway.cli.merchant_settings import SETTINGS_OPTIONS, MerchantSettings
from gateway.wording.limits import LIMITS, Limits, parse_limits
from protos.loyalty.v1 import loyalty_pb2 as pb


def test_every_limit_of_the_contract_is_named() -> None:
    fields = {field.name for field in pb.Merchant.DESCRIPTOR.fields if field.name.startswith("max_points_")}
    assert {limit.field for limit in LIMITS} == fields


def test_every_limit_has_its_option() -> None:
    for limit in LIMITS:
        assert SETTINGS_OPTIONS[f"merchant.{limit.field}"] == limit.option
        assert hasattr(MerchantSettings(), limit.field)


@pytest.mark.parametrize(
    ("merchant", "added", "removed"),
    [
        (pb.Merchant(), 500, 0),
        (pb.Merchant(max_points_per_award=0, max_points_per_ticket=0), 1_000_000, 0),
        (pb.Merchant(max_points_per_award=100, max_points_per_deduction=50), 100, 50),
        (pb.Merchant(max_points_per_agent_day=40, max_points_per_deduction=50), 40, 40),
    ],
)
def test_most_of_one_press_is_the_lowest_limit_that_applies(merchant: pb.Merchant, added: int, removed: int) -> None:
    limits = parse_limits(merchant)
    assert (limits.find_most(debit=False), limits.find_most(debit=True)) == (added, removed)
    assert limits.allows_deductions == (removed > 0)


def test_shop_without_own_limits_has_the_defaults_of_the_contract() -> None:
    assert Limits().find_most(debit=False) == parse_limits(pb.Merchant()).find_most(debit=False) == 500

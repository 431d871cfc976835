"""How agents read a shop's limits and reasons in the answer to an award."""

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import LoyaltyCallError
from gateway.wording.answers.award import say_award_refusal
from gateway.wording.shop import DEFAULT_SHOP
from protos.loyalty.v1 import loyalty_pb2 as pb
from tests.gateway.actions.outcomes import APPLIED
from tests.gateway.edge.running import NOW, Gateway
from tests.gateway.edge.scripted import Failure, ScriptedLoyalty


def make_limit(limit: str, maximum: int, used: int) -> Failure:
    metadata = {"limit": limit, "maximum": str(maximum), "used": str(used), "left": str(max(0, maximum - used))}
    return Failure(grpc.StatusCode.FAILED_PRECONDITION, "LIMIT_EXCEEDED", metadata)


LIMITS: list[tuple[Failure, str]] = [
    (
        make_limit("per_ticket", 500, 380),
        ("Not added: 380 of 500 points for this ticket are used. You can add up to 120. For more, ask a manager."),
    ),
    (
        make_limit("per_member_day", 2000, 1900),
        (
            "Not added: 1,900 of 2,000 points for this member today are used. "
            "You can add up to 100. For more, ask a manager."
        ),
    ),
    (
        make_limit("per_agent_day", 300, 0),
        "Not added: 0 of your 300 points for today are used. You can add up to 300. For more, ask a manager.",
    ),
    (
        make_limit("per_merchant_day", 10000, 9999),
        (
            "Not added: 9,999 of 10,000 points in this shop today are used. "
            "You can add up to 1. For more, ask a manager."
        ),
    ),
    (
        make_limit("per_ticket", 500, 500),
        "Not added: 500 of 500 points for this ticket are used. For more, ask a manager.",
    ),
    (
        make_limit("per_agent_day", 100, 300),
        "Not added: 300 of your 100 points for today are used. For more, ask a manager.",
    ),
    (make_limit("per_award", 50, 0), "Not added. Enter whole points from 1 to 50, for example 50."),
    (make_limit("per_moon", 50, 0), "Not added: a limit of this shop does not allow it. For more, ask a manager."),
]


async def test_limit_says_how_much_is_used_and_left(
    gateway: Gateway, scripted: ScriptedLoyalty, subtests: pytest.Subtests
) -> None:
    for failure, message in LIMITS:
        with subtests.test(failure=failure, message=message):
            scripted.award = failure
            response = await gateway.press()
            body = await response.json()
            assert (response.status, body["reason"], body["message"]) == (422, "LIMIT_EXCEEDED", message)


@given(
    st.sampled_from(["per_ticket", "per_member_day", "per_merchant_day", "per_agent_day"]),
    st.integers(1, 10**9),
    st.integers(0, 10**9),
)
def test_refusal_by_any_limit_names_points_that_can_be_added(limit: str, maximum: int, used: int) -> None:
    metadata = make_limit(limit, maximum, used).metadata
    error = LoyaltyCallError(
        "LIMIT_EXCEEDED", "", code=grpc.StatusCode.FAILED_PRECONDITION, metadata=metadata, is_answered=True
    )
    message = say_award_refusal(error, DEFAULT_SHOP, NOW)
    assert ("up to" in message) == (used < maximum)
    assert "up to 0" not in message
    assert message.endswith(" For more, ask a manager.")


@pytest.mark.parametrize(
    ("merchant", "most", "example"),
    [
        ({}, "500", "100"),
        ({"max_points_per_award": 50}, "50", "50"),
        ({"max_points_per_award": 5000, "max_points_per_ticket": 0}, "5,000", "100"),
        ({"max_points_per_award": 0, "max_points_per_ticket": 0}, "1,000,000", "100"),
        ({"max_points_per_award": 500, "max_points_per_member_day": 200}, "200", "100"),
    ],
)
async def test_malformed_points_are_answered_with_the_most_of_one_award(
    gateway: Gateway, scripted: ScriptedLoyalty, merchant: dict[str, int], most: str, example: str
) -> None:
    """The lowest of the shop's limits counts. 0 on the wire is no limit; an absent field has the contract's default."""
    scripted.merchant = pb.Merchant(time_zone="UTC", locale="en", **merchant)  # type: ignore[arg-type] # any field
    body = await (await gateway.press(points="ten")).json()
    assert body["message"] == f"Not added. Enter whole points from 1 to {most}, for example {example}."


async def test_points_above_the_limit_get_the_same_answer(gateway: Gateway, scripted: ScriptedLoyalty) -> None:
    """The answer names the lowest limit, not the one that refused the award."""
    scripted.merchant = pb.Merchant(time_zone="UTC", locale="en", max_points_per_member_day=300)
    scripted.award = make_limit("per_award", 500, 0)
    body = await (await gateway.press(points="501")).json()
    assert body["message"] == "Not added. Enter whole points from 1 to 300, for example 100."


async def test_reason_goes_with_the_award(gateway: Gateway, scripted: ScriptedLoyalty) -> None:
    scripted.award = APPLIED
    assert (await gateway.press(reason=" Late delivery ")).status == 200
    assert scripted.award_requests[0].reason == "Late delivery"


async def test_unknown_reason_is_answered_with_the_shops_reasons(gateway: Gateway, scripted: ScriptedLoyalty) -> None:
    scripted.merchant.award_reasons.extend(["Late delivery", "Damaged item", "Goodwill"])
    scripted.award = Failure(grpc.StatusCode.INVALID_ARGUMENT, "BAD_VALUE", field_name="reason")
    response = await gateway.press(reason="Because")
    body = await response.json()
    assert (response.status, body["message"]) == (
        400,
        "Not added. Type one of these reasons, or its first letters: Late delivery, Damaged item, Goodwill.",
    )


async def test_reason_of_a_list_unknown_here_asks_for_a_new_panel(gateway: Gateway, scripted: ScriptedLoyalty) -> None:
    """The loyalty service may know of a shop's reasons some seconds before this process does."""
    scripted.award = Failure(grpc.StatusCode.INVALID_ARGUMENT, "BAD_VALUE", field_name="reason")
    body = await (await gateway.press(reason="Because")).json()
    assert body["message"] == ("Not added. The reason is not one of this shop's. Add or remove a tag, then try again.")


async def test_reason_required_by_a_shop_whose_button_has_no_field_for_it(
    gateway: Gateway, scripted: ScriptedLoyalty
) -> None:
    """The shop turned reasons on and was not installed again, so an agent has no field to choose one in."""
    scripted.merchant.award_reasons.append("Goodwill")
    scripted.award = Failure(grpc.StatusCode.INVALID_ARGUMENT, "BAD_VALUE", field_name="reason")
    body = await (await gateway.press()).json()
    assert body["message"] == (
        "Not added: this shop wants a reason, and this button does not ask for one. "
        "Please tell your administrator: the integration must be installed again."
    )


async def test_reason_too_long_is_not_sent(gateway: Gateway, scripted: ScriptedLoyalty) -> None:
    scripted.merchant.award_reasons.append("Goodwill")
    body = await (await gateway.press(reason="x" * 101)).json()
    assert body["message"] == "Not added. Type one of these reasons, or its first letters: Goodwill."
    assert scripted.award_requests == []

"""A shop whose points were not proven: the panel shows data without buttons, and a press gets the reason."""

import grpc
import msgspec
import pytest

from gateway.errors import NoTokenReason
from gateway.widget.view import View, render_member
from gateway.wording.shop import parse_shop
from protos.loyalty.v1 import loyalty_pb2 as pb
from tests.gateway.edge.running import Gateway
from tests.gateway.edge.scripted import Failure, ScriptedLoyalty
from tests.gateway.widget.test_view import NOW, SHOP, make_snapshot

SENTENCE = "this shop is not verified. You cannot fix this. Please tell your administrator."


def render(snapshot: pb.Snapshot, *, is_unverified: bool = True) -> View:
    shop = msgspec.structs.replace(SHOP, is_unverified=is_unverified)
    return render_member(snapshot, "token", shop, NOW, deduct_token="deduct")


def test_panel_shows_the_member_one_sentence_and_no_button() -> None:
    view = render(make_snapshot())
    assert view.summary == f"Gold · 1,240 points · 2 coupons. Points cannot be added yet: {SENTENCE}"
    assert (view.status, len(view.member), view.add_points) == ("member", 1, ())
    assert (view.award_token, view.deduct_token) == (NoTokenReason.NOT_VERIFIED, NoTokenReason.NOT_VERIFIED)
    assert render(make_snapshot(), is_unverified=False).add_points


def test_panel_of_a_member_who_gets_no_points_gives_only_that_reason() -> None:
    blocked = make_snapshot()
    blocked.member.status = pb.MEMBER_STATUS_BLOCKED
    assert "verified" not in render(blocked).summary


def test_panel_with_old_data_gives_both_reasons_and_the_advice_once() -> None:
    old = render(make_snapshot(stale_reason=pb.PROVIDER_TIMEOUT)).summary
    refused = render(make_snapshot(stale_reason=pb.PROVIDER_CREDENTIALS)).summary
    assert old.startswith("OLD DATA: ")
    assert old.endswith(f"TRIFFT did not answer at 14:07. Points cannot be added yet: {SENTENCE}")
    assert refused.count("Please tell your administrator.") == 1


@pytest.mark.parametrize(
    ("state", "is_unverified"),
    [
        (pb.VERIFICATION_STATE_UNSPECIFIED, False),
        (pb.VERIFICATION_STATE_CURRENT, False),
        (pb.VERIFICATION_STATE_OUTDATED, True),
        (pb.VERIFICATION_STATE_NEVER, True),
    ],
)
def test_shop_is_unverified_only_where_the_loyalty_service_says_so(
    *, state: pb.VerificationState.ValueType, is_unverified: bool
) -> None:
    """An older release does not say so, and takes the press."""
    merchant = pb.Merchant(time_zone="UTC", locale="en", verification=pb.Verification(state=state))
    assert parse_shop(merchant).is_unverified is is_unverified


async def test_widget_of_a_shop_that_is_not_verified_has_no_button(gateway: Gateway, scripted: ScriptedLoyalty) -> None:
    scripted.merchant.verification.state = pb.VERIFICATION_STATE_NEVER
    scripted.snapshot = make_snapshot()
    body = await (await gateway.get_widget()).json()
    assert (body["status"], body["add_points"], body["award_token"]) == ("member", [], "not-verified")


async def test_press_of_an_older_panel_gets_the_reason(gateway: Gateway, scripted: ScriptedLoyalty) -> None:
    scripted.award = Failure(grpc.StatusCode.FAILED_PRECONDITION, "MERCHANT_UNVERIFIED")
    before = await (await gateway.press()).json()
    conservative = await (await gateway.press(award_token="not-verified")).json()
    assert before["message"] == conservative["message"] == f"Not added: {SENTENCE}"

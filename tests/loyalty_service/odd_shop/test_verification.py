"""Proofs of a shop's points over gRPC: several at once, during awards, and while the shop changes."""

import asyncio
from decimal import Decimal

import pytest

from protos.loyalty.v1 import loyalty_pb2 as pb
from sandbox.trifft import Movement
from sandbox.trifft.faults import Fault
from tests.loyalty_service.odd_shop.shop import OddShop
from tests.loyalty_service.running import catch_failure, wait_until

# One service serves all tests, so they share its event loop.
pytestmark = pytest.mark.asyncio(loop_scope="module")
VERIFIED = pb.VERIFICATION_OUTCOME_VERIFIED
# Another profile, which reads the same as the first one.
OTHER = '[member]\npoints = "points || points"\n'


@pytest.fixture(autouse=True)
def _read_again_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loyalty_service.awards.verification.PAUSE_S", 0.0)


async def change_profile(shop: OddShop, profile: str) -> pb.Merchant:
    merchant = pb.Merchant(merchant_id=shop.merchant_id, profile="[rate]\nrequests = 100000\n" + profile)
    request = pb.UpdateMerchantRequest(merchant=merchant, skip_probe=True)
    request.update_mask.paths.append("profile")
    return (await shop.client.merchants.UpdateMerchant(request)).merchant


async def verify(shop: OddShop, **changes: object) -> pb.VerifyMerchantResponse:
    fields = {"member_id": "jana", "shown_balance": "1240", "give": 1, "verified_by": "jo@ops"} | changes
    return await shop.client.merchants.VerifyMerchant(pb.VerifyMerchantRequest(merchant_id=shop.merchant_id, **fields))  # type: ignore[arg-type]


async def test_simultaneous_proofs_run_one_after_another(shop: OddShop) -> None:
    await change_profile(shop, OTHER)
    proofs = await asyncio.gather(*(verify(shop, give=give) for give in (1, 2, 3)))
    assert [proof.outcome for proof in proofs] == [VERIFIED] * 3
    assert shop.jana.points == 1240
    assert proofs[0].merchant.verification.verified_by == "jo@ops"


async def test_caller_who_leaves_during_a_proof_leaves_no_point_behind(shop: OddShop) -> None:
    await change_profile(shop, OTHER)
    shop.project.faults.set(Fault(kind="hang", operation="credit"))
    call = asyncio.ensure_future(verify(shop))
    await wait_until(lambda: shop.project.count_requests("credit"))
    call.cancel()
    shop.project.faults.clear()
    await wait_until(lambda: shop.project.count_requests("debit"))
    assert (await verify(shop)).outcome == VERIFIED, "it waits for the first proof"


async def test_profile_that_changes_during_a_proof_is_not_verified_by_it(shop: OddShop) -> None:
    await change_profile(shop, OTHER)
    shop.project.faults.set(Fault(kind="hang", operation="credit"))
    proving = asyncio.ensure_future(verify(shop))
    await wait_until(lambda: shop.project.count_requests("credit"))
    changed = await change_profile(shop, "[credit]\npoint_scale = 100\n")
    shop.project.faults.clear()
    proof = await proving
    assert proof.outcome == pb.VERIFICATION_OUTCOME_MERCHANT_CHANGED
    assert changed.verification.state == pb.VERIFICATION_STATE_OUTDATED
    assert (await catch_failure(shop.award())).reason == "MERCHANT_UNVERIFIED"


async def test_awards_during_a_change_of_the_profile_are_sent_as_proven_or_not_at_all(shop: OddShop) -> None:
    """A wrong scale never meets an old proof: both come from the same value of the shop."""
    outcomes = await asyncio.gather(
        *(shop.award(points=10, ticket_id=f"ticket-{number}") for number in range(5)),
        change_profile(shop, "[credit]\npoint_scale = 100\n"),
        *(shop.award(points=10, ticket_id=f"late-{number}") for number in range(5)),
        return_exceptions=True,
    )
    given = [one for one in outcomes if isinstance(one, pb.AwardPointsResponse)]
    changes = [movement.change for movement in shop.jana.movements]
    assert changes == [10] * len(given)
    assert (await catch_failure(shop.award())).reason == "MERCHANT_UNVERIFIED"


async def test_reversal_needs_no_proof(shop: OddShop) -> None:
    award = (await shop.award()).award
    await change_profile(shop, OTHER)
    request = pb.ReverseAwardRequest(merchant_id=shop.merchant_id, request_id="request-undo", award_id=award.award_id)
    assert (await shop.client.loyalty.ReverseAward(request)).award.state == pb.AWARD_STATE_APPLIED


async def test_proof_stays_within_the_shops_limits_and_needs_no_reason(shop: OddShop) -> None:
    merchant = pb.Merchant(merchant_id=shop.merchant_id, max_points_per_award=5, award_reasons=["Goodwill"])
    request = pb.UpdateMerchantRequest(merchant=merchant)
    request.update_mask.paths.extend(["max_points_per_award", "award_reasons"])
    await shop.client.merchants.UpdateMerchant(request)
    assert (await catch_failure(verify(shop, give=6))).reason == "LIMIT_EXCEEDED"
    assert (await verify(shop, give=5)).award.reason == "Verification"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"give": 0}, "give"),
        ({"give": 101}, "give"),
        ({"shown_balance": "1,240"}, "shown_balance"),
        ({"verified_by": " "}, "verified_by"),
        ({"member_id": ""}, "identity.member_id"),
    ],
)
async def test_odd_value_is_refused_before_any_request(shop: OddShop, changes: dict[str, object], field: str) -> None:
    failure = await catch_failure(verify(shop, **changes))
    assert (failure.reason, failure.field) == ("BAD_VALUE", field)
    assert shop.project.count_requests() == 0


async def test_inspection_names_the_line_of_each_field(shop: OddShop) -> None:
    shop.jana.overrides = {"tier": 7}
    shop.jana.movements = [Movement(change=Decimal(100), created_at=1796000000, note="Order 1001")]
    request = pb.InspectMemberRequest(
        merchant_id=shop.merchant_id, identity=pb.MemberIdentity(email="jana@example.com")
    )
    inspected = await shop.client.merchants.InspectMember(request)
    lines = {line.profile_line: line for line in inspected.lines}
    assert (inspected.member_id, inspected.balance) == ("jana", "1240")
    assert (lines["member.points"].expression, lines["member.points"].text) == ("points", "1240")
    assert lines["list_coupons.items"].text == "2 usable of 2"
    details = {name: lines[f"member.{name}"].text for name in ("next_expiry", "pending_points", "points_to_next_tier")}
    assert details == {
        "next_expiry": "200, 2127-01-03T00:59:59+01:00",
        "pending_points": "0",
        "points_to_next_tier": "260",
    }
    assert (lines["member.birthday"].text, lines["member.recent_movements"].text) == ("03-12", "+100")
    assert [name for name, line in lines.items() if line.is_unreadable] == ["member.tier"]
    assert list(inspected.unread_fields) == [
        "tier",
        "locale",
        *(f"coupons[].coupon.{name}" for name in ("id", "description", "type", "points")),
    ]
    assert "FIRST" not in str(inspected), "a coupon's code is worth money"
    assert inspected.scales == {
        "member.points_scale": 1,
        "credit.point_scale": 1,
        "credit.answered_balance_scale": 1,
        "debit.point_scale": 1,
    }

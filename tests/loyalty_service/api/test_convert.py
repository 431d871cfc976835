"""The domain's values as messages of the API."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from loyalty_service.api.convert.snapshots import write_snapshot
from loyalty_service.domain.member import (
    Birthday,
    Coupon,
    CouponState,
    ExpiringPoints,
    MemberStatus,
    NoBalance,
    RecentMovement,
    Segment,
    Tier,
    Venue,
    Wallet,
)
from loyalty_service.domain.ports import HeldSnapshot
from loyalty_service.domain.snapshot import Snapshot
from protos.loyalty.v1 import loyalty_pb2 as pb
from tests.loyalty_service.scripted import NOON, make_member, make_merchant

ACME = make_merchant(admin_member_url="https://admin.trifft.io/member/{member_id}?tab=1")


def test_snapshot_with_everything_loses_nothing() -> None:
    member = make_member(
        "a b/c",
        tier=Tier(tier_id="gold", display_name="Gold"),
        favorite_venue=Venue(venue_id="v", display_name="Bratislava, Eurovea"),
        segments=(Segment(slug="vip", display_name="VIP"),),
        status=MemberStatus.BLOCKED,
        status_word="BLOCKED",
        join_time=datetime(2024, 8, 8, 14, 2, 38, tzinfo=UTC),
    )
    coupon = Coupon(
        coupon_id="c",
        display_name="Welcome!",
        redeem_value="5 EUR",
        code="WELCOME5",
        state=CouponState.ACTIVATED,
        expire_time=datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC),
    )
    endless = msgspec.structs.replace(coupon, state=CouponState.ASSIGNED, expire_time=None)
    snapshot = Snapshot(member=member, coupons=(coupon, endless), fetch_time=NOON)

    message = write_snapshot(HeldSnapshot(snapshot=snapshot, stale_reason="PROVIDER_TIMEOUT"), ACME)

    assert message == pb.Snapshot(
        merchant_id="acme",
        member=pb.Member(
            member_id="a b/c",
            support_id="JN-4821",
            full_name="Jana Nováková",
            status=pb.MEMBER_STATUS_BLOCKED,
            status_word="BLOCKED",
            wallet_state=pb.WALLET_STATE_READABLE,
            wallet=pb.Wallet(points_balance=1240, points_balance_exact="1240.5"),
            tier=pb.Tier(tier_id="gold", display_name="Gold"),
            favorite_venue=pb.Venue(venue_id="v", display_name="Bratislava, Eurovea"),
            segments=[pb.Segment(slug="vip", display_name="VIP")],
            profile_url="https://admin.trifft.io/member/a%20b%2Fc?tab=1",
            join_time=Timestamp(seconds=1723125758),
        ),
        coupons=[
            pb.Coupon(
                coupon_id="c",
                display_name="Welcome!",
                redeem_value="5 EUR",
                code="WELCOME5",
                state=pb.COUPON_STATE_ACTIVATED,
                expire_time=Timestamp(seconds=1798761599),
            ),
            pb.Coupon(
                coupon_id="c",
                display_name="Welcome!",
                redeem_value="5 EUR",
                code="WELCOME5",
                state=pb.COUPON_STATE_ASSIGNED,
            ),
        ],
        fetch_time=Timestamp(seconds=1795435200),
        stale_reason=pb.PROVIDER_TIMEOUT,
    )


def test_every_field_of_a_panel_is_written() -> None:
    """A member and a coupon are written field by field, so a new field needs its own line."""
    venue, tier = Venue(venue_id="v", display_name="Venue"), Tier(tier_id="gold", display_name="Gold")
    segments, expire_time = (Segment(slug="vip", display_name="VIP"),), NOON
    details: dict[str, Any] = {
        "next_expiry": ExpiringPoints(points=200, expire_time=NOON),
        "pending_points": 50,
        "points_to_next_tier": 260,
        "birthday": Birthday(month=3, day=12),
        "recent_movements": (RecentMovement(change=Decimal("-40.5"), create_time=NOON, note="Coffee"),),
    }
    member = make_member("a", tier=tier, favorite_venue=venue, segments=segments, status_word="ok", join_time=NOON)
    member = msgspec.structs.replace(member, **details)
    coupon = Coupon(
        coupon_id="c",
        display_name="C",
        redeem_value="5",
        code="5",
        state=CouponState.ACTIVATED,
        expire_time=expire_time,
    )
    snapshot = Snapshot(member=member, coupons=(coupon,), fetch_time=NOON)
    message = write_snapshot(HeldSnapshot(snapshot=snapshot, stale_reason=None), ACME)
    for written in (message.member, message.coupons[0]):
        assert [field.name for field, _ in written.ListFields()] == [
            field.name for field in sorted(written.DESCRIPTOR.fields, key=lambda field: field.number)
        ]
    shown = message.member
    assert (shown.next_expiry.points, shown.next_expiry.expire_time.ToDatetime(UTC)) == (200, NOON)
    assert (shown.pending_points, shown.points_to_next_tier) == (50, 260)
    assert shown.birthday == pb.Birthday(month=3, day=12)
    [movement] = shown.recent_movements
    assert (movement.change, movement.create_time.ToDatetime(UTC), movement.note) == ("-40.5", NOON, "Coffee")


def test_absent_values_of_a_member_are_absent() -> None:
    member = make_member(wallet=NoBalance.DISABLED, support_id="", full_name="")
    held = HeldSnapshot(snapshot=Snapshot(member=member, coupons=(), fetch_time=NOON), stale_reason=None)

    message = write_snapshot(held, msgspec.structs.replace(ACME, admin_member_url="")).member

    there = {field.name for field, _ in message.ListFields()}
    absent = {"wallet", "tier", "favorite_venue", "next_expiry", "pending_points", "points_to_next_tier", "birthday"}
    assert there & {*absent, "recent_movements"} == set()
    assert (message.profile_url, message.support_id, message.full_name) == ("", "", "")


@pytest.mark.parametrize(("support_awards", "is_told"), [(None, False), ((), True)])
def test_support_awards_are_absent_only_if_unknown(support_awards: tuple[()] | None, *, is_told: bool) -> None:
    snapshot = Snapshot(member=make_member(), coupons=(), fetch_time=NOON, support_awards=support_awards)

    message = write_snapshot(HeldSnapshot(snapshot=snapshot, stale_reason=None), ACME)

    assert message.HasField("given_by_support") == is_told
    assert list(message.given_by_support.awards) == []


@pytest.mark.parametrize(
    ("balance", "whole", "exact"),
    [("99.75", 99, "99.75"), ("-0.5", -1, "-0.5"), ("1E+3", 1000, "1000"), ("0", 0, "0")],
)
def test_balance_is_whole_rounded_down_and_exact_text(balance: str, whole: int, exact: str) -> None:
    member = make_member(wallet=Wallet(balance=Decimal(balance)))
    held = HeldSnapshot(snapshot=Snapshot(member=member, coupons=(), fetch_time=NOON), stale_reason=None)

    wallet = write_snapshot(held, ACME).member.wallet

    assert (wallet.points_balance, wallet.points_balance_exact) == (whole, exact)

"""Converts members and held snapshots."""

from urllib.parse import quote

from google.protobuf.duration_pb2 import Duration

from loyalty_service.api.convert.awards import write_award
from loyalty_service.api.convert.values import spell, write_duration, write_time
from loyalty_service.domain.errors import BadValueError
from loyalty_service.domain.member import (
    Coupon,
    CouponState,
    Member,
    MemberStatus,
    NoBalance,
    RecentMovement,
    Wallet,
)
from loyalty_service.domain.merchant import Merchant
from loyalty_service.domain.ports import HeldSnapshot, Holding
from loyalty_service.merchants.parse import MEMBER_ID_PLACE
from protos.loyalty.v1 import loyalty_pb2 as pb

_STATUSES = {status: pb.MemberStatus.Value(spell(status)) for status in MemberStatus}
_NO_BALANCES = {why: pb.WalletState.Value(spell(why)) for why in NoBalance}
_COUPON_STATES = {state: pb.CouponState.Value(spell(state)) for state in CouponState}


def read_staleness_s(message: Duration) -> float:
    """Raises BadValueError when it is negative."""
    if message.seconds < 0 or message.nanos < 0:
        raise BadValueError("max_staleness", "must not be negative")
    return message.seconds + message.nanos / 1e9


def write_snapshot(held: HeldSnapshot, merchant: Merchant) -> pb.Snapshot:
    snapshot = held.snapshot
    given = snapshot.support_awards
    return pb.Snapshot(
        merchant_id=merchant.merchant_id,
        member=_write_member(snapshot.member, merchant),
        coupons=[_write_coupon(coupon) for coupon in snapshot.coupons or ()],
        coupons_unreadable=snapshot.coupons is None,
        fetch_time=write_time(snapshot.fetch_time),
        stale_reason=pb.ErrorReason.Value(held.stale_reason) if held.stale_reason else pb.ERROR_REASON_UNSPECIFIED,
        given_by_support=None if given is None else pb.SupportAwards(awards=map(write_award, given)),
    )


def write_holding(holding: Holding | None, merchant: Merchant) -> pb.GetHeldSnapshotResponse:
    if holding is None:
        return pb.GetHeldSnapshotResponse()
    message = pb.GetHeldSnapshotResponse(
        fetch_time=write_time(holding.fetch_time),
        age=write_duration(holding.age_s),
        hold_time=write_duration(holding.hold_time_s),
        stale_if_error=write_duration(holding.stale_if_error_s),
    )
    if holding.snapshot is None:
        message.member_count = holding.member_count
    else:
        message.snapshot.CopyFrom(write_snapshot(HeldSnapshot(snapshot=holding.snapshot, stale_reason=None), merchant))
    return message


def _write_member(member: Member, merchant: Merchant) -> pb.Member:
    """Field by field: `spell` is slower, and each panel needs a member."""
    balance, tier, venue = member.wallet, member.tier, member.favorite_venue
    return pb.Member(
        member_id=member.member_id,
        support_id=member.support_id,
        full_name=member.full_name,
        status=_STATUSES[member.status],
        status_word=member.status_word,
        wallet=spell(balance) if isinstance(balance, Wallet) else None,
        wallet_state=pb.WALLET_STATE_READABLE if isinstance(balance, Wallet) else _NO_BALANCES[balance],
        tier=spell(tier) if tier else None,
        favorite_venue=spell(venue) if venue else None,
        segments=[pb.Segment(slug=one.slug, display_name=one.display_name) for one in member.segments],
        profile_url=merchant.admin_member_url.replace(MEMBER_ID_PLACE, quote(member.member_id, safe="")),
        join_time=write_time(member.join_time) if member.join_time else None,
        next_expiry=spell(member.next_expiry) if member.next_expiry else None,
        pending_points=member.pending_points,
        points_to_next_tier=member.points_to_next_tier,
        birthday=spell(member.birthday) if member.birthday else None,
        recent_movements=[_write_movement(one) for one in member.recent_movements],
    )


def _write_movement(movement: RecentMovement) -> pb.Movement:
    return pb.Movement(
        change=f"{movement.change:f}",
        create_time=write_time(movement.create_time) if movement.create_time else None,
        note=movement.note,
    )


def _write_coupon(coupon: Coupon) -> pb.Coupon:
    return pb.Coupon(
        coupon_id=coupon.coupon_id,
        display_name=coupon.display_name,
        redeem_value=coupon.redeem_value,
        code=coupon.code,
        state=_COUPON_STATES[coupon.state],
        expire_time=write_time(coupon.expire_time) if coupon.expire_time else None,
    )

"""Converts members and held snapshots."""

from urllib.parse import quote

from google.protobuf.duration_pb2 import Duration

from loyalty_service.api.convert.awards import write_award
from loyalty_service.api.convert.values import fill_time, fill_wallet, spell, write_duration, write_time
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
    """Field by field into one message: a message for each part would be made first, and then copied."""
    snapshot, message = held.snapshot, pb.Snapshot(merchant_id=merchant.merchant_id)
    _fill_member(message.member, snapshot.member, merchant)
    for coupon in snapshot.coupons or ():
        _fill_coupon(message.coupons.add(), coupon)
    message.coupons_unreadable = snapshot.coupons is None
    fill_time(message.fetch_time, snapshot.fetch_time)
    if held.stale_reason:
        message.stale_reason = pb.ErrorReason.Value(held.stale_reason)
    if snapshot.support_awards is not None:
        message.given_by_support.SetInParent()
        message.given_by_support.awards.extend(map(write_award, snapshot.support_awards))
    return message


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


def _fill_member(message: pb.Member, member: Member, merchant: Merchant) -> None:
    message.member_id = member.member_id
    message.support_id = member.support_id
    message.full_name = member.full_name
    message.status = _STATUSES[member.status]
    message.status_word = member.status_word
    balance, tier, venue = member.wallet, member.tier, member.favorite_venue
    if isinstance(balance, Wallet):
        message.wallet_state = pb.WALLET_STATE_READABLE
        fill_wallet(message.wallet, balance)
    else:
        message.wallet_state = _NO_BALANCES[balance]
    if tier:
        message.tier.tier_id, message.tier.display_name = tier.tier_id, tier.display_name
    if venue:
        message.favorite_venue.venue_id, message.favorite_venue.display_name = venue.venue_id, venue.display_name
    for segment in member.segments:
        message.segments.add(slug=segment.slug, display_name=segment.display_name)
    message.profile_url = merchant.admin_member_url.replace(MEMBER_ID_PLACE, quote(member.member_id, safe=""))
    if member.join_time:
        fill_time(message.join_time, member.join_time)
    _fill_details(message, member)


def _fill_details(message: pb.Member, member: Member) -> None:
    """What many programmes do not have."""
    if (expiry := member.next_expiry) is not None:
        message.next_expiry.points = expiry.points
        fill_time(message.next_expiry.expire_time, expiry.expire_time)
    if member.pending_points is not None:
        message.pending_points = member.pending_points
    if member.points_to_next_tier is not None:
        message.points_to_next_tier = member.points_to_next_tier
    if member.birthday is not None:
        message.birthday.month, message.birthday.day = member.birthday.month, member.birthday.day
    for movement in member.recent_movements:
        _fill_movement(message.recent_movements.add(), movement)


def _fill_movement(message: pb.Movement, movement: RecentMovement) -> None:
    message.change, message.note = f"{movement.change:f}", movement.note
    if movement.create_time:
        fill_time(message.create_time, movement.create_time)


def _fill_coupon(message: pb.Coupon, coupon: Coupon) -> None:
    message.coupon_id = coupon.coupon_id
    message.display_name = coupon.display_name
    message.redeem_value = coupon.redeem_value
    message.code = coupon.code
    message.state = _COUPON_STATES[coupon.state]
    if coupon.expire_time:
        fill_time(message.expire_time, coupon.expire_time)

"""A member as commands show them: fields for people, JSON for scripts."""

from datetime import UTC

import msgspec

from gateway.cli.output import render_enum
from gateway.cli.times import Zone, render_timestamp, show_timestamp
from gateway.errors import name_reason
from gateway.wording.panel import labels
from gateway.wording.panel.details import list_detail_lines, list_movement_lines
from gateway.wording.panel.member import MEMBER_FIELDS
from gateway.wording.phrases import NONE, UNREADABLE
from gateway.wording.shop import DEFAULT_SHOP
from gateway.wording.times import find_last_day, parse_time
from protos.loyalty.v1 import loyalty_pb2 as pb
from runtime.text import isolate, join, make_line


def render_snapshot(snapshot: pb.Snapshot, zone: Zone) -> dict[str, object]:
    member = snapshot.member
    fields = {field.key: field.read(member) for field in MEMBER_FIELDS}
    return {
        "merchant_id": snapshot.merchant_id,
        "member_id": member.member_id,
        **{key: None if value == "" else value for key, value in fields.items()},
        "status": render_enum(pb.MemberStatus, member.status, "MEMBER_STATUS_"),
        "status_word": member.status_word or None,
        "wallet_state": render_enum(pb.WalletState, member.wallet_state, "WALLET_STATE_"),
        "points_exact": member.wallet.points_balance_exact if member.HasField("wallet") else None,
        **_render_details(member, zone),
        "coupons": None if snapshot.coupons_unreadable else [_render_coupon(one, zone) for one in snapshot.coupons],
        "profile_url": member.profile_url or None,
        "fetch_time": render_timestamp(snapshot.fetch_time, zone),
        "stale_reason": name_reason(snapshot.stale_reason) if snapshot.stale_reason else None,
    }


def _render_details(member: pb.Member, zone: Zone) -> dict[str, object]:
    expiry, birthday = member.next_expiry, member.birthday
    return {
        "next_expiry": {"points": expiry.points, "expire_time": render_timestamp(expiry.expire_time, zone)}
        if member.HasField("next_expiry")
        else None,
        "pending_points": member.pending_points if member.HasField("pending_points") else None,
        "points_to_next_tier": member.points_to_next_tier if member.HasField("points_to_next_tier") else None,
        "birthday": {"month": birthday.month, "day": birthday.day} if member.HasField("birthday") else None,
        "recent_movements": [_render_movement(one, zone) for one in member.recent_movements],
    }


def _render_movement(movement: pb.Movement, zone: Zone) -> dict[str, object]:
    return {
        "change": movement.change,
        "create_time": render_timestamp(movement.create_time, zone) if movement.HasField("create_time") else None,
        "note": movement.note or None,
    }


def _render_coupon(coupon: pb.Coupon, zone: Zone) -> dict[str, object]:
    return {
        "coupon_id": coupon.coupon_id,
        "name": coupon.display_name,
        "redeem_value": coupon.redeem_value or None,
        "code": coupon.code or None,
        "state": render_enum(pb.CouponState, coupon.state, "COUPON_STATE_"),
        "expire_time": render_timestamp(coupon.expire_time, zone) if coupon.HasField("expire_time") else None,
    }


def _describe_status(member: pb.Member) -> str:
    status = render_enum(pb.MemberStatus, member.status, "MEMBER_STATUS_")
    if member.status != pb.MEMBER_STATUS_UNKNOWN:
        return status
    word = isolate(member.status_word)
    return f"{status}: TRIFFT says '{word}'" if word else f"{status}: TRIFFT says none"


def list_fields(snapshot: pb.Snapshot, zone: Zone) -> list[tuple[str, str]]:
    member = snapshot.member
    stale = f" (old: {name_reason(snapshot.stale_reason)})" if snapshot.stale_reason else ""
    fields = {field.key: (field.label, field.render(member, DEFAULT_SHOP)) for field in MEMBER_FIELDS}
    segments = fields.pop("segments")  # there may be many, so they go last
    no_coupon = UNREADABLE if snapshot.coupons_unreadable else NONE
    coupons = [("Coupon", _describe(coupon, zone)) for coupon in snapshot.coupons] or [("Coupon", no_coupon)]
    shop = msgspec.structs.replace(DEFAULT_SHOP, zone=zone or DEFAULT_SHOP.zone)
    details = [(labels.DETAILS, line) for line in list_detail_lines(member, shop)]
    details += [(labels.MOVEMENT, line) for line in list_movement_lines(member, shop)]
    who = [fields.pop(key) for key in ("full_name", "support_id")]
    return [
        *who,
        ("Status", _describe_status(member)),
        *fields.values(),
        segments,
        *details,
        *coupons,
        ("Profile", member.profile_url or NONE),
        ("Member", member.member_id),
        ("Data from", show_timestamp(snapshot.fetch_time, zone) + stale),
    ]


def _describe(coupon: pb.Coupon, zone: Zone) -> str:
    parts = [part for text in (coupon.display_name, coupon.redeem_value) if (part := make_line(text))]
    if coupon.HasField("expire_time"):
        parts.append(f"until {find_last_day(parse_time(coupon.expire_time), zone or UTC).date()}")
    return join(parts, " · ")

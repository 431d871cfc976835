"""A member as commands show them: fields for people, JSON for scripts."""

from datetime import tzinfo

from gateway.cli.output import read_timestamp, render_text, render_time
from protos.loyalty.v1 import loyalty_pb2 as pb

_NOT_USED = "Not used"
_NONE = "–"


def render_snapshot(snapshot: pb.Snapshot, zone: tzinfo | None) -> dict[str, object]:
    member = snapshot.member
    has_wallet = member.HasField("wallet")
    return {
        "merchant_id": snapshot.merchant_id,
        "member_id": member.member_id,
        "support_id": render_text(member.support_id),
        "full_name": render_text(member.full_name),
        "status": _render_enum(pb.MemberStatus.Name(member.status), "MEMBER_STATUS_"),
        "points": member.wallet.points_balance if has_wallet else None,
        "points_exact": member.wallet.points_balance_exact if has_wallet else None,
        "tier": render_text(member.tier.display_name) if member.HasField("tier") else None,
        "favorite_venue": member.favorite_venue.display_name if member.HasField("favorite_venue") else None,
        "segments": [segment.display_name for segment in member.segments],
        "coupons": [_render_coupon(coupon, zone) for coupon in snapshot.coupons],
        "profile_url": render_text(member.profile_url),
        "fetch_time": render_time(snapshot.fetch_time, zone),
        "stale_reason": pb.ErrorReason.Name(snapshot.stale_reason) if snapshot.stale_reason else None,
    }


def _render_coupon(coupon: pb.Coupon, zone: tzinfo | None) -> dict[str, object]:
    return {
        "coupon_id": coupon.coupon_id,
        "name": coupon.display_name,
        "redeem_value": render_text(coupon.redeem_value),
        "code": render_text(coupon.code),
        "state": _render_enum(pb.CouponState.Name(coupon.state), "COUPON_STATE_"),
        "expire_time": render_time(coupon.expire_time, zone) if coupon.HasField("expire_time") else None,
    }


def _render_enum(name: str, prefix: str) -> str:
    return name.removeprefix(prefix).lower()


def list_fields(snapshot: pb.Snapshot, zone: tzinfo | None) -> list[tuple[str, str]]:
    member = snapshot.member
    stale = f" (old: {pb.ErrorReason.Name(snapshot.stale_reason)})" if snapshot.stale_reason else ""
    fields = [
        ("Full name", member.full_name or _NONE),
        ("Referral / support ID", member.support_id or _NONE),
        ("Status", _render_enum(pb.MemberStatus.Name(member.status), "MEMBER_STATUS_")),
        ("Points", member.wallet.points_balance_exact if member.HasField("wallet") else _NOT_USED),
        ("Tier", (member.tier.display_name or _NONE) if member.HasField("tier") else _NOT_USED),
        ("Favorite location", member.favorite_venue.display_name or _NONE),
        ("Segments", ", ".join(segment.display_name for segment in member.segments) or _NONE),
    ]
    fields += [("Coupon", _describe(coupon, zone)) for coupon in snapshot.coupons] or [("Coupon", _NONE)]
    return [
        *fields,
        ("Profile", member.profile_url or _NONE),
        ("Member", member.member_id),
        ("Data from", read_timestamp(snapshot.fetch_time, zone) + stale),
    ]


def _describe(coupon: pb.Coupon, zone: tzinfo | None) -> str:
    until = f"until {read_timestamp(coupon.expire_time, zone)}" if coupon.HasField("expire_time") else ""
    return " · ".join(part for part in (coupon.display_name.strip(), coupon.redeem_value, until) if part)

"""`trifft-gorgias member`: one person of a shop's loyalty programme."""

from datetime import tzinfo
from typing import Annotated

from cyclopts import Parameter

from gateway.cli.arguments import parse_merchant_id
from gateway.cli.errors import CommandError, UsageError
from gateway.cli.merchant import Json, MerchantId
from gateway.cli.output import print_fields, print_json, read_timestamp, render_text, render_time
from gateway.cli.settings import load_config
from gateway.cli.zone import fetch_zone
from gateway.errors import LoyaltyCallError
from gateway.installation.advice import get_advice
from gateway.loyalty_client import LoyaltyClient
from protos.loyalty.v1 import loyalty_pb2 as pb

_TIMEOUT_S = 10.0
_NOT_USED = "Not used"
_NONE = "–"


async def show(
    merchant_id: MerchantId,
    /,
    *,
    email: Annotated[str, Parameter(help="The member's e-mail address.")],
    json: Json = False,
) -> None:
    """Show a member as TRIFFT has them now."""
    parse_merchant_id(merchant_id)
    config = load_config()
    async with LoyaltyClient(config.loyalty_target, config.loyalty_key) as loyalty:
        try:
            snapshot = await loyalty.get_snapshot(merchant_id, email, max_staleness_s=0, timeout_s=_TIMEOUT_S)
            zone = await fetch_zone(loyalty, merchant_id)
        except LoyaltyCallError as error:
            if error.reason == "BAD_VALUE":
                raise UsageError(f"--email {error.message.removeprefix(error.field).strip()}") from error
            raise CommandError(_explain(error, merchant_id)) from error
    if json:
        print_json(_render(snapshot, zone))
    else:
        print_fields(_list_fields(snapshot, zone))


def _explain(error: LoyaltyCallError, merchant_id: str) -> str:
    if error.reason == "MEMBER_NOT_FOUND":
        return f"{merchant_id} has no loyalty member with this e-mail address"
    if error.reason == "MEMBER_AMBIGUOUS":
        count = error.metadata.get("member_count", "several")
        return f"{count} members of {merchant_id} have this e-mail address: merge them in TRIFFT"
    return f"{error.message} ({error.reason}): {get_advice(error.reason, merchant_id)}"


def _render(snapshot: pb.Snapshot, zone: tzinfo | None) -> dict[str, object]:
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


def _list_fields(snapshot: pb.Snapshot, zone: tzinfo | None) -> list[tuple[str, str]]:
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

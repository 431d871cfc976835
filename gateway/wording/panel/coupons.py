"""A member's coupons, one line each."""

from gateway.wording.phrases import UNREADABLE
from gateway.wording.shop import Shop
from gateway.wording.times import format_last_day, parse_time
from protos.loyalty.v1 import loyalty_pb2 as pb
from runtime.text import join, make_line


def list_coupon_lines(snapshot: pb.Snapshot, shop: Shop) -> list[str]:
    """Lines like "Welcome! · 5 EUR · until 31 Dec 2026"; a single line if the list cannot be read."""
    return [UNREADABLE] if snapshot.coupons_unreadable else [_say_coupon(coupon, shop) for coupon in snapshot.coupons]


def _say_coupon(coupon: pb.Coupon, shop: Shop) -> str:
    facts = [make_line(coupon.display_name) or "Coupon"]
    if value := make_line(coupon.redeem_value):
        facts.append(value)
    if coupon.HasField("expire_time"):
        facts.append(f"until {format_last_day(parse_time(coupon.expire_time), shop)}")
    return join(facts, " · ")

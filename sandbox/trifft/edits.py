"""A person's changes of a member, checked, and the events that TRIFFT would send for them."""

from decimal import Decimal
from typing import Annotated, TypeVar

import msgspec

from sandbox.trifft.member import (
    Coupon,
    CouponState,
    ExpiringPoints,
    Member,
    MemberStatus,
    Overrides,
    Segment,
    Text,
    Tier,
    UserCoupon,
    Venue,
    Wallet,
)
from sandbox.trifft.project import make_movement

MAX_POINTS = 10**9
_LATEST_TIME = 253402300799  # the end of the year 9999

_LeftOut = Annotated[list[Text], msgspec.Meta(max_length=50)]
_Fields = TypeVar("_Fields", bound=msgspec.Struct)


class MemberFields(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The editable fields of a Member; coupons have calls of their own."""

    email: Annotated[str, msgspec.Meta(max_length=320, pattern=r"^[^@\s]+@[^@\s]+$")] | None
    phone: Annotated[str, msgspec.Meta(max_length=40, pattern=r"^\+?[0-9 ]+$")] | None
    support_id: Annotated[str, msgspec.Meta(min_length=1, max_length=80)] | None
    first_name: Text | None
    last_name: Text | None
    points: Decimal
    tier: Tier | None
    segments: Annotated[list[Segment], msgspec.Meta(max_length=100)]
    favorite_venue: Venue | None
    locale: Annotated[str, msgspec.Meta(pattern=r"^[a-z]{2,3}([-_][A-Za-z]{2,4})?$")]
    status: MemberStatus
    wallet: bool
    delayed_credits: bool
    more_wallets: Annotated[list[Wallet], msgspec.Meta(max_length=20)]
    expiring_points: ExpiringPoints | None
    next_tier_at: Decimal | None
    birthday: Annotated[str, msgspec.Meta(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")] | None
    overrides: Overrides
    left_out: _LeftOut
    receipt_overrides: Overrides

    def __post_init__(self) -> None:
        expiring = self.expiring_points.points if self.expiring_points else None
        for name, points in (
            ("points", self.points),
            ("expiring_points", expiring),
            ("next_tier_at", self.next_tier_at),
        ):
            if points is not None and not (points.is_finite() and abs(points) <= MAX_POINTS):
                raise ValueError(f"{name} must be between -{MAX_POINTS} and {MAX_POINTS}")
        if self.expiring_points and not 0 <= self.expiring_points.expires_at <= _LATEST_TIME:
            raise ValueError(f"expires_at must be UNIX seconds, 0 to {_LATEST_TIME}")
        if len({segment.slug for segment in self.segments}) < len(self.segments):
            raise ValueError("each segment may occur once")


class CouponFields(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The editable fields of a UserCoupon and of what it was made from. `valid_until`: UNIX seconds, None: no end."""

    name: Text
    description: Annotated[str, msgspec.Meta(max_length=2000)] = ""
    type: Text = "GENERAL"
    points: Annotated[int, msgspec.Meta(ge=0, le=MAX_POINTS)] | None = None
    state: CouponState = "assigned"
    redeem_value: Text | None = None
    code: Text | None = None
    valid_until: Annotated[int, msgspec.Meta(ge=0, le=_LATEST_TIME)] | None = None
    overrides: Overrides = {}
    left_out: _LeftOut = []


class Spending(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Points that a member spends in the shop."""

    points: Decimal
    note: Text = "Spent in the shop"

    def __post_init__(self) -> None:
        if not (self.points.is_finite() and 0 < self.points <= MAX_POINTS):
            raise ValueError(f"points must be above 0 and at most {MAX_POINTS}")


def parse_spending(body: bytes) -> Spending:
    """Raises msgspec.DecodeError or UnicodeDecodeError."""
    return msgspec.json.decode(body, type=Spending)


def merge(current: object, body: bytes, model: type[_Fields]) -> _Fields:
    """Return the fields of `model` from `current`, replaced by those in the JSON object `body`.

    Raises msgspec.DecodeError or UnicodeDecodeError.
    """
    changes = msgspec.json.decode(body, type=dict[str, object])
    kept = {name: getattr(current, name) for name in model.__struct_fields__ if hasattr(current, name)}
    return msgspec.convert({**kept, **changes}, model, from_attributes=True)


def edit_member(member: Member, fields: MemberFields, now: float) -> list[str]:
    """Make the change; return the names of its events. A change of points is booked as a movement."""
    events = _list_events(member, fields)
    change = fields.points - member.points
    if change:
        member.movements.append(make_movement(change, now, note="Changed in TRIFFT Admin"))
    for name in fields.__struct_fields__:
        setattr(member, name, getattr(fields, name))
    return events


def _list_events(member: Member, fields: MemberFields) -> list[str]:
    before = {segment.slug for segment in member.segments}
    after = {segment.slug for segment in fields.segments}
    events = {
        "wallet_credited": fields.points > member.points,
        "wallet_debited": fields.points < member.points,
        "segment_added": bool(after - before),
        "segment_removed": bool(before - after),
        "favorite_venue_changed": fields.favorite_venue != member.favorite_venue,
        "language_changed": fields.locale != member.locale,
    }
    named = [event for event, happened in events.items() if happened]
    told = {"points", "segments", "favorite_venue", "locale"}
    if any(getattr(fields, name) != getattr(member, name) for name in fields.__struct_fields__ if name not in told):
        named.append("profile_updated")
    return named


def get_coupon_fields(user_coupon: UserCoupon) -> CouponFields:
    coupon = user_coupon.coupon
    return CouponFields(
        name=coupon.name,
        description=coupon.description,
        type=coupon.type,
        points=coupon.points,
        state=user_coupon.state,
        redeem_value=user_coupon.redeem_value,
        code=user_coupon.code,
        valid_until=user_coupon.valid_until,
        overrides=user_coupon.overrides,
        left_out=user_coupon.left_out,
    )


def edit_coupon(user_coupon: UserCoupon, fields: CouponFields) -> list[str]:
    """Make the change; return the names of its events."""
    events = list_coupon_events(fields.state) if fields.state != user_coupon.state else []
    user_coupon.coupon = make_coupon(fields, user_coupon.coupon.id)
    user_coupon.state = fields.state
    user_coupon.redeem_value = fields.redeem_value
    user_coupon.code = fields.code
    user_coupon.valid_until = fields.valid_until
    user_coupon.overrides = fields.overrides
    user_coupon.left_out = fields.left_out
    return events


def make_coupon(fields: CouponFields, coupon_id: str) -> Coupon:
    return Coupon(
        id=coupon_id,
        name=fields.name,
        description=fields.description,
        type=fields.type,
        points=fields.points,
        redeem_value=fields.redeem_value,
    )


def list_coupon_events(state: CouponState) -> list[str]:
    """List the events of a change. Expiry is no event of TRIFFT's."""
    return [] if state == "expired" else [f"coupon_{state}"]

"""The members of a project: plain, editable records, in points and UNIX seconds."""

import uuid
from decimal import Decimal
from typing import Annotated, Any, Literal, Self

import msgspec

MemberStatus = Literal["active", "blocked", "anonymised"]
CouponState = Literal["assigned", "activated", "redeemed", "expired"]

Text = Annotated[str, msgspec.Meta(max_length=200)]

# Any JSON by field name: the wire shows it instead of the record's value.
Overrides = dict[str, Any]

PRIMARY_WALLET = "primary"
AVAILABLE_STATES: frozenset[CouponState] = frozenset({"assigned", "activated"})


def make_id() -> str:
    return str(uuid.uuid4())


class Tier(msgspec.Struct, frozen=True, kw_only=True):
    id: Text = msgspec.field(default_factory=make_id)
    name: Text


class Segment(msgspec.Struct, frozen=True, kw_only=True):
    slug: Text
    name: Text


class Venue(msgspec.Struct, frozen=True, kw_only=True):
    id: Text = msgspec.field(default_factory=make_id)
    name: Text


class ExpiringPoints(msgspec.Struct, frozen=True, kw_only=True):
    """`expires_at`: UNIX seconds."""

    points: Decimal
    expires_at: int


class Wallet(msgspec.Struct, kw_only=True):
    """An additional wallet, besides the member's own points."""

    id: Text = msgspec.field(default_factory=make_id)
    name: Text
    points: Decimal = Decimal(0)


class Coupon(msgspec.Struct, frozen=True, kw_only=True):
    """The template that user coupons are made from. `points`: its price, if it has one."""

    id: str = msgspec.field(default_factory=make_id)
    name: str = ""
    description: str = ""
    type: str = "GENERAL"
    points: int | None = None
    redeem_value: str | None = None


class UserCoupon(msgspec.Struct, kw_only=True):
    """A member's own coupon. `valid_until`: UNIX seconds, None without an end.

    `overrides`: JSON that the wire shows instead of fields; `left_out`: fields that the wire leaves out.
    """

    coupon: Coupon
    id: str = msgspec.field(default_factory=make_id)
    state: CouponState = "assigned"
    redeem_value: str | None = None
    code: str | None = None
    valid_until: int | None = None
    overrides: Overrides = msgspec.field(default_factory=dict)
    left_out: list[Text] = msgspec.field(default_factory=list)


class Movement(msgspec.Struct, kw_only=True):
    """A change of a wallet, in points, at `created_at`. `pending`: requested, but not booked yet.

    `wallet_id`: as it was requested; None is the primary one.
    """

    id: str = msgspec.field(default_factory=make_id)
    change: Decimal
    note: str | None = None
    reference: str | None = None
    created_at: int
    pending: bool = False
    wallet_id: str | None = None


class Member(msgspec.Struct, kw_only=True):
    """A member with all their data; each field may be set directly.

    `wallet` False: points are switched off for this member; `delayed_credits`: a credit waits until it is released.
    An anonymised member keeps its fields here, so that it is still found, but the wire shows none of them. `points` are
    of the primary wallet. `next_tier_at`: the points at which the next tier begins; `birthday`: like "1990-03-12".
    `overrides`, `left_out`: as in UserCoupon; `receipt_overrides`: overrides in the answer of a
    credit or a debit.
    """

    id: str = msgspec.field(default_factory=make_id)
    email: str | None = None
    phone: str | None = None
    support_id: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    points: Decimal = Decimal(0)
    tier: Tier | None = None
    segments: list[Segment] = msgspec.field(default_factory=list)
    favorite_venue: Venue | None = None
    locale: str = "en"
    status: MemberStatus = "active"
    created_at: int = 1723125758
    wallet: bool = True
    delayed_credits: bool = False
    more_wallets: list[Wallet] = msgspec.field(default_factory=list)
    expiring_points: ExpiringPoints | None = None
    next_tier_at: Decimal | None = None
    birthday: Text | None = None
    overrides: Overrides = msgspec.field(default_factory=dict)
    left_out: list[Text] = msgspec.field(default_factory=list)
    receipt_overrides: Overrides = msgspec.field(default_factory=dict)
    coupons: list[UserCoupon] = msgspec.field(default_factory=list)
    movements: list[Movement] = msgspec.field(default_factory=list)

    def get_wallet(self, wallet_id: str | None) -> Wallet | Self | None:
        """The record with a wallet's points; for the primary wallet it is the member itself."""
        if wallet_id in (None, PRIMARY_WALLET):
            return self
        return next((wallet for wallet in self.more_wallets if wallet.id == wallet_id), None)

    def get_coupon(self, user_coupon_id: str) -> UserCoupon | None:
        return next((coupon for coupon in self.coupons if coupon.id == user_coupon_id), None)

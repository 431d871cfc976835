"""A member and their coupons at one instant."""

import enum
from datetime import datetime
from decimal import Decimal
from typing import Literal

import msgspec

from loyalty_service.domain.errors import BadValueError
from runtime.addresses import fold_ascii_case, list_email_spellings, make_email_key
from runtime.phones import list_phone_spellings, make_phone_key, parse_phone

MAX_IDENTITY_CHARS = 320

IdentityKind = Literal["email", "phone", "support_id", "member_id"]


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """How a member is named. `value`: as it was written; a phone number is in E.164.

    Build one with `parse_identity`.
    """

    kind: IdentityKind
    value: str

    @property
    def key(self) -> str:
        """The key for holding and comparing: equal for two spellings of one identity, and only for those."""
        return make_identity_key(self.kind, self.value)

    def list_spellings(self) -> list[str]:
        """The spellings that a provider may have on file, at most four: as written, then all others."""
        if self.kind == "email":
            return [self.value, *list_email_spellings(self.value)]
        return [self.value, *(list_phone_spellings(self.value) if self.kind == "phone" else ())]


def make_identity_key(kind: IdentityKind, value: str) -> str:
    if kind == "email":
        return make_email_key(value)
    if kind == "phone":
        return make_phone_key(value)
    return fold_ascii_case(value) if kind == "support_id" else value


def parse_identity(kind: IdentityKind, text: str, country: str = "") -> Identity:
    """Check an identity. A phone number becomes E.164; all else stays as written: an added space makes another address.

    `country` (ISO 3166): where a phone number without its country's code is dialled; empty: nowhere. Raises
    BadValueError for a blank or overlong value, control characters, and a text that is no valid phone number.
    """
    field, is_phone = f"identity.{kind}", kind == "phone"
    # Between the digits of a phone number invisible marks are common, and do no harm.
    if not text.strip() or len(text) > MAX_IDENTITY_CHARS or not (is_phone or text.isprintable()):
        raise BadValueError(field, f"must be 1 to {MAX_IDENTITY_CHARS} printable characters")
    if not is_phone:
        return Identity(kind=kind, value=text)
    phone = parse_phone(text, country)
    if phone is None:
        form = f"international or of {country}" if country else "international"
        raise BadValueError(field, f"must be a valid number, {form}, without extension, for example +421900000000")
    return Identity(kind=kind, value=phone)


class MemberStatus(enum.Enum):
    """UNKNOWN: the provider has no status, or one that the merchant's profile does not know."""

    ACTIVE = "active"
    BLOCKED = "blocked"
    UNKNOWN = "unknown"


class Wallet(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """Points. `balance` may be fractional or negative."""

    balance: Decimal


class NoBalance(enum.Enum):
    """Why there is no balance to show.

    DISABLED: points are switched off. UNREADABLE: the balance cannot be read. SEVERAL: there are several wallets, and
    the merchant's profile does not say which one counts.
    """

    DISABLED = "disabled"
    UNREADABLE = "unreadable"
    SEVERAL = "several"


class Tier(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    tier_id: str
    display_name: str


class Venue(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    venue_id: str
    display_name: str


class Segment(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    slug: str
    display_name: str


class CouponState(enum.Enum):
    ASSIGNED = "assigned"
    ACTIVATED = "activated"


class Coupon(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """A member's own coupon, usable now. `redeem_value` is a text of the merchant's.

    A text, the id included, is empty where it is missing or cannot be read. `expire_time`: None where the coupon never
    expires, or its date cannot be read.
    """

    coupon_id: str
    display_name: str
    redeem_value: str
    code: str
    state: CouponState
    expire_time: datetime | None


class ExpiringPoints(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """Points that will be taken away. `points` are whole, 1 or more; `expire_time` is their last second."""

    points: int
    expire_time: datetime


class Birthday(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """A day of any year."""

    month: int
    day: int


class RecentMovement(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """A booking of the wallet. `create_time`: None where it is not known; `note`: the provider's text, or empty."""

    change: Decimal
    create_time: datetime | None
    note: str


class Member(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """One person in the programme: only the fields that the widget shows, so no e-mail and no phone number.

    Held bytes have no field names: add a new field last, and raise FORM in snapshots/entries.py.

    `tier` is None where the programme has no tiers, and empty where it cannot be read. `favorite_venue` is None where
    the member chose none, `join_time` where the provider does not say. `support_id` and `full_name` are empty where
    they are not on file. `status_word`: the provider's own status, for people; empty where there is none.

    `pending_points` (booked later) are rounded down, `points_to_next_tier` up and above 0; None where the provider does
    not say. `recent_movements`: newest first, at most 5.
    """

    member_id: str
    support_id: str
    full_name: str
    status: MemberStatus
    status_word: str
    wallet: Wallet | NoBalance
    tier: Tier | None
    favorite_venue: Venue | None
    segments: tuple[Segment, ...]
    join_time: datetime | None = None
    next_expiry: ExpiringPoints | None = None
    pending_points: int | None = None
    points_to_next_tier: int | None = None
    birthday: Birthday | None = None
    recent_movements: tuple[RecentMovement, ...] = ()

"""Who a member is, and what is theirs, at one instant."""

import enum
import re
from datetime import datetime
from decimal import Decimal
from typing import Literal

import msgspec

from loyalty_service.domain.errors import BadValueError
from runtime.addresses import fold_ascii_case, list_email_spellings, make_email_key

MAX_IDENTITY_CHARS = 320
_PHONE_PUNCTUATION = re.compile(r"[\s()./-]+")
_E164 = re.compile(r"\+[1-9][0-9]{4,14}")

IdentityKind = Literal["email", "phone", "support_id", "member_id"]


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """How a member is named. `value`: as it was written, but a phone number, which is in E.164.

    Build one with `parse_identity`.
    """

    kind: IdentityKind
    value: str

    @property
    def key(self) -> str:
        """By what it is held and compared: equal for two spellings of one identity, and for no others of its kind."""
        return make_identity_key(self.kind, self.value)

    def list_spellings(self) -> list[str]:
        """How a provider may have it on file, at most four: as it is written, and an e-mail in its other spellings."""
        return [self.value, *(list_email_spellings(self.value) if self.kind == "email" else ())]


def make_identity_key(kind: IdentityKind, value: str) -> str:
    if kind == "email":
        return make_email_key(value)
    return fold_ascii_case(value) if kind == "support_id" else value


def parse_identity(kind: IdentityKind, text: str) -> Identity:
    """A phone number in E.164, all else as it is written: a space more is another address.

    Raises BadValueError for a blank or overlong value, control characters, and a phone number without its country.
    """
    if not text.strip() or len(text) > MAX_IDENTITY_CHARS or not text.isprintable():
        raise BadValueError(f"identity.{kind}", f"must be 1 to {MAX_IDENTITY_CHARS} printable characters")
    return Identity(kind=kind, value=_parse_phone(text) if kind == "phone" else text)


def _parse_phone(text: str) -> str:
    digits = _PHONE_PUNCTUATION.sub("", text)
    if digits.startswith("00"):
        digits = "+" + digits[2:]
    if not _E164.fullmatch(digits):
        raise BadValueError("identity.phone", "must be international, for example +421900000000")
    return digits


class MemberStatus(enum.Enum):
    """UNKNOWN: the provider has none, or one that the merchant's profile does not know."""

    ACTIVE = "active"
    BLOCKED = "blocked"
    UNKNOWN = "unknown"


class Wallet(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """Points. `balance` may be fractional or negative."""

    balance: Decimal


class NoBalance(enum.Enum):
    """Why there is no balance to show.

    DISABLED: points are switched off. UNREADABLE: there is one, and it cannot be read. SEVERAL: there are several
    wallets, and the merchant's profile does not say which one counts.
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
    """A member's own coupon, usable now. `redeem_value` is the merchant's text.

    Texts are empty where there are none, and where they cannot be read, the id among them. `expire_time`: None where it
    never expires, or its date cannot be read.
    """

    coupon_id: str
    display_name: str
    redeem_value: str
    code: str
    state: CouponState
    expire_time: datetime | None


class Member(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """One person in the programme, as far as the widget shows them: no e-mail, no phone number.

    It is held without the names of its fields: a new one goes last, and FORM in snapshots/entries.py is raised.

    `tier` is None where the programme has none, and empty where it cannot be read; `favorite_venue` is None where the
    member chose none, `join_time` where the provider does not say; `support_id` and `full_name` are empty where they
    are not on file. `status_word`: the provider's own, for people; empty where it has none.
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

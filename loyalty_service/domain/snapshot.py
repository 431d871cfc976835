"""A member as the provider and the ledger showed them at one instant."""

from datetime import datetime

import msgspec

from loyalty_service.domain.award import Award
from loyalty_service.domain.member import Coupon, Member


class Snapshot(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """A member and their coupons at `fetch_time` (UTC): when the read of the provider began.

    `coupons`: assigned and activated ones, soonest to expire first; None where the list cannot be read.
    `support_awards`: recent awards by support; None where the ledger did not answer.
    """

    member: Member
    coupons: tuple[Coupon, ...] | None
    fetch_time: datetime
    support_awards: tuple[Award, ...] | None = None

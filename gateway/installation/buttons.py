"""Which buttons a shop's widget is to have."""

import msgspec

from gateway.wording.limits import parse_limits
from protos.loyalty.v1 import loyalty_pb2 as pb


class Buttons(msgspec.Struct, frozen=True, kw_only=True):
    """What a shop lets its agents do. `reasons`: of which an award must name one; empty: none is asked for.

    `removes_points`: there is a button for it, which wants a reason in any case.
    """

    reasons: tuple[str, ...] = ()
    removes_points: bool = False


def find_buttons(merchant: pb.Merchant) -> Buttons:
    return Buttons(reasons=tuple(merchant.award_reasons), removes_points=parse_limits(merchant).allows_deductions)

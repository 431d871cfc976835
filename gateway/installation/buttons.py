"""The buttons that a shop's widget must have."""

import msgspec

from gateway.wording.limits import parse_limits
from protos.loyalty.v1 import loyalty_pb2 as pb


class Buttons(msgspec.Struct, frozen=True, kw_only=True):
    """The buttons that a shop allows. `reasons`: an award must name one of them; empty: awards need no reason.

    `removes_points`: there is a button for removing points, which always needs a reason.
    """

    reasons: tuple[str, ...] = ()
    removes_points: bool = False


def find_buttons(merchant: pb.Merchant) -> Buttons:
    return Buttons(reasons=tuple(merchant.award_reasons), removes_points=parse_limits(merchant).allows_deductions)

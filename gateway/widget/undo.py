"""Finds the award that a panel offers to undo. Pure."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from protos.loyalty.v1 import loyalty_pb2 as pb


class Undo(msgspec.Struct, frozen=True, kw_only=True):
    """The award that a panel offers to undo, and its token."""

    award: pb.Award
    token: str


def find_undoable(awards: Sequence[pb.Award], now: datetime) -> pb.Award | None:
    """The newest award or deduction, if it can be undone now. Only the newest can be a mistaken last click.

    None while an award is not settled, since an undo would be refused.
    """
    newest = next((award for award in awards if not award.reverses), None)
    if newest is None or newest.reversed_by or any(award.state == pb.AWARD_STATE_UNKNOWN for award in awards):
        return None
    return newest if newest.reverse_expire_time.seconds > now.timestamp() else None

"""The fields of a member, each named once: the template, the view and `member show` follow `MEMBER_FIELDS`."""

from collections.abc import Callable
from typing import Any

import msgspec

from gateway.wording.numbers import format_number, format_points, parse_balance
from gateway.wording.phrases import NONE, UNREADABLE
from gateway.wording.shop import Shop
from gateway.wording.times import format_day, parse_time
from protos.loyalty.v1 import loyalty_pb2 as pb
from runtime.text import join, make_line

# The texts for an unreadable balance: in its row, and in the first line.
_NO_BALANCE = {
    pb.WALLET_STATE_UNREADABLE: (UNREADABLE, "points cannot be read"),
    pb.WALLET_STATE_SEVERAL: ("Several wallets", "several wallets"),
}


class MemberField(msgspec.Struct, frozen=True):
    """`key`: its name in the template, the view and JSON for scripts. `label`: its name for agents and operators.

    `read`: its value as JSON; None or an empty text if there is none. `say`: its text, if that differs from the value.
    """

    key: str
    label: str
    read: Callable[[pb.Member], Any]
    say: Callable[[pb.Member, Shop], str] | None = None

    def render(self, member: pb.Member, shop: Shop) -> str:
        """Render one text for copying: a text is only isolated beside other texts."""
        said = self.say(member, shop) if self.say else make_line(self.read(member) or "")
        return said or NONE


def is_switched_off(member: pb.Member) -> bool:
    """Whether the member has no wallet at all."""
    return not member.HasField("wallet") and member.wallet_state not in _NO_BALANCE


def say_points(member: pb.Member, shop: Shop) -> str:
    """The points in the first line: "1,240 points"."""
    absent = _NO_BALANCE.get(member.wallet_state)
    return absent[1] if absent else format_points(parse_balance(member.wallet), shop)


def _say_balance(member: pb.Member, shop: Shop) -> str:
    """The balance; an unknown balance is never shown as zero."""
    if is_switched_off(member):
        return "Switched off"
    absent = _NO_BALANCE.get(member.wallet_state)
    return absent[0] if absent else format_number(parse_balance(member.wallet), shop)


def _say_tier(member: pb.Member, _shop: Shop) -> str:
    return make_line(member.tier.display_name) if member.HasField("tier") else "No tier"


def _say_join_day(member: pb.Member, shop: Shop) -> str:
    return format_day(parse_time(member.join_time), shop) if member.HasField("join_time") else ""


def _say_segments(member: pb.Member, _shop: Shop) -> str:
    return join([name for segment in member.segments if (name := make_line(segment.display_name))], ", ")


MEMBER_FIELDS = (
    MemberField("segments", "Segments", lambda member: [one.display_name for one in member.segments], _say_segments),
    MemberField("full_name", "Full name", lambda member: member.full_name),
    MemberField("support_id", "Referral / support ID", lambda member: member.support_id),
    MemberField(
        "points",
        "Points",
        lambda member: member.wallet.points_balance if member.HasField("wallet") else None,
        _say_balance,
    ),
    MemberField("tier", "Tier", lambda member: member.tier.display_name, _say_tier),
    MemberField("favorite_venue", "Favorite location", lambda member: member.favorite_venue.display_name),
    MemberField(
        "member_since",
        "Member since",
        lambda member: member.join_time.ToJsonString() if member.HasField("join_time") else None,
        _say_join_day,
    ),
)

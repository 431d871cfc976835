"""The first line of a panel: the most important facts of a member, or why there is none."""

from datetime import datetime

from gateway.errors import name_reason
from gateway.wording.panel.failures import capitalize, say_failure_beside_data
from gateway.wording.panel.member import is_switched_off, say_points
from gateway.wording.phrases import (
    NO_POINTS_HERE,
    NOT_VERIFIED,
    TELL_ADMINISTRATOR,
    format_echo,
    say_several_wallets,
    say_status,
)
from gateway.wording.shop import Shop
from protos.loyalty.v1 import loyalty_pb2 as pb
from runtime.text import drop_mark, join, make_line

# The statuses of members who may get points; an older loyalty service may not set one.
ACTIVE = frozenset({pb.MEMBER_STATUS_ACTIVE, pb.MEMBER_STATUS_UNSPECIFIED})
_NOT_VERIFIED = f"Points cannot be added yet: {NOT_VERIFIED}"


def say_summary(snapshot: pb.Snapshot, shop: Shop, now: datetime, *, found_by: str = "") -> str:
    """The first line of one member. `now`: the time of the failure, if the snapshot is stale.

    `found_by`: the address that found the member, if it is not the ticket's e-mail.
    """
    is_old = snapshot.stale_reason != pb.ERROR_REASON_UNSPECIFIED
    found = f"found by {format_echo(found_by)}" if found_by else ""
    if obstacle := _say_obstacle(snapshot.member):
        summary = f"{obstacle} {capitalize(found)}." if found else obstacle
    else:
        summary = join([*_list_facts(snapshot, shop, with_coupons=not is_old), *([found] if found else [])], " · ")
    if is_old:
        failure = say_failure_beside_data(name_reason(snapshot.stale_reason), shop, now)
        summary = f"OLD DATA: {_end(summary)} {failure}"
    if shop.is_unverified and gets_points(snapshot.member) and TELL_ADMINISTRATOR not in summary:
        summary = f"{_end(summary)} {_NOT_VERIFIED}"
    return summary


def gets_points(member: pb.Member) -> bool:
    """Whether points can be added, as the loyalty service decides: an unreadable balance forbids nothing."""
    has_wallet = member.HasField("wallet") or member.wallet_state == pb.WALLET_STATE_UNREADABLE
    return member.status in ACTIVE and has_wallet


def _end(sentence: str) -> str:
    return f"{drop_mark(sentence).removesuffix('.')}."


def _say_obstacle(member: pb.Member) -> str:
    """Why points cannot be added, if the other facts do not show it."""
    if member.status == pb.MEMBER_STATUS_BLOCKED:
        return ""
    if member.status not in ACTIVE:
        return f"{say_status(member.status_word)} {NO_POINTS_HERE}"
    if member.wallet_state == pb.WALLET_STATE_SEVERAL:
        return f"{say_several_wallets()} {NO_POINTS_HERE}"
    return ""


def _list_facts(snapshot: pb.Snapshot, shop: Shop, *, with_coupons: bool) -> list[str]:
    member = snapshot.member
    facts = ["Blocked in TRIFFT"] if member.status == pb.MEMBER_STATUS_BLOCKED else []
    if is_switched_off(member):
        facts.append("Points are switched off for this customer")
    if tier := make_line(member.tier.display_name):
        facts.append(tier)
    if not is_switched_off(member):
        points = say_points(member, shop)
        facts.append(points if facts else capitalize(points))
    if with_coupons:
        facts.append(_count_coupons(snapshot))
    return facts


def _count_coupons(snapshot: pb.Snapshot) -> str:
    if snapshot.coupons_unreadable:
        return "coupons cannot be read"
    count = len(snapshot.coupons)
    return "1 coupon" if count == 1 else f"{count or 'no'} coupons"

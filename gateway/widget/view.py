"""Snapshot → the JSON that the template reads. Pure: no clock, no I/O.

Gorgias keeps the answer on the customer for days and shows it on each of their tickets, so nothing in it is about one
ticket, and every time is absolute with its zone. Each fact is there twice: in the arrays that the `list` template draws
(an array of none makes the rows absent), and flat for the conservative template, where "–" stands for nothing.
"""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from gateway.actions.token import NO_MEMBER
from gateway.errors import LoyaltyCallError
from gateway.merchants import Shop
from gateway.widget.last_try import LastTry
from gateway.widget.support import AwardRow, Undo, UndoRow, render_awards, render_undo
from gateway.wording import (
    NO_POINTS_HERE,
    NONE,
    NOT_USED,
    SEVERAL_WALLETS,
    UNREADABLE,
    format_clock,
    format_day,
    format_echo,
    format_number,
    format_points,
    format_time,
    name_reason,
    parse_balance,
    parse_time,
    say_several_wallets,
    say_status,
)
from protos.loyalty.v1 import loyalty_pb2 as pb

PROFILE_LABEL = "Loyalty Member Profile"
SEARCH_LABEL = "Search in TRIFFT Admin"

# Of a member who may get points, as far as their status goes; an older loyalty service may not tell.
_ACTIVE = frozenset({pb.MEMBER_STATUS_ACTIVE, pb.MEMBER_STATUS_UNSPECIFIED})

# What the provider did, as an agent reads it before "at 14:07".
_FAILURES = {
    "PROVIDER_CREDENTIALS": "TRIFFT refused this shop's access",
    "PROVIDER_THROTTLED": "TRIFFT took no more requests",
    "PROVIDER_CONTRACT": "TRIFFT's answer could not be read",
    "PROVIDER_UNAVAILABLE": "TRIFFT did not answer",
    "PROVIDER_TIMEOUT": "TRIFFT did not answer",
    "STORE_UNAVAILABLE": "Our own records did not answer",
    "MERCHANT_NOT_FOUND": "The loyalty service does not know this shop",
}


class MemberRows(msgspec.Struct, frozen=True, kw_only=True):
    """The rows of a member; the fields are the template's paths."""

    segments: str = NONE
    full_name: str = NONE
    support_id: str = NONE
    points: str = NONE
    tier: str = NONE
    favorite_venue: str = NONE


class CouponRow(msgspec.Struct, frozen=True, kw_only=True):
    line: str


class CouponRows(msgspec.Struct, frozen=True, kw_only=True):
    coupons: Sequence[CouponRow]


class View(msgspec.Struct, frozen=True, kw_only=True):
    """The whole answer of the widget route.

    `status`: member, blocked (also by a status that the shop's profile does not know), not_member, ambiguous,
    no_identity, unavailable. `stale`: older than was asked for.
    `member`, `last_try`, `undo` and `coupon_list` hold none or one.
    `award_token`: NO_MEMBER where there is no one member.
    """

    status: str
    summary: str
    as_of: str = NONE
    stale: bool = False
    profile_url: str = ""
    profile_label: str = ""
    award_token: str = ""
    undo_token: str = ""
    member: Sequence[MemberRows] = ()
    support_awards: Sequence[AwardRow] = ()
    undo: Sequence[UndoRow] = ()
    last_try: Sequence[LastTry] = ()
    coupon_list: Sequence[CouponRows] = ()
    segments: str = NONE
    full_name: str = NONE
    support_id: str = NONE
    points: str = NONE
    tier: str = NONE
    favorite_venue: str = NONE
    support_awards_text: str = NONE
    undo_text: str = NONE
    last_try_text: str = NONE
    coupons_text: str = NONE


def render_member(  # noqa: PLR0913 - what a panel is made of
    snapshot: pb.Snapshot,
    award_token: str,
    shop: Shop,
    now: datetime,
    *,
    undo: Undo | None = None,
    last_try: LastTry | None = None,
) -> View:
    """A member, blocked or not. `now` dates the failure that a stale snapshot stands in for.

    What support gave is absent alike where it is nothing and where it is not known.
    """
    member = snapshot.member
    rows = _render_rows(member, shop)
    lines = [_render_coupon(coupon, shop) for coupon in snapshot.coupons]
    given = snapshot.given_by_support.awards
    awards = render_awards(given, shop, now) if given else []
    undo_row = render_undo(undo, shop) if undo else None
    return View(
        status="member" if member.status in _ACTIVE else "blocked",
        summary=_render_summary(snapshot, shop, now),
        as_of=format_time(parse_time(snapshot.fetch_time), shop),
        stale=snapshot.stale_reason != pb.ERROR_REASON_UNSPECIFIED,
        profile_url=member.profile_url,
        profile_label=PROFILE_LABEL if member.profile_url else "",
        award_token=award_token,
        undo_token=undo_row.undo_token if undo_row else "",
        member=(rows,),
        support_awards=[AwardRow(line=line) for line in awards],
        undo=(undo_row,) if undo_row else (),
        last_try=(last_try,) if last_try else (),
        coupon_list=(CouponRows(coupons=[CouponRow(line=line) for line in lines]),) if lines else (),
        support_awards_text="\n".join(awards) or NONE,
        undo_text=undo_row.title if undo_row else NONE,
        last_try_text=last_try.line if last_try else NONE,
        coupons_text="\n".join(lines) or NONE,
        **msgspec.structs.asdict(rows),
    )


def render_error(error: LoyaltyCallError, email: str, shop: Shop, now: datetime) -> View:
    """Not a member, several members, or no answer."""
    fetch_time = error.metadata.get("fetch_time")
    as_of = format_time(datetime.fromisoformat(fetch_time), shop) if fetch_time else NONE
    if error.reason == "MEMBER_NOT_FOUND":
        return _render_search("not_member", f"No loyalty member with {format_echo(email)}", as_of, shop)
    if error.reason == "MEMBER_AMBIGUOUS":
        count = error.metadata.get("member_count", "Several")
        summary = f"{count} members have {format_echo(email)}. Points cannot be added here."
        return _render_search("ambiguous", summary, as_of, shop)
    if error.reason == "BAD_VALUE":
        return render_unreadable(shop, now)
    return render_unavailable(error.reason, shop, now)


def render_no_identity(shop: Shop, now: datetime) -> View:
    return _render_without_identity("No e-mail on this ticket, so no member can be found.", shop, now)


def render_unreadable(shop: Shop, now: datetime) -> View:
    """There may be an e-mail, and nobody can say which."""
    return _render_without_identity("The e-mail on this ticket cannot be read, so no member can be found.", shop, now)


def _render_without_identity(summary: str, shop: Shop, now: datetime) -> View:
    return View(status="no_identity", summary=summary, as_of=format_time(now, shop), award_token=NO_MEMBER)


def render_unavailable(reason: str, shop: Shop, now: datetime) -> View:
    """Nothing is known, because of `reason`: a name of ErrorReason, or the edge's own."""
    summary = f"{_render_failure(reason, shop, now)}. Add or remove a tag to try again."
    return View(status="unavailable", summary=summary)


def _render_search(status: str, summary: str, as_of: str, shop: Shop) -> View:
    """No one member to link to: the agent is sent to where members are searched for."""
    label = SEARCH_LABEL if shop.search_url else ""
    return View(
        status=status,
        summary=summary,
        as_of=as_of,
        profile_url=shop.search_url,
        profile_label=label,
        award_token=NO_MEMBER,
    )


def _render_failure(reason: str, shop: Shop, now: datetime) -> str:
    return f"{_FAILURES.get(reason, 'The loyalty service did not answer')} at {format_clock(now, shop)}"


def _render_summary(snapshot: pb.Snapshot, shop: Shop, now: datetime) -> str:
    is_old = snapshot.stale_reason != pb.ERROR_REASON_UNSPECIFIED
    summary = _say_obstacle(snapshot.member) or " · ".join(_list_facts(snapshot, shop, with_coupons=not is_old))
    if not is_old:
        return summary
    failure = _render_failure(name_reason(snapshot.stale_reason), shop, now)
    return f"OLD DATA: {summary.removesuffix('.')}. {failure}"


def _say_obstacle(member: pb.Member) -> str:
    """Why points cannot be added, where an agent would not know it from one of the facts."""
    if member.status == pb.MEMBER_STATUS_BLOCKED:
        return ""
    if member.status not in _ACTIVE:
        return f"{say_status(member.status_word)} {NO_POINTS_HERE}"
    if member.wallet_state == pb.WALLET_STATE_SEVERAL:
        return f"{say_several_wallets()} {NO_POINTS_HERE}"
    return ""


def _list_facts(snapshot: pb.Snapshot, shop: Shop, *, with_coupons: bool) -> list[str]:
    member = snapshot.member
    facts = ["Blocked in TRIFFT"] if member.status == pb.MEMBER_STATUS_BLOCKED else []
    if member.tier.display_name:
        facts.append(member.tier.display_name)
    facts.append(_say_points(member, shop))
    if with_coupons:
        count = len(snapshot.coupons)
        facts.append("1 coupon" if count == 1 else f"{count or 'no'} coupons")
    return facts


def _say_points(member: pb.Member, shop: Shop) -> str:
    if member.wallet_state == pb.WALLET_STATE_UNREADABLE:
        return "points cannot be read"
    if member.wallet_state == pb.WALLET_STATE_SEVERAL:
        return "several wallets"
    return format_points(member.wallet.points_balance, shop) if member.HasField("wallet") else "points not used"


def _render_points(member: pb.Member, shop: Shop) -> str:
    """A balance that is not known is none: never zero."""
    if member.wallet_state == pb.WALLET_STATE_UNREADABLE:
        return UNREADABLE
    if member.wallet_state == pb.WALLET_STATE_SEVERAL:
        return SEVERAL_WALLETS
    return format_number(parse_balance(member.wallet), shop) if member.HasField("wallet") else NOT_USED


def _render_rows(member: pb.Member, shop: Shop) -> MemberRows:
    has_tier = member.HasField("tier")
    return MemberRows(
        segments=", ".join(segment.display_name for segment in member.segments if segment.display_name) or NONE,
        full_name=member.full_name or NONE,
        support_id=member.support_id or NONE,
        points=_render_points(member, shop),
        tier=(member.tier.display_name or NONE) if has_tier else NOT_USED,
        favorite_venue=member.favorite_venue.display_name or NONE,
    )


def _render_coupon(coupon: pb.Coupon, shop: Shop) -> str:
    facts = [coupon.display_name or "Coupon"]
    if coupon.redeem_value:
        facts.append(coupon.redeem_value)
    if coupon.HasField("expire_time"):
        facts.append(f"until {format_day(parse_time(coupon.expire_time), shop)}")
    return " · ".join(facts)

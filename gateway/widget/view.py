"""Snapshot → the JSON that the template reads. Pure: no clock, no I/O.

Gorgias keeps the answer on the customer for days and shows it on each of their tickets, so nothing in it is about one
ticket, and every time is absolute with its zone. Each fact is there twice: in the arrays that the `list` template draws
(an array of none makes the rows absent), and flat for the conservative template, where "–" stands for nothing.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal

import msgspec
from google.protobuf.timestamp_pb2 import Timestamp

from gateway.actions.token import NO_MEMBER
from gateway.errors import LoyaltyCallError
from gateway.merchants import Shop
from gateway.widget.support import AwardRow, Undo, UndoRow, render_awards, render_undo
from gateway.wording import (
    NONE,
    NOT_USED,
    format_clock,
    format_day,
    format_echo,
    format_number,
    format_points,
    format_time,
)
from protos.loyalty.v1 import loyalty_pb2 as pb

PROFILE_LABEL = "Loyalty Member Profile"
SEARCH_LABEL = "Search in TRIFFT Admin"

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

    `status`: member, blocked, not_member, ambiguous, no_identity, unavailable. `stale`: older than was asked for.
    `member`, `undo` and `coupon_list` hold none or one. `award_token`: NO_MEMBER where there is no one member.
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
    coupon_list: Sequence[CouponRows] = ()
    segments: str = NONE
    full_name: str = NONE
    support_id: str = NONE
    points: str = NONE
    tier: str = NONE
    favorite_venue: str = NONE
    support_awards_text: str = NONE
    undo_text: str = NONE
    coupons_text: str = NONE


def render_member(
    snapshot: pb.Snapshot, award_token: str, shop: Shop, now: datetime, *, undo: Undo | None = None
) -> View:
    """A member, blocked or not. `now` dates the failure that a stale snapshot stands in for.

    What support gave is absent alike where it is nothing and where it is not known.
    """
    member = snapshot.member
    is_blocked = member.status == pb.MEMBER_STATUS_BLOCKED
    rows = _render_rows(member, shop)
    lines = [_render_coupon(coupon, shop) for coupon in snapshot.coupons]
    given = snapshot.given_by_support.awards
    awards = render_awards(given, shop, now) if given else []
    undo_row = render_undo(undo, shop) if undo else None
    return View(
        status="blocked" if is_blocked else "member",
        summary=_render_summary(snapshot, shop, now),
        as_of=format_time(_read_time(snapshot.fetch_time), shop),
        stale=snapshot.stale_reason != pb.ERROR_REASON_UNSPECIFIED,
        profile_url=member.profile_url,
        profile_label=PROFILE_LABEL if member.profile_url else "",
        award_token=award_token,
        undo_token=undo_row.undo_token if undo_row else "",
        member=(rows,),
        support_awards=[AwardRow(line=line) for line in awards],
        undo=(undo_row,) if undo_row else (),
        coupon_list=(CouponRows(coupons=[CouponRow(line=line) for line in lines]),) if lines else (),
        support_awards_text="\n".join(awards) or NONE,
        undo_text=undo_row.title if undo_row else NONE,
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
        summary = "The e-mail on this ticket cannot be read, so no member can be found."
        return View(status="no_identity", summary=summary, as_of=format_time(now, shop), award_token=NO_MEMBER)
    return render_unavailable(error.reason, shop, now)


def render_no_identity(shop: Shop, now: datetime) -> View:
    summary = "No e-mail on this ticket, so no member can be found."
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
    member = snapshot.member
    facts = [member.tier.display_name] if member.tier.display_name else []
    has_wallet = member.HasField("wallet")
    facts.append(format_points(member.wallet.points_balance, shop) if has_wallet else "points not used")
    if snapshot.stale_reason == pb.ERROR_REASON_UNSPECIFIED:
        count = len(snapshot.coupons)
        facts.append("1 coupon" if count == 1 else f"{count or 'no'} coupons")
    if member.status == pb.MEMBER_STATUS_BLOCKED:
        facts.insert(0, "Blocked in TRIFFT")
    if snapshot.stale_reason == pb.ERROR_REASON_UNSPECIFIED:
        return " · ".join(facts)
    failure = _render_failure(pb.ErrorReason.Name(snapshot.stale_reason), shop, now)
    return f"OLD DATA: {' · '.join(facts) or 'member'}. {failure}"


def _render_rows(member: pb.Member, shop: Shop) -> MemberRows:
    has_wallet, has_tier = member.HasField("wallet"), member.HasField("tier")
    exact = Decimal(member.wallet.points_balance_exact) if has_wallet else Decimal(0)
    return MemberRows(
        segments=", ".join(segment.display_name for segment in member.segments) or NONE,
        full_name=member.full_name or NONE,
        support_id=member.support_id or NONE,
        points=format_number(exact, shop) if has_wallet else NOT_USED,
        tier=(member.tier.display_name or NONE) if has_tier else NOT_USED,
        favorite_venue=member.favorite_venue.display_name or NONE,
    )


def _render_coupon(coupon: pb.Coupon, shop: Shop) -> str:
    facts = [coupon.display_name or "Coupon"]
    if coupon.redeem_value:
        facts.append(coupon.redeem_value)
    if coupon.HasField("expire_time"):
        facts.append(f"until {format_day(_read_time(coupon.expire_time), shop)}")
    return " · ".join(facts)


def _read_time(time: Timestamp) -> datetime:
    """To the second, which is more than is shown."""
    return datetime.fromtimestamp(time.seconds, UTC)

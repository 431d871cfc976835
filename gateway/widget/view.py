"""Snapshot → the JSON that the template reads. Pure: no clock, no I/O.

Gorgias keeps the answer on the customer for days and shows it on each of their tickets, so nothing in it is about one
ticket, and every time is absolute with its zone. Each fact is there twice: in the arrays that the `list` template draws
(an array of none makes the rows absent), and flat for the conservative template, where "–" stands for nothing.
"""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from gateway.actions.token import NO_EMAIL, NO_MEMBER, NO_POINTS, SEVERAL_MEMBERS, UNREADABLE_EMAIL
from gateway.errors import LoyaltyCallError
from gateway.merchants import Shop
from gateway.widget.failure import is_lasting_failure, say_failure, say_failure_beside_data
from gateway.widget.last_try import LastTry
from gateway.widget.support import AwardRow, Undo, UndoRow, render_awards, render_undo
from gateway.wording import (
    NO_POINTS_HERE,
    NO_TIER,
    NONE,
    SEVERAL_WALLETS,
    SWITCHED_OFF,
    UNREADABLE,
    format_echo,
    format_last_day,
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
from runtime.text import drop_mark, join, make_line

PROFILE_LABEL = "Loyalty Member Profile"
SEARCH_LABEL = "Search in TRIFFT Admin"

# Of a member who may get points, as far as their status goes; an older loyalty service may not tell.
_ACTIVE = frozenset({pb.MEMBER_STATUS_ACTIVE, pb.MEMBER_STATUS_UNSPECIFIED})

# A balance that is there, and not known: in its row, and in the first line.
_NO_BALANCE = {
    pb.WALLET_STATE_UNREADABLE: (UNREADABLE, "points cannot be read"),
    pb.WALLET_STATE_SEVERAL: (SEVERAL_WALLETS, "several wallets"),
}


class MemberRows(msgspec.Struct, frozen=True, kw_only=True):
    """The rows of a member; the fields are the template's paths."""

    segments: str = NONE
    full_name: str = NONE
    support_id: str = NONE
    points: str = NONE
    tier: str = NONE
    favorite_venue: str = NONE


class AddButton(msgspec.Struct, frozen=True, kw_only=True):
    """What a click on "Add Loyalty Points" is known by, and one on "Remove points", where the shop allows that."""

    award_token: str
    deduct_token: str = ""


class CouponRow(msgspec.Struct, frozen=True, kw_only=True):
    line: str


class CouponRows(msgspec.Struct, frozen=True, kw_only=True):
    coupons: Sequence[CouponRow]


class View(msgspec.Struct, frozen=True, kw_only=True):
    """The whole answer of the widget route.

    `status`: member, blocked (also by a status that the shop's profile does not know), not_member, ambiguous,
    no_identity, unavailable. `stale`: older than was asked for.
    `add_points`, `member`, `last_try`, `undo` and `coupon_list` hold none or one; `add_points` one only where points
    can be added. `award_token`, `deduct_token`: where there is no one member, the word for why, so that a press is
    answered with it.
    """

    status: str
    summary: str
    as_of: str = NONE
    stale: bool = False
    profile_url: str = ""
    profile_label: str = ""
    award_token: str = ""
    deduct_token: str = ""
    undo_token: str = ""
    add_points: Sequence[AddButton] = ()
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
    deduct_token: str = "",
    undo: Undo | None = None,
    last_try: LastTry | None = None,
) -> View:
    """A member, blocked or not. `now` dates the failure that a stale snapshot stands in for.

    `deduct_token`: empty where the shop lets support remove no points; not shown where the member gets none.
    What support gave is absent alike where it is nothing and where it is not known.
    """
    member = snapshot.member
    rows = _render_rows(member, shop)
    coupons = [_render_coupon(coupon, shop) for coupon in snapshot.coupons]
    lines = [UNREADABLE] if snapshot.coupons_unreadable else coupons
    given = snapshot.given_by_support.awards
    awards = render_awards(given, shop, now) if given else []
    is_lasting = is_lasting_failure(name_reason(snapshot.stale_reason))
    undo_row = render_undo(undo, shop) if undo and not is_lasting else None
    gets_points = _gets_points(member)
    button = AddButton(award_token=award_token, deduct_token=deduct_token)
    return View(
        status="member" if member.status in _ACTIVE else "blocked",
        summary=_render_summary(snapshot, shop, now),
        as_of=format_time(parse_time(snapshot.fetch_time), shop),
        stale=snapshot.stale_reason != pb.ERROR_REASON_UNSPECIFIED,
        profile_url=member.profile_url,
        profile_label=PROFILE_LABEL if member.profile_url else "",
        award_token=award_token,
        deduct_token=deduct_token if gets_points or not deduct_token else NO_POINTS,
        undo_token=undo_row.undo_token if undo_row else "",
        add_points=(button,) if gets_points and not is_lasting else (),
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
    return _render_without_identity("No e-mail on this ticket, so no member can be found.", NO_EMAIL, shop, now)


def render_unreadable(shop: Shop, now: datetime) -> View:
    """There may be an e-mail, and nobody can say which."""
    summary = "The e-mail on this ticket cannot be read, so no member can be found."
    return _render_without_identity(summary, UNREADABLE_EMAIL, shop, now)


def _render_without_identity(summary: str, why: str, shop: Shop, now: datetime) -> View:
    return View(status="no_identity", summary=summary, as_of=format_time(now, shop), award_token=why, deduct_token=why)


def render_unavailable(reason: str, shop: Shop, now: datetime) -> View:
    """Nothing is known, because of `reason`: a name of ErrorReason, or the edge's own."""
    return View(status="unavailable", summary=say_failure(reason, shop, now))


def _render_search(status: str, summary: str, as_of: str, shop: Shop) -> View:
    """No one member to link to: the agent is sent to where members are searched for."""
    why = NO_MEMBER if status == "not_member" else SEVERAL_MEMBERS
    return View(
        status=status,
        summary=summary,
        as_of=as_of,
        profile_url=shop.search_url,
        profile_label=SEARCH_LABEL if shop.search_url else "",
        award_token=why,
        deduct_token=why,
    )


def _render_summary(snapshot: pb.Snapshot, shop: Shop, now: datetime) -> str:
    is_old = snapshot.stale_reason != pb.ERROR_REASON_UNSPECIFIED
    summary = _say_obstacle(snapshot.member) or join(_list_facts(snapshot, shop, with_coupons=not is_old), " · ")
    if not is_old:
        return summary
    failure = say_failure_beside_data(name_reason(snapshot.stale_reason), shop, now)
    return f"OLD DATA: {drop_mark(summary).removesuffix('.')}. {failure}"


def _gets_points(member: pb.Member) -> bool:
    """Whether points can be added, as the loyalty service decides it: a balance that cannot be read forbids nothing."""
    has_wallet = member.HasField("wallet") or member.wallet_state == pb.WALLET_STATE_UNREADABLE
    return member.status in _ACTIVE and has_wallet


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
    if _is_switched_off(member):
        facts.append("Points are switched off for this customer")
    if tier := make_line(member.tier.display_name):
        facts.append(tier)
    if not _is_switched_off(member):
        facts.append(_say_points(member, shop))
    if with_coupons:
        facts.append(_say_coupons(snapshot))
    return facts


def _say_coupons(snapshot: pb.Snapshot) -> str:
    if snapshot.coupons_unreadable:
        return "coupons cannot be read"
    count = len(snapshot.coupons)
    return "1 coupon" if count == 1 else f"{count or 'no'} coupons"


def _is_switched_off(member: pb.Member) -> bool:
    return not member.HasField("wallet") and member.wallet_state not in _NO_BALANCE


def _say_points(member: pb.Member, shop: Shop) -> str:
    absent = _NO_BALANCE.get(member.wallet_state)
    return absent[1] if absent else format_points(parse_balance(member.wallet), shop)


def _render_points(member: pb.Member, shop: Shop) -> str:
    """A balance that is not known is none: never zero."""
    if _is_switched_off(member):
        return SWITCHED_OFF
    absent = _NO_BALANCE.get(member.wallet_state)
    return absent[0] if absent else format_number(parse_balance(member.wallet), shop)


def _render_rows(member: pb.Member, shop: Shop) -> MemberRows:
    """Each value is one text, as it is to be copied: only what stands beside others is isolated."""
    segments = [name for segment in member.segments if (name := make_line(segment.display_name))]
    tier = make_line(member.tier.display_name) or NONE
    return MemberRows(
        segments=join(segments, ", ") or NONE,
        full_name=make_line(member.full_name) or NONE,
        support_id=make_line(member.support_id) or NONE,
        points=_render_points(member, shop),
        tier=tier if member.HasField("tier") else NO_TIER,
        favorite_venue=make_line(member.favorite_venue.display_name) or NONE,
    )


def _render_coupon(coupon: pb.Coupon, shop: Shop) -> str:
    facts = [make_line(coupon.display_name) or "Coupon"]
    if value := make_line(coupon.redeem_value):
        facts.append(value)
    if coupon.HasField("expire_time"):
        facts.append(f"until {format_last_day(parse_time(coupon.expire_time), shop)}")
    return join(facts, " · ")

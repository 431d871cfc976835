"""Snapshot → the JSON that the template reads. Pure: no clock, no I/O; its words are in `wording/panel/`.

Gorgias keeps the answer on the customer for days and shows it on each of their tickets, so nothing in it is about one
ticket, and every time is absolute with its zone. Each fact is there twice: in arrays for the `list` template (an empty
array makes rows absent), and flat for the conservative template, where "–" means no value.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from gateway.errors import NoTokenReason, name_reason
from gateway.widget.undo import Undo
from gateway.wording.panel import labels
from gateway.wording.panel.coupons import list_coupon_lines
from gateway.wording.panel.details import list_detail_lines, list_movement_lines
from gateway.wording.panel.failures import is_lasting_failure, say_failure
from gateway.wording.panel.member import MEMBER_FIELDS
from gateway.wording.panel.summary import ACTIVE, gets_points, say_summary
from gateway.wording.panel.support import list_award_lines, say_undo_row
from gateway.wording.phrases import NONE
from gateway.wording.shop import Shop
from gateway.wording.times import format_time, parse_time
from protos.loyalty.v1 import loyalty_pb2 as pb


class AddButton(msgspec.Struct, frozen=True, kw_only=True):
    """The tokens of the buttons "Add Loyalty Points" and, if the shop allows it, "Remove points"."""

    award_token: str
    deduct_token: str = ""


class UndoRow(msgspec.Struct, frozen=True, kw_only=True):
    """The row of "Undo last award": the award in words, and its token."""

    title: str
    undo_token: str


class LinkButton(msgspec.Struct, frozen=True, kw_only=True):
    """The token of the button "Link to member"."""

    link_token: str


class LinkedRow(msgspec.Struct, frozen=True, kw_only=True):
    """The row of "Unlink": who linked the customer, and the button's token."""

    title: str
    unlink_token: str


class Line(msgspec.Struct, frozen=True):
    line: str


class CouponRows(msgspec.Struct, frozen=True):
    coupons: Sequence[Line]


class MovementRows(msgspec.Struct, frozen=True):
    movements: Sequence[Line]


class View(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of the widget route, without the member's flat rows, which `render_body` adds.

    `status`: member, blocked (also by a status that the shop's profile does not know), not_member, ambiguous,
    no_identity, unavailable. `stale`: older than requested.
    `add_points`, `link_member`, `member`, `linked`, `last_try`, `undo`, `coupon_list` and `movement_list` have at most
    one item; `add_points` has one only if points can be added, `link_member` only if the customer can be linked. In
    place of a token that the panel lacks stands the reason, where that is known, so that a press can answer with it.
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
    link_token: str = ""
    unlink_token: str = NoTokenReason.NOT_LINKED
    add_points: Sequence[AddButton] = ()
    link_member: Sequence[LinkButton] = ()
    member: Sequence[Mapping[str, str]] = ()
    linked: Sequence[LinkedRow] = ()
    details: Sequence[Line] = ()
    support_awards: Sequence[Line] = ()
    undo: Sequence[UndoRow] = ()
    last_try: Sequence[Line] = ()
    coupon_list: Sequence[CouponRows] = ()
    linked_text: str = NONE
    movement_list: Sequence[MovementRows] = ()
    details_text: str = NONE
    support_awards_text: str = NONE
    undo_text: str = NONE
    last_try_text: str = NONE
    coupons_text: str = NONE


def render_body(view: View) -> dict[str, object]:
    """Render the whole answer."""
    flat = view.member[0] if view.member else dict.fromkeys((field.key for field in MEMBER_FIELDS), NONE)
    return {**msgspec.structs.asdict(view), **flat}


def render_member(  # noqa: PLR0913 - the parts of a panel
    snapshot: pb.Snapshot,
    award_token: str,
    shop: Shop,
    now: datetime,
    *,
    deduct_token: str = "",
    undo: Undo | None = None,
    last_try: str = "",
    found_by: str = "",
) -> View:
    """Render a member, blocked or not. `now`: the time of the failure, if the snapshot is stale.

    `deduct_token`: empty if the shop does not let support remove points; not shown if the member gets none.
    `found_by`: the address that found the member, if it is not the ticket's e-mail. Awards by support are absent if
    there are none, and if they are not known.
    """
    member, refusal = snapshot.member, _find_refusal(snapshot.member, shop)
    is_stale = snapshot.stale_reason != pb.ERROR_REASON_UNSPECIFIED
    is_lasting = is_stale and is_lasting_failure(name_reason(snapshot.stale_reason))
    button = AddButton(award_token=award_token, deduct_token=deduct_token)
    awards = list_award_lines(snapshot.given_by_support.awards, shop, now)
    coupons = list_coupon_lines(snapshot, shop)
    details, movements = list_detail_lines(member, shop), list_movement_lines(member, shop)
    row = UndoRow(title=say_undo_row(undo.award, shop), undo_token=undo.token) if undo and not is_lasting else None
    return View(
        status="member" if member.status in ACTIVE else "blocked",
        summary=say_summary(snapshot, shop, now, found_by=found_by),
        as_of=format_time(parse_time(snapshot.fetch_time), shop),
        stale=is_stale,
        profile_url=member.profile_url,
        profile_label=labels.PROFILE_LINK if member.profile_url else "",
        award_token=refusal if refusal is NoTokenReason.NOT_VERIFIED else award_token,
        deduct_token=refusal if deduct_token and refusal else deduct_token,
        link_token=NoTokenReason.HAS_MEMBER,
        add_points=() if refusal or is_lasting else (button,),
        member=({field.key: field.render(member, shop) for field in MEMBER_FIELDS},),
        details=[Line(line) for line in details],
        movement_list=(MovementRows([Line(line) for line in movements]),) if movements else (),
        details_text=_say_details(details, movements),
        support_awards=[Line(line) for line in awards],
        support_awards_text="\n".join(awards) or NONE,
        last_try=(Line(last_try),) if last_try else (),
        last_try_text=last_try or NONE,
        coupon_list=(CouponRows([Line(line) for line in coupons]),) if coupons else (),
        coupons_text="\n".join(coupons) or NONE,
        undo=(row,) if row else (),
        undo_text=row.title if row else NONE,
        undo_token=row.undo_token if row else "",
    )


def render_unavailable(reason: str, shop: Shop, now: datetime) -> View:
    """Render a panel without data, because of `reason`: a name of ErrorReason, or one of the gateway's own."""
    return View(status="unavailable", summary=say_failure(reason, shop, now))


def render_without_identity(summary: str, why: NoTokenReason, shop: Shop, now: datetime) -> View:
    return View(status="no_identity", summary=summary, as_of=format_time(now, shop), award_token=why, deduct_token=why)


def render_search(status: str, summary: str, as_of: str, shop: Shop, why: NoTokenReason) -> View:
    """Link to the search for members, since there is no single member to link to."""
    return View(
        status=status,
        summary=summary,
        as_of=as_of,
        profile_url=shop.search_url,
        profile_label=labels.SEARCH_LINK if shop.search_url else "",
        award_token=why,
        deduct_token=why,
    )


def _say_details(details: Sequence[str], movements: Sequence[str]) -> str:
    """In one text, since the conservative template has a row for it even where there is nothing to say."""
    return "\n".join((*details, f"{labels.MOVEMENTS}:", *movements) if movements else details) or NONE


def _find_refusal(member: pb.Member, shop: Shop) -> NoTokenReason | None:
    """Why nobody can change this member's points here; None where the loyalty service would."""
    if not gets_points(member):
        return NoTokenReason.NO_POINTS
    return NoTokenReason.NOT_VERIFIED if shop.is_unverified else None

"""The sentences that agents read after "Add Loyalty Points". Pure."""

from datetime import UTC, datetime, timedelta

from gateway.actions.replies import (
    ASK_MANAGER,
    INSTALL_AGAIN,
    Reply,
    get_award_id,
    is_today,
    make_refusal,
    name_agent,
    name_member,
    say_balance,
    say_later,
    say_refusal,
    say_when,
)
from gateway.actions.token import NO_EMAIL, NO_MEMBER, SEVERAL_MEMBERS, UNREADABLE_EMAIL
from gateway.errors import AwardRefusedError, AwardTokenError, GatewayError, LoyaltyCallError, RequestError
from gateway.merchants import Shop
from gateway.wording import (
    NO_POINTS_HERE,
    TAG_ADVICE,
    format_clock,
    format_echo,
    format_number,
    format_points,
    format_time,
)
from protos.loyalty.v1 import loyalty_pb2 as pb

_LEAD = "Not added"
# As the panel's first line says it.
_NO_MEMBER = {
    NO_MEMBER: f"{_LEAD}: there is no loyalty member on this ticket.",
    SEVERAL_MEMBERS: f"{_LEAD}: several members have this e-mail. {NO_POINTS_HERE}",
    NO_EMAIL: f"{_LEAD}: there is no e-mail on this ticket, so no member can be found.",
    UNREADABLE_EMAIL: f"{_LEAD}: the e-mail on this ticket cannot be read, so no member can be found.",
}
# TRIFFT could not say, or the panel is an old one: it knows why, the click does not.
_NO_TOKEN = f"{_LEAD}: this panel shows no loyalty member. Its first line says why."
_NOTHING_NEW = "Nothing new was added."
# This panel has had its award: a ticket event draws another one.
_ADD_MORE = "To add more: close this window, add or remove a tag, then try again."
_FOR_MORE = "For more, ask a manager."
_USED_FOR = {
    "per_ticket": "for this ticket",
    "per_member_day": "for this member today",
    "per_merchant_day": "in this shop today",
    "per_agent_day": "by you today",
}
_EXAMPLE_POINTS = 100
# The shop has turned reasons on, and its button is still the one from before.
_OLD_BUTTON = f"this shop wants a reason, and this button does not ask for one. {INSTALL_AGAIN}"


def render_award(  # noqa: PLR0913 - what a sentence is made of
    response: pb.AwardPointsResponse,
    request_id: str,
    reversal: pb.Award | None,
    shop: Shop,
    now: datetime,
    *,
    note: str = "",
) -> Reply:
    """An award that is booked, or being checked. `request_id`: what was asked for now. `note`: as `say_note` has it.

    `reversal`: the one that the award names; None where it names none, or that one could not be read.
    """
    award = response.award
    if award.state != pb.AWARD_STATE_APPLIED:
        message = f"{_say_unknown(award.points, shop)}{note} Award {award.award_id}."
        status = "checking"
    elif not response.replayed:
        status, message = "applied", _say_applied(response, shop)
    elif award.reversed_by:
        status, message = "replayed", _say_undone(award, reversal, shop, now)
    elif award.request_id != request_id:
        status, message = "replayed", _say_repeated(response, shop, now)
    else:
        status, message = "replayed", _say_replayed(award, shop, now)
    return Reply(status=status, message=message, award_id=award.award_id)


def render_award_lost(points: int, shop: Shop, *, is_noted: bool) -> Reply:
    """Nobody knows how far the award had come, so it is not called refused. `is_noted`: if it came to be on record."""
    advice = "If a note appears in this ticket, it says what happened. If none does, ask" if is_noted else "Ask"
    return Reply(status="checking", message=f"{_say_unknown(points, shop)} {advice} a manager.")


def render_award_refusal(
    error: GatewayError, shop: Shop, now: datetime, *, asks_reason: bool = True, note: str = ""
) -> Reply:
    """Why there is no award. `asks_reason`: whether the button that was pressed has a field for a reason."""
    return make_refusal(_say_refusal(error, shop, now, asks_reason=asks_reason, note=note), error)


def _say_refusal(error: GatewayError, shop: Shop, now: datetime, *, asks_reason: bool, note: str) -> str:
    match error:
        case AwardTokenError(no_member=why) if why in _NO_MEMBER:
            message = _NO_MEMBER[why]
        case AwardTokenError(is_absent=True):
            message = _NO_TOKEN
        case LoyaltyCallError(reason="LIMIT_EXCEEDED"):
            message = _say_limit(error.metadata, shop)
        case LoyaltyCallError(reason="BAD_VALUE", field="reason") if not asks_reason:
            message = f"{_LEAD}: {_OLD_BUTTON}"
        case RequestError(field=field) | LoyaltyCallError(reason="BAD_VALUE", field=field) if field in _FIELDS:
            message = f"{_LEAD}. {_FIELDS[field](shop)}"
        case LoyaltyCallError(reason="REQUEST_ID_REUSED"):
            message = f"{_LEAD}: this panel was already used for award {get_award_id(error)}. {_ADD_MORE}"
        case AwardRefusedError(reason="AWARD_STATE"):
            message = f"{_LEAD}: award {error.award_id} was checked, and its points never arrived. {TAG_ADVICE}"
        case AwardRefusedError(reason="PROVIDER_REFUSED"):
            message = f"{_LEAD}. TRIFFT refused these points, nothing was changed. {ASK_MANAGER}"
        case _:
            message = say_refusal(_LEAD, error, shop, now, note)
    return message


def _say_limit(metadata: dict[str, str], shop: Shop) -> str:
    """How much of which limit is used. A limit that is not known here is not explained."""
    where = _USED_FOR.get(metadata.get("limit", ""))
    maximum, used, left = (_read_points(metadata, name) for name in ("maximum", "used", "left"))
    if metadata.get("limit") == "per_award":
        most = shop.limits.most_at_once
        return f"{_LEAD}. {_say_points(min(maximum or most, most), shop)}"
    if where is None or maximum is None or used is None:
        return f"{_LEAD}: a limit of this shop does not allow it. {_FOR_MORE}"
    message = f"{_LEAD}: {format_number(used, shop)} of {format_points(maximum, shop)} {where} are used."
    return f"{message} You can add up to {format_number(left, shop)}. {_FOR_MORE}" if left else f"{message} {_FOR_MORE}"


def _read_points(metadata: dict[str, str], name: str) -> int | None:
    text = metadata.get(name, "")
    return int(text) if text.isascii() and text.isdigit() else None


def _say_points(most: int, shop: Shop) -> str:
    example = format_number(min(_EXAMPLE_POINTS, most), shop)
    return f"Enter whole points from 1 to {format_number(most, shop)}, for example {example}."


def _say_reasons(shop: Shop) -> str:
    if not shop.award_reasons:
        return f"The reason is not one of this shop's. {TAG_ADVICE}"
    return f"Type a reason, or its first letters: {', '.join(map(format_echo, shop.award_reasons))}."


_FIELDS = {
    "points": lambda shop: _say_points(shop.limits.most_at_once, shop),
    "note": lambda _shop: "The note is too long: at most 500 characters.",
    "reason": _say_reasons,
}


def _say_applied(response: pb.AwardPointsResponse, shop: Shop) -> str:
    award = response.award
    added, reason = f"{format_points(award.points, shop)} added", format_echo(award.reason)
    why = f" Reason: {reason}." if reason else ""
    if award.delayed:
        return f"{added}. {say_later(award.points)}{why} Award {award.award_id}."
    whom = name_member(award, response.member_name)
    return f"{added} for {whom}.{say_balance(award, shop)}{why} Award {award.award_id}."


def _say_replayed(award: pb.Award, shop: Shop, now: datetime) -> str:
    """The same click again: its first answer may never have been seen."""
    outcome = f" {say_later(award.points)}" if award.delayed else ""
    return f"{_NOTHING_NEW} {_say_already(award, shop, now)}.{outcome} {_ADD_MORE}"


def _say_repeated(response: pb.AwardPointsResponse, shop: Shop, now: datetime) -> str:
    """Another panel's award stands for this number for a while. Any other number may be added with this panel at once.

    Afterwards, too, this panel has had its answer for this number.
    """
    already = f"{_NOTHING_NEW} {_say_already(response.award, shop, now)}."
    end = response.repeat_expire_time.ToDatetime(UTC)  # 1970 where it is not told
    if end <= now:
        return f"{already} {_ADD_MORE}"
    end += timedelta(minutes=1, microseconds=-1)  # it is over in the minute that is named
    until = format_clock(end, shop) if is_today(end, shop, now) else format_time(end, shop)
    return f"{already} For the same number, wait until {until}."


def _say_undone(award: pb.Award, reversal: pb.Award | None, shop: Shop, now: datetime) -> str:
    """Only a reversal that is booked has undone anything."""
    already, them = f"{_NOTHING_NEW} {_say_already(award, shop, now)}.", "it" if award.points == 1 else "them"
    if reversal is None or reversal.state != pb.AWARD_STATE_APPLIED:
        return f"{already} We do not know yet whether award {award.reversed_by} took {them} back."
    return f"{already} Award {award.reversed_by} took {them} back. {_ADD_MORE}"


def _say_already(award: pb.Award, shop: Shop, now: datetime) -> str:
    """As in "Ana already added 100 points at 14:02 (A-10482)"."""
    points, when = format_points(award.points, shop), say_when(award, shop, now)
    agent = name_agent(award)
    were = "was" if award.points == 1 else "were"
    added = f"{agent} already added {points}" if agent else f"{points} {were} already added"
    return f"{added} {when} ({award.award_id})"


def _say_unknown(points: int, shop: Shop) -> str:
    them = "it" if points == 1 else "them"
    return f"We do not know yet whether the {format_points(points, shop)} arrived. Do not add {them} again."

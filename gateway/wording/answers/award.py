"""The sentences that agents read after "Add Loyalty Points" and "Remove points"."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

from gateway.errors import (
    AwardRefusedError,
    AwardTokenError,
    GatewayError,
    LoyaltyCallError,
    NoTokenReason,
    RequestError,
)
from gateway.wording.answers.facts import name_agent, name_member, say_balance, say_later, say_when
from gateway.wording.answers.refusals import say_refusal
from gateway.wording.directions import ADD, REMOVE, Direction, find_direction
from gateway.wording.limits import LIMITS, MAX_NOTE_CHARS, MAX_REASON_CHARS, PER_DEDUCTION
from gateway.wording.numbers import format_number, format_points
from gateway.wording.phrases import ASK_MANAGER, INSTALL_AGAIN, NOT_VERIFIED, TAG_ADVICE, format_echo
from gateway.wording.shop import DEFAULT_SHOP, Shop
from gateway.wording.times import format_clock, format_time, is_today
from protos.loyalty.v1 import loyalty_pb2 as pb

# As in the panel's first line.
_NO_MEMBER = {
    NoTokenReason.NO_MEMBER: "there is no loyalty member on this ticket.",
    NoTokenReason.SEVERAL_MEMBERS: "several members have addresses of this customer. Press Link to member first.",
    NoTokenReason.NO_EMAIL: "there is no address by which a member can be found.",
    NoTokenReason.UNREADABLE_EMAIL: "the e-mail on this ticket cannot be read, so no member can be found.",
    NoTokenReason.NO_POINTS: "this member's points cannot be changed. The panel's first line says why.",
    NoTokenReason.NOT_VERIFIED: NOT_VERIFIED,
}
# The panel has no token, since TRIFFT did not answer or the panel is old. The press does not know why; the panel says
# it.
_NO_TOKEN = "this panel shows no loyalty member. Its first line says why."  # noqa: S105 - a sentence
# The panel may also be from before the shop allowed it.
_NO_DEDUCT_TOKEN = f"points cannot be removed with this panel. {TAG_ADVICE}"
_SWITCHED_OFF = f"this shop does not let support remove points. {ASK_MANAGER}"
_FOR_MORE = "For more, ask a manager."
_LIMITS = {limit.name: limit for limit in LIMITS}
_EXAMPLE_POINTS = 100
# The shop has turned reasons on, but its installed button has no field for them.
_OLD_BUTTON = f"this shop wants a reason, and this button does not ask for one. {INSTALL_AGAIN}"


def say_award(  # noqa: PLR0913 - the parts of a sentence
    response: pb.AwardPointsResponse,
    request_id: str,
    reversal: pb.Award | None,
    shop: Shop,
    now: datetime,
    *,
    note: str = "",
) -> str:
    """Say the outcome of an award or deduction that is booked or being checked. `request_id`: this press's.

    `reversal`: the award's; None if it has none, or it could not be read. `note`: the text of `say_note_place`.
    """
    award = response.award
    if award.state != pb.AWARD_STATE_APPLIED:
        return f"{_say_unknown(find_direction(award), award.points, shop)}{note} Award {award.award_id}."
    if not response.replayed:
        return _say_applied(response, shop)
    if award.reversed_by:
        return _say_undone(award, reversal, shop, now)
    if award.request_id != request_id:
        return _say_repeated(response, shop, now)
    return _say_replayed(award, shop, now)


def say_award_lost(points: int, shop: Shop, *, direction: Direction, is_noted: bool) -> str:
    """Say that the outcome is not known, which is no refusal.

    `is_noted`: a note will come if the award is on record.
    """
    advice = "If a note appears in this ticket, it says what happened. If none does, ask" if is_noted else "Ask"
    return f"{_say_unknown(direction, points, shop)} {advice} a manager."


def say_award_refusal(  # noqa: PLR0913 - the parts of a sentence
    error: GatewayError,
    shop: Shop,
    now: datetime,
    *,
    direction: Direction = ADD,
    asks_reason: bool = True,
    note: str = "",
) -> str:
    """Say why nothing was added or removed. `asks_reason`: whether the pressed button has a field for a reason."""
    cause = _say_cause(error, shop, direction, asks_reason=asks_reason)
    lead, no_points = f"Not {direction.done}", _say_no_points(direction)
    return f"{lead}{cause}" if cause else say_refusal(lead, error, shop, now, note, no_points=no_points)


def _say_cause(error: GatewayError, shop: Shop, direction: Direction, *, asks_reason: bool) -> str:
    """The text after "Not added"; empty if all actions share it."""
    match error:
        case AwardTokenError(why=NoTokenReason() as why):
            cause = f": {_NO_MEMBER[why]}"
        case AwardTokenError(is_absent=True):
            cause = f": {_say_no_token(shop, direction)}"
        case LoyaltyCallError(reason="LIMIT_EXCEEDED"):
            cause = _say_limit(error.metadata, shop, direction)
        case LoyaltyCallError(reason="BAD_VALUE", field="reason") if not asks_reason:
            cause = f": {_OLD_BUTTON}"
        case RequestError(field="reason") if direction is REMOVE and not shop.award_reasons:
            cause = f". Type a reason, at most {MAX_REASON_CHARS} characters."
        case RequestError(field="points") | LoyaltyCallError(reason="BAD_VALUE", field="points"):
            cause = _say_most(None, shop, direction)
        case RequestError(field=field) | LoyaltyCallError(reason="BAD_VALUE", field=field) if field in _TEXTS:
            cause = _TEXTS[field](shop)
        case LoyaltyCallError(reason="REQUEST_ID_REUSED"):
            cause = f": this panel was already used for award {error.award_id}. {_say_more(direction)}"
        case AwardRefusedError(reason="AWARD_STATE" | "PROVIDER_REFUSED"):
            cause = _say_not_booked(error)
        case _:
            cause = ""
    return cause


def _say_not_booked(error: AwardRefusedError) -> str:
    direction = find_direction(error.award)
    if error.reason == "AWARD_STATE":
        never = "its points never arrived" if direction is ADD else f"its points were never {direction.done}"
        return f": award {error.award_id} was checked, and {never}. {TAG_ADVICE}"
    if direction is ADD:
        return f". TRIFFT refused these points, nothing was changed. {ASK_MANAGER}"
    return f". TRIFFT refuses to take these points. The balance may be too low. Nothing was changed. {ASK_MANAGER}"


def _say_no_points(direction: Direction) -> str:
    return f"Points cannot be {direction.done} here."


def _say_no_token(shop: Shop, direction: Direction) -> str:
    if direction is ADD:
        return _NO_TOKEN
    return _NO_DEDUCT_TOKEN if shop is DEFAULT_SHOP or shop.limits.allows_deductions else _SWITCHED_OFF


def _say_limit(metadata: dict[str, str], shop: Shop, direction: Direction) -> str:
    """Say how much of a limit is used. A limit that is not known here is not explained."""
    limit = _LIMITS.get(metadata.get("limit", ""))
    maximum, used, left = (_read_points(metadata, name) for name in ("maximum", "used", "left"))
    if limit is not None and not limit.used_of and maximum != 0:
        return _say_most(maximum, shop, direction)
    if limit is PER_DEDUCTION:
        return f": {_SWITCHED_OFF}"
    if limit is None or not limit.used_of or maximum is None or used is None:
        return f": a limit of this shop does not allow it. {_FOR_MORE}"
    left_words = f" You can {direction.verb} up to {format_number(left, shop)}." if left else ""
    of_all = limit.used_of.format(points=format_points(maximum, shop))
    gone = "already removed" if direction is REMOVE else "used"
    return f": {format_number(used, shop)} {of_all} are {gone}.{left_words} {_FOR_MORE}"


def _read_points(metadata: dict[str, str], name: str) -> int | None:
    text = metadata.get(name, "")
    return int(text) if text.isascii() and text.isdigit() else None


def _say_most(maximum: int | None, shop: Shop, direction: Direction) -> str:
    """Say what may be entered. `maximum`: from the loyalty service, if it names one."""
    most = shop.limits.find_most(debit=direction is REMOVE) or maximum
    if most is None and shop is DEFAULT_SHOP:  # the shop's limits could not be read
        return f". Enter whole points, for example {_EXAMPLE_POINTS}."
    if most is None:
        return f": {_SWITCHED_OFF}"
    most = min(maximum or most, most)
    example = format_number(min(_EXAMPLE_POINTS, most), shop)
    return f". Enter whole points from 1 to {format_number(most, shop)}, for example {example}."


def _say_reasons(shop: Shop) -> str:
    if shop.award_reasons:
        return f". Type one of these reasons, or its first letters: {', '.join(map(format_echo, shop.award_reasons))}."
    return f". The reason is not one of this shop's. {TAG_ADVICE}"


_TEXTS: Mapping[str, Callable[[Shop], str]] = {
    "note": lambda _shop: f". The note is too long: at most {MAX_NOTE_CHARS} characters.",
    "reason": _say_reasons,
}


def _say_applied(response: pb.AwardPointsResponse, shop: Shop) -> str:
    award, direction = response.award, find_direction(response.award)
    done, reason = f"{format_points(award.points, shop)} {direction.done}", format_echo(award.reason)
    why = f" Reason: {reason}." if reason else ""
    if award.delayed:
        return f"{done}. {say_later(award.points)}{why} Award {award.award_id}."
    whom = name_member(award, response.member_name)
    return f"{done} {direction.whom} {whom}.{say_balance(award, shop)}{why} Award {award.award_id}."


def _say_nothing_new(award: pb.Award, shop: Shop, now: datetime) -> str:
    """Like "Nothing new was added. Ana already added 100 points at 14:02 (A-10482)."."""
    direction = find_direction(award)
    points, when, agent = format_points(award.points, shop), say_when(award, shop, now), name_agent(award)
    were = "was" if award.points == 1 else "were"
    already = f"{agent} already {direction.did} {points}" if agent else f"{points} {were} already {direction.done}"
    return f"Nothing new was {direction.done}. {already} {when} ({award.award_id})."


def _say_replayed(award: pb.Award, shop: Shop, now: datetime) -> str:
    """Say it for the same click again: the agent may not have seen its first answer."""
    outcome = f" {say_later(award.points)}" if award.delayed else ""
    return f"{_say_nothing_new(award, shop, now)}{outcome} {_say_more(find_direction(award))}"


def _say_repeated(response: pb.AwardPointsResponse, shop: Shop, now: datetime) -> str:
    """Say it for another panel's award, which answers this number for a while.

    This panel accepts other numbers at once. For this number, this panel gets the same answer even later.
    """
    already = _say_nothing_new(response.award, shop, now)
    end = response.repeat_expire_time.ToDatetime(UTC)  # 1970 if it is not set
    if end <= now:
        return f"{already} {_say_more(find_direction(response.award))}"
    end += timedelta(minutes=1, microseconds=-1)  # so that the named minute is after the end
    until = format_clock(end, shop) if is_today(end, shop, now) else format_time(end, shop)
    return f"{already} For the same number, wait until {until}."


def _say_undone(award: pb.Award, reversal: pb.Award | None, shop: Shop, now: datetime) -> str:
    """Say that the award was undone, if its reversal is booked."""
    already, them = _say_nothing_new(award, shop, now), "it" if award.points == 1 else "them"
    undid = f"award {award.reversed_by} {'gave' if award.debit else 'took'} {them} back."
    if reversal is None or reversal.state != pb.AWARD_STATE_APPLIED:
        return f"{already} We do not know yet whether {undid}"
    return f"{already} A{undid[1:]} {_say_more(find_direction(award))}"


def _say_more(direction: Direction) -> str:
    """Say how to add more: this panel has its award, and a ticket event draws a new panel."""
    return f"To {direction.verb} more: close this window, add or remove a tag, then try again."


def _say_unknown(direction: Direction, points: int, shop: Shop) -> str:
    doubt = direction.say_doubt(points, f"the {format_points(points, shop)}")
    return f"We do not know yet whether {doubt}. Do not {direction.say_again(points)}."

"""The sentences that agents read after "Undo last award". Pure."""

from datetime import datetime

from gateway.actions.replies import (
    REFRESH,
    Reply,
    get_award_id,
    is_today,
    make_refusal,
    say_balance,
    say_refusal,
    say_who_and_when,
)
from gateway.errors import AwardRefusedError, AwardTokenError, GatewayError, LoyaltyCallError
from gateway.merchants import Shop
from gateway.wording import format_clock, format_last_day, format_points
from protos.loyalty.v1 import loyalty_pb2 as pb

_LEAD = "Not undone"


def render_undo(response: pb.ReverseAwardResponse, shop: Shop, now: datetime) -> Reply:
    """A reversal that is booked, or being checked."""
    reversal = response.award
    if reversal.state != pb.AWARD_STATE_APPLIED:
        status, message = "checking", _say_checking(reversal, shop)
    elif response.replayed:
        status, message = "replayed", _say_replayed(reversal, shop, now)
    else:
        status, message = "applied", _say_applied(response, shop)
    return Reply(status=status, message=message, award_id=reversal.award_id)


def render_undo_lost(award_id: str) -> Reply:
    """Nobody knows how far the undo of this award had come. Trying again tells, and takes no points twice."""
    message = (
        f"We do not know yet whether the points of award {award_id} were taken back. "
        "Try again in a few minutes: they are taken back once at most."
    )
    return Reply(status="checking", message=message)


def render_undo_refusal(error: GatewayError, award_id: str, shop: Shop, now: datetime) -> Reply:
    """Why nothing is taken back. `award_id`: of the award to undo; empty where the panel could not be read."""
    return make_refusal(_say_refusal(error, award_id, shop, now), error)


def _say_refusal(error: GatewayError, award_id: str, shop: Shop, now: datetime) -> str:
    match error:
        case AwardTokenError(is_absent=True):
            message = f"{_LEAD}: there is no award here that can be undone now."
        case LoyaltyCallError(reason="REVERSAL_TOO_LATE"):
            message = f"{_LEAD}: award {award_id} could be undone {_say_until(error, shop, now)}. Ask your team lead."
        case LoyaltyCallError(reason="AWARD_STATE"):
            message = f"{_LEAD}: award {award_id} {_say_state(error)}"
        case LoyaltyCallError(reason="AWARD_NOT_FOUND"):
            message = f"{_LEAD}: award {award_id} is not on record. {REFRESH}"
        case LoyaltyCallError(reason="REQUEST_ID_REUSED"):
            message = f"{_LEAD}: this panel was used before, for award {get_award_id(error)}. {REFRESH}"
        case AwardRefusedError(reason="AWARD_STATE"):
            message = f"{_LEAD}: award {error.award_id} was checked, and the points were never taken back. {REFRESH}"
        case AwardRefusedError(reason="PROVIDER_REFUSED"):
            message = (
                f"{_LEAD}: TRIFFT refuses to take the points back; the balance may not cover them. "
                "Nothing was changed. Ask your team lead."
            )
        case _:
            message = say_refusal(_LEAD, error, shop)
    return message


def _say_until(error: LoyaltyCallError, shop: Shop, now: datetime) -> str:
    """As in "until 14:32"; the day, where it was another one."""
    try:
        expire_time = datetime.fromisoformat(error.metadata.get("expire_time", ""))
        is_clock = is_today(expire_time, shop, now)
        return f"until {format_clock(expire_time, shop) if is_clock else format_last_day(expire_time, shop)}"
    except (ValueError, OverflowError):
        return "for a short while only"


def _say_state(error: LoyaltyCallError) -> str:
    match error.metadata.get("state"):
        case "pending" | "unknown":
            return "is still being checked. Try again when it is settled."
        case "rejected" | "not_applied":
            return "was never added, so nothing is taken back."
        case "reversal":
            return "is an undo itself. Ask your team lead."
        case _:
            return f"cannot be undone now. {REFRESH}"


def _say_applied(response: pb.ReverseAwardResponse, shop: Shop) -> str:
    reversal = response.award
    taken = f"{format_points(reversal.points, shop)} taken back"
    what = f"Award {reversal.award_id} undoes {reversal.reverses}."
    if reversal.delayed:
        return f"{taken}; TRIFFT books that later. {what}"
    whom = f" from {response.member_name}" if response.member_name else ""
    return f"{taken}{whom}.{say_balance(reversal, shop)} {what}"


def _say_replayed(reversal: pb.Award, shop: Shop, now: datetime) -> str:
    who_and_when = say_who_and_when(reversal, shop, now)
    points = format_points(reversal.points, shop)
    total = say_balance(reversal, shop, "Balance then")
    return f"Already undone {who_and_when}: {points} ({reversal.award_id}).{total} Nothing was taken back now."


def _say_checking(reversal: pb.Award, shop: Shop) -> str:
    were, them = ("was", "it") if reversal.points == 1 else ("were", "them")
    return (
        f"We do not know yet whether the {format_points(reversal.points, shop)} {were} taken back. "
        f"Do not take {them} back again. Award {reversal.award_id} is being checked."
    )

"""The sentences that agents read after "Undo last award". Pure."""

from datetime import datetime

from gateway.actions.replies import (
    ASK_MANAGER,
    CHECKING_TIME,
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
from gateway.errors import AwardRefusedError, AwardTokenError, GatewayError, LoyaltyCallError
from gateway.merchants import Shop
from gateway.wording import TAG_ADVICE, format_clock, format_last_day, format_points
from protos.loyalty.v1 import loyalty_pb2 as pb

_LEAD = "Not undone"


def render_undo(response: pb.ReverseAwardResponse, shop: Shop, now: datetime, *, note: str = "") -> Reply:
    """A reversal that is booked, or being checked. `note`: as `say_note` has it."""
    reversal = response.award
    if reversal.state != pb.AWARD_STATE_APPLIED:
        status, message = "checking", _say_checking(reversal, shop, note)
    elif response.replayed:
        status, message = "replayed", _say_replayed(reversal, shop, now)
    else:
        status, message = "applied", _say_applied(response, shop)
    return Reply(status=status, message=message, award_id=reversal.award_id)


def render_undo_lost(award_id: str) -> Reply:
    """Nobody knows how far the undo of this award had come. Trying again tells, and takes no points twice."""
    message = (
        f"We do not know yet whether the points of award {award_id} were taken back. "
        "Try again in a few minutes. They are never taken back twice."
    )
    return Reply(status="checking", message=message)


def render_undo_refusal(error: GatewayError, award_id: str, shop: Shop, now: datetime, *, note: str = "") -> Reply:
    """Why nothing is taken back. `award_id`: of the award to undo; empty where the panel could not be read."""
    return make_refusal(_say_refusal(error, award_id, shop, now, note), error)


def _say_refusal(error: GatewayError, award_id: str, shop: Shop, now: datetime, note: str) -> str:
    match error:
        case AwardTokenError(is_absent=True):
            message = f"{_LEAD}: there is no award here that can be undone now."
        case LoyaltyCallError(reason="REVERSAL_TOO_LATE"):
            message = f"{_LEAD}: award {award_id} could be undone {_say_until(error, shop, now)}. {ASK_MANAGER}"
        case LoyaltyCallError(reason="AWARD_STATE"):
            message = f"{_LEAD}{_say_state(error, award_id)}"
        case LoyaltyCallError(reason="AWARD_NOT_FOUND"):
            message = f"{_LEAD}: award {award_id} is not on record. {TAG_ADVICE}"
        case LoyaltyCallError(reason="REQUEST_ID_REUSED"):
            message = f"{_LEAD}: this panel was already used for award {get_award_id(error)}. {TAG_ADVICE}"
        case AwardRefusedError(reason="AWARD_STATE"):
            message = f"{_LEAD}: award {error.award_id} was checked, and the points were never taken back. {TAG_ADVICE}"
        case AwardRefusedError(reason="PROVIDER_REFUSED"):
            message = (
                f"{_LEAD}: TRIFFT refuses to take the points back. The balance may be too low. "
                f"Nothing was changed. {ASK_MANAGER}"
            )
        case _:
            message = say_refusal(_LEAD, error, shop, now, note)
    return message


def _say_until(error: LoyaltyCallError, shop: Shop, now: datetime) -> str:
    """As in "until 14:32"; the day, where it was another one."""
    try:
        expire_time = datetime.fromisoformat(error.metadata.get("expire_time", ""))
        is_clock = is_today(expire_time, shop, now)
        return f"until {format_clock(expire_time, shop) if is_clock else format_last_day(expire_time, shop)}"
    except (ValueError, OverflowError):
        return "for a short while only"


def _say_state(error: LoyaltyCallError, award_id: str) -> str:
    match error.metadata.get("state"):
        case "pending" | "unknown":
            return f". We are still checking award {award_id}. {CHECKING_TIME}"
        case "rejected" | "not_applied":
            return f": award {award_id} added no points, so there is nothing to take back."
        case "reversal":
            return f": award {award_id} is an undo itself. {ASK_MANAGER}"
        case _:
            return f": award {award_id} cannot be undone now. {TAG_ADVICE}"


def _say_applied(response: pb.ReverseAwardResponse, shop: Shop) -> str:
    reversal = response.award
    taken = f"{format_points(reversal.points, shop)} taken back"
    what = f"Award {reversal.award_id} undoes {reversal.reverses}."
    if reversal.delayed:
        return f"{taken}. {say_later(reversal.points)} {what}"
    return f"{taken} from {name_member(reversal, response.member_name)}.{say_balance(reversal, shop)} {what}"


def _say_replayed(reversal: pb.Award, shop: Shop, now: datetime) -> str:
    """The same press again, or another panel's: its first answer may never have been seen."""
    agent, points, when = name_agent(reversal), format_points(reversal.points, shop), say_when(reversal, shop, now)
    were = "was" if reversal.points == 1 else "were"
    who = f"{agent} took back {points} {when}" if agent else f"{points} {were} taken back {when}"
    total = say_balance(reversal, shop, "Balance then")
    return f"Already undone: {who} ({reversal.award_id}).{total} Nothing was taken back now."


def _say_checking(reversal: pb.Award, shop: Shop, note: str) -> str:
    were, them = ("was", "it") if reversal.points == 1 else ("were", "them")
    return (
        f"We do not know yet whether the {format_points(reversal.points, shop)} {were} taken back. "
        f"Do not take {them} back again.{note} Award {reversal.award_id}."
    )

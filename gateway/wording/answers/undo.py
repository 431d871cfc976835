"""The sentences that agents read after "Undo last award"."""

from datetime import datetime

from gateway.errors import AwardRefusedError, AwardTokenError, GatewayError, LoyaltyCallError
from gateway.wording.answers.facts import name_agent, name_member, say_balance, say_later, say_when
from gateway.wording.answers.refusals import say_refusal
from gateway.wording.directions import TAKE_BACK, find_direction
from gateway.wording.numbers import format_points
from gateway.wording.phrases import ASK_MANAGER, CHECKING_TIME, TAG_ADVICE
from gateway.wording.shop import Shop
from gateway.wording.times import format_clock, format_last_day, is_today
from protos.loyalty.v1 import loyalty_pb2 as pb

_LEAD = "Not undone"


def say_undo(response: pb.ReverseAwardResponse, shop: Shop, now: datetime, *, note: str = "") -> str:
    """Say the outcome of a reversal that is booked or being checked. `note`: the text of `say_note_place`."""
    reversal = response.award
    if reversal.state != pb.AWARD_STATE_APPLIED:
        return _say_checking(reversal, shop, note)
    return _say_replayed(reversal, shop, now) if response.replayed else _say_applied(response, shop)


def say_undo_lost(award_id: str) -> str:
    """Say that the undo's outcome is not known. The award's row in the next panel will show it."""
    return (
        f"We do not know yet whether award {award_id} was undone. Add or remove a tag in a few minutes: the panel will "
        "say it."
    )


def say_undo_refusal(error: GatewayError, award_id: str, shop: Shop, now: datetime, *, note: str = "") -> str:
    """Say why nothing is undone. `award_id`: the award to undo; empty if the panel could not be read."""
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
            message = f"{_LEAD}: this panel was already used for award {error.award_id}. {TAG_ADVICE}"
        case AwardRefusedError(reason="AWARD_STATE"):
            never = f"the points were never {find_direction(error.award).done}"
            message = f"{_LEAD}: award {error.award_id} was checked, and {never}. {TAG_ADVICE}"
        case AwardRefusedError(reason="PROVIDER_REFUSED"):
            direction = find_direction(error.award)
            why = " The balance may be too low." if direction is TAKE_BACK else ""
            refuses = f"TRIFFT refuses to {direction.verb} the points back.{why}"
            message = f"{_LEAD}: {refuses} Nothing was changed. {ASK_MANAGER}"
        case _:
            message = say_refusal(_LEAD, error, shop, now, note)
    return message


def _say_until(error: LoyaltyCallError, shop: Shop, now: datetime) -> str:
    """Like "until 14:32"; with the day if it is another day."""
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
            return f": award {award_id} changed no points, so there is nothing to undo."
        case "reversal":
            return f": award {award_id} is an undo itself. {ASK_MANAGER}"
        case _:
            return f": award {award_id} cannot be undone now. {TAG_ADVICE}"


def _say_applied(response: pb.ReverseAwardResponse, shop: Shop) -> str:
    reversal, direction = response.award, find_direction(response.award)
    taken = f"{format_points(reversal.points, shop)} {direction.done}"
    what = f"Award {reversal.award_id} undoes {reversal.reverses}."
    if reversal.delayed:
        return f"{taken}. {say_later(reversal.points)} {what}"
    whom = f"{direction.whom} {name_member(reversal, response.member_name)}"
    return f"{taken} {whom}.{say_balance(reversal, shop)} {what}"


def _say_replayed(reversal: pb.Award, shop: Shop, now: datetime) -> str:
    """Say it for the same press again, or another panel's: the agent may not have seen its first answer."""
    agent, points, when = name_agent(reversal), format_points(reversal.points, shop), say_when(reversal, shop, now)
    direction, were = find_direction(reversal), "was" if reversal.points == 1 else "were"
    who = f"{agent} {direction.did} {points} {when}" if agent else f"{points} {were} {direction.done} {when}"
    total = say_balance(reversal, shop, "The balance was {balance} then.")
    return f"Already undone: {who} ({reversal.award_id}).{total} Nothing was {direction.done} now."


def _say_checking(reversal: pb.Award, shop: Shop, note: str) -> str:
    direction = find_direction(reversal)
    doubt = direction.say_doubt(reversal.points, f"the {format_points(reversal.points, shop)}")
    return (
        f"We do not know yet whether {doubt}. "
        f"Do not {direction.say_again(reversal.points)}.{note} Award {reversal.award_id}."
    )

"""The sentences that agents read after a click: what happened, then what to do. Pure."""

from datetime import UTC, datetime

import msgspec

from gateway.errors import AwardTokenError, GatewayError, LoyaltyCallError, RateLimitedError, RequestError
from gateway.merchants import Shop
from gateway.wording import format_clock, format_day, format_day_of_year, format_number, format_points
from protos.loyalty.v1 import loyalty_pb2 as pb

_REFRESH = "Add a tag to the ticket to refresh it, then try again."
_NOTHING_CHANGED = "nothing was changed. Try again in a few minutes."
# Where nobody was asked, an earlier click may have booked points: this one did not.
_THIS_CLICK_CHANGED_NOTHING = "this click changed nothing. Try again in a few minutes."
_TELL_ADMINISTRATOR = "nothing was changed. Tell your administrator."

_REFUSALS = {
    "MEMBER_NOT_FOUND": "Not added: there is no loyalty member on this ticket.",
    "MEMBER_BLOCKED": "Not added: this member is blocked in TRIFFT.",
    "WALLET_DISABLED": "Not added: points are switched off for this member.",
    "MERCHANT_NOT_FOUND": "Not added. The loyalty service does not know this shop. Tell your administrator.",
    "CALLER_UNKNOWN": "Not added. The loyalty service refuses this connection. Tell your administrator.",
    "PROVIDER_CREDENTIALS": f"Not added. TRIFFT refuses this shop's access, {_TELL_ADMINISTRATOR}",
    "PROVIDER_THROTTLED": "Not added. TRIFFT takes no more requests now, nothing was changed. Try again in a minute.",
    "PROVIDER_UNAVAILABLE": f"Not added. TRIFFT is not answering, {_NOTHING_CHANGED}",
    "PROVIDER_TIMEOUT": f"Not added. TRIFFT is not answering, {_NOTHING_CHANGED}",
    "PROVIDER_CONTRACT": f"Not added. TRIFFT's answer could not be read, {_TELL_ADMINISTRATOR}",
    "PROVIDER_REFUSED": "Not added. TRIFFT refused these points, nothing was changed. Ask your team lead.",
    "CREDENTIAL": "Not added. This button's access is refused. Tell your administrator to install it again.",
    "LOYALTY_UNAVAILABLE": f"Not added. The loyalty service is not answering, {_THIS_CLICK_CHANGED_NOTHING}",
}


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of an action. `status`: applied, replayed, checking, refused. `award_id` may be empty."""

    status: str
    message: str
    award_id: str = ""


def render_award(response: pb.AwardPointsResponse, shop: Shop, now: datetime) -> Reply:
    """The outcome of an award that is on record."""
    award = response.award
    if award.state == pb.AWARD_STATE_APPLIED:
        if response.replayed:
            return Reply(status="replayed", message=_say_replayed(award, shop, now), award_id=award.award_id)
        return Reply(status="applied", message=_say_applied(response, shop), award_id=award.award_id)
    if award.state == pb.AWARD_STATE_NOT_APPLIED:
        message = f"Not added: award {award.award_id} was checked, and its points never arrived. {_REFRESH}"
        return Reply(status="refused", message=message, award_id=award.award_id)
    if award.state == pb.AWARD_STATE_REJECTED:
        reason = pb.ErrorReason.Name(award.rejection_reason)
        return Reply(status="refused", message=_say_refused(reason), award_id=award.award_id)
    return Reply(status="checking", message=_say_checking(award, shop), award_id=award.award_id)


def render_refusal(error: GatewayError, points: int | None, shop: Shop) -> Reply:
    """Why there is no award. `points`: as typed, where they could be read, and so the loyalty service may know of them.

    After an internal error nobody knows how far the award had come, so it is not called refused.
    """
    is_lost = isinstance(error, LoyaltyCallError) and not error.is_answered and error.is_sent
    if is_lost or (error.reason == "INTERNAL_ERROR" and points is not None):
        amount = f"the {format_points(points, shop)}" if points else "the points"
        message = f"We do not know yet whether {amount} arrived. Do not add them again. Ask your team lead to look."
        return Reply(status="checking", message=message)
    award_id = error.metadata.get("award_id", "") if isinstance(error, LoyaltyCallError) else ""
    return Reply(status="refused", message=_say_error(error, award_id, shop), award_id=award_id)


def _say_error(error: GatewayError, award_id: str, shop: Shop) -> str:
    match error:
        case AwardTokenError():
            message = _say_token(error, shop)
        case RateLimitedError():
            message = f"Not added. Too many clicks in this shop just now. Try again in {error.retry_after_s} s."
        case (
            RequestError(field="points") | LoyaltyCallError(field="points") | LoyaltyCallError(reason="LIMIT_EXCEEDED")
        ):
            message = _say_points(shop)
        case RequestError(field=field) | LoyaltyCallError(reason="BAD_VALUE", field=field):
            message = f"Not added. {_say_field(field)}"
        case LoyaltyCallError(reason="REQUEST_ID_REUSED"):
            message = (
                f"Not added: this panel was already used for award {award_id}. Nothing was added now. "
                "To give more, update the ticket first."
            )
        case LoyaltyCallError(reason="AWARD_IN_DOUBT"):
            message = (
                f"Not added: award {award_id} of this member is still being checked. Try again when it is settled."
            )
        case _:
            message = _say_refused(error.reason)
    return message


def _say_refused(reason: str) -> str:
    return _REFUSALS.get(reason, f"Not added. Something went wrong on our side, {_THIS_CLICK_CHANGED_NOTHING}")


def _say_points(shop: Shop) -> str:
    most = shop.max_points_per_award
    example = format_number(min(100, most), shop)
    return f"Not added. Enter whole points from 1 to {format_number(most, shop)}, for example {example}."


def _say_field(field: str) -> str:
    if field == "note":
        return "The note is too long: at most 500 characters."
    return "The button sent something that cannot be read. Ask your administrator to install the integration again."


def _say_token(error: AwardTokenError, shop: Shop) -> str:
    if error.is_absent:
        return _REFUSALS["MEMBER_NOT_FOUND"]
    if error.made_time is None:
        return f"Not added: this panel cannot be used. {_REFRESH}"
    return f"Not added: this panel is from {format_day_of_year(error.made_time, shop)}. {_REFRESH}"


def _say_applied(response: pb.AwardPointsResponse, shop: Shop) -> str:
    award = response.award
    added = f"{format_points(award.points, shop)} added"
    if award.delayed:
        return f"{added}; TRIFFT books them later. Award {award.award_id}."
    whom = f" for {response.member_name}" if response.member_name else ""
    balance = award.balance.points_balance
    total = f" Balance {format_number(balance, shop)}." if award.HasField("balance") else ""
    return f"{added}{whom}.{total} Award {award.award_id}."


def _say_replayed(award: pb.Award, shop: Shop, now: datetime) -> str:
    agent = award.claimed_agent_name or award.claimed_agent_email
    by = f" by {agent}" if agent else ""
    added_time = award.create_time.ToDatetime(UTC)
    day, today = format_day(added_time, shop), format_day(now, shop)
    when = f"at {format_clock(added_time, shop)}" if day == today else f"on {day}"
    return (
        f"Already added{by} {when}: {format_points(award.points, shop)} ({award.award_id}). Nothing was added now. "
        "To give more, update the ticket first."
    )


def _say_checking(award: pb.Award, shop: Shop) -> str:
    return (
        f"We do not know yet whether the {format_points(award.points, shop)} arrived. Do not add them again. "
        f"Award {award.award_id} is being checked."
    )

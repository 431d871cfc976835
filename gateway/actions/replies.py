"""What an action answers, and what award and undo say alike: what happened, then what to do. Pure.

`lead` is what did not happen: "Not added", "Not undone".
"""

from datetime import UTC, datetime

import msgspec

from gateway.errors import (
    HTTP_STATUS,
    AwardRefusedError,
    AwardTokenError,
    GatewayError,
    LoyaltyCallError,
    RateLimitedError,
    TicketNotFoundError,
)
from gateway.merchants import Shop
from gateway.wording import (
    NO_POINTS_HERE,
    TAG_ADVICE,
    format_clock,
    format_day,
    format_day_of_year,
    format_echo,
    format_number,
    parse_balance,
    say_status,
)
from protos.loyalty.v1 import loyalty_pb2 as pb

REFRESH = TAG_ADVICE
_NOTHING_CHANGED = "nothing was changed. Try again in a few minutes."
# Where nobody was asked, an earlier click may have changed something: this one did not.
_THIS_CLICK_CHANGED_NOTHING = "this click changed nothing. Try again in a few minutes."
_TELL_ADMINISTRATOR = "nothing was changed. Tell your administrator."

_CAUSES = {
    "MEMBER_NOT_FOUND": ": TRIFFT does not know this member any more.",
    "MEMBER_BLOCKED": ": this member is blocked in TRIFFT.",
    "WALLET_DISABLED": ": points are switched off for this member.",
    "SEVERAL_WALLETS": f": this member has several wallets. {NO_POINTS_HERE}",
    "MERCHANT_NOT_FOUND": ". The loyalty service does not know this shop. Tell your administrator.",
    "CALLER_UNKNOWN": ". The loyalty service refuses this connection. Tell your administrator.",
    "PROVIDER_CREDENTIALS": f". TRIFFT refuses this shop's access, {_TELL_ADMINISTRATOR}",
    "PROVIDER_THROTTLED": ". TRIFFT takes no more requests now, nothing was changed. Try again in a minute.",
    "PROVIDER_UNAVAILABLE": f". TRIFFT is not answering, {_NOTHING_CHANGED}",
    "PROVIDER_TIMEOUT": f". TRIFFT is not answering, {_NOTHING_CHANGED}",
    "PROVIDER_CONTRACT": f". TRIFFT's answer could not be read, {_TELL_ADMINISTRATOR}",
    "TICKET_MISSING": f": this panel does not say which ticket it is on. {REFRESH}",
    "TICKET_NOT_CHECKED": ". Gorgias did not say whose ticket this is. Nothing was changed. Try again in a minute.",
    "OTHER_CUSTOMER": f": this ticket now belongs to another customer. {REFRESH}",
    "CREDENTIAL": ". This button's access is refused. Tell your administrator to install it again.",
    "BODY_INCOMPLETE": ". What Gorgias sent did not arrive in full, this click changed nothing. Try again.",
    "BODY_TIMEOUT": ". What Gorgias sent did not arrive in time, this click changed nothing. Try again.",
    "STORE_UNAVAILABLE": f". Our own records are not answering, {_THIS_CLICK_CHANGED_NOTHING}",
    "LOYALTY_UNAVAILABLE": f". The loyalty service is not answering, {_THIS_CLICK_CHANGED_NOTHING}",
}
_OTHER_CAUSE = f". Something went wrong on our side, {_THIS_CLICK_CHANGED_NOTHING}"
_UNREADABLE = (
    ". The button sent something that cannot be read. Ask your administrator to install the integration again."
)


# Of awards that were rejected; one that a newer loyalty service names is not known here.
_REASONS = {number: name for name, number in pb.ErrorReason.items() if name in HTTP_STATUS}


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of an action. `status`: applied, replayed, checking, refused. `award_id` may be empty."""

    status: str
    message: str
    award_id: str = ""


def check_booked(award: pb.Award) -> None:
    """Raises AwardRefusedError where nothing was booked, and GatewayError where it is not said what happened."""
    if award.state == pb.AWARD_STATE_REJECTED and award.rejection_reason in _REASONS:
        raise AwardRefusedError(_REASONS[award.rejection_reason], award.award_id)
    if award.state == pb.AWARD_STATE_NOT_APPLIED:
        raise AwardRefusedError("AWARD_STATE", award.award_id)
    if award.state not in {pb.AWARD_STATE_APPLIED, pb.AWARD_STATE_PENDING, pb.AWARD_STATE_UNKNOWN}:
        raise GatewayError("INTERNAL_ERROR", "the award's state is not one that is known here")


def make_refusal(message: str, error: GatewayError) -> Reply:
    return Reply(status="refused", message=message, award_id=get_award_id(error))


def say_refusal(lead: str, error: GatewayError, shop: Shop) -> str:
    """For every error; what one action says in its own words, it says itself."""
    match error:
        case AwardTokenError():
            cause = _say_token(error, shop)
        case RateLimitedError():
            cause = f". Too many clicks in this shop just now. Try again in {error.retry_after_s} s."
        case TicketNotFoundError():
            cause = f": ticket {format_echo(error.ticket_id)} is not in this Gorgias account."
        case LoyaltyCallError(reason="AWARD_IN_DOUBT"):
            cause = (
                f": award {get_award_id(error)} of this member is still being checked. Try again when it is settled."
            )
        case LoyaltyCallError(reason="STATUS_UNKNOWN"):
            cause = f": {say_status(error.metadata.get('status', ''))} {NO_POINTS_HERE}"
        case GatewayError(reason="BAD_VALUE" | "TOO_LARGE" | "UNSUPPORTED_TYPE"):
            cause = _UNREADABLE
        case _:
            cause = _CAUSES.get(error.reason, _OTHER_CAUSE)
    return f"{lead}{cause}"


def say_who_and_when(award: pb.Award, shop: Shop, now: datetime) -> str:
    """The agent, as claimed, and the time of day; the day where it was another one: "by Ana at 14:02"."""
    agent = award.claimed_agent_name or award.claimed_agent_email
    when = say_when(award, shop, now)
    return f"by {agent} {when}" if agent else when


def say_when(award: pb.Award, shop: Shop, now: datetime) -> str:
    made_time = award.create_time.ToDatetime(UTC)
    if is_today(made_time, shop, now):
        return f"at {format_clock(made_time, shop)}"
    return f"on {format_day(made_time, shop)}"


def say_balance(award: pb.Award, shop: Shop, title: str = "Balance") -> str:
    """As in " Balance 1,340."; empty where the answer had none, or one without these points."""
    if award.delayed or not award.HasField("balance"):
        return ""
    return f" {title} {format_number(parse_balance(award.balance), shop)}."


def is_today(time: datetime, shop: Shop, now: datetime) -> bool:
    return format_day(time, shop) == format_day(now, shop)


def get_award_id(error: GatewayError) -> str:
    """Of the award that an error is about; empty where it names none."""
    if isinstance(error, AwardRefusedError):
        return error.award_id
    return error.metadata.get("award_id", "") if isinstance(error, LoyaltyCallError) else ""


def _say_token(error: AwardTokenError, shop: Shop) -> str:
    if error.made_time is None:
        return f": this panel cannot be used. {REFRESH}"
    return f": this panel is from {format_day_of_year(error.made_time, shop)}. {REFRESH}"

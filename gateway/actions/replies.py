"""What an action answers, and what all buttons say alike: what happened, then what to do. Pure.

`lead` is what did not happen: "Not added", "Not removed", "Not undone".
"""

from datetime import UTC, datetime

import msgspec

from gateway.directions import find_direction
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

# Where an agent cannot help: who can.
ASK_MANAGER = "Ask a manager."
TELL_ADMINISTRATOR = "You cannot fix this. Please tell your administrator."
INSTALL_AGAIN = "Please tell your administrator: the integration must be installed again."
CHECKING_TIME = "This can take 20 minutes or more."
_NOTHING_CHANGED = "nothing was changed. Try again in a few minutes."
# Where nobody was asked, an earlier click may have changed something: this one did not.
_THIS_CLICK_CHANGED_NOTHING = "this click changed nothing. Try again in a few minutes."

_CAUSES = {
    "MEMBER_NOT_FOUND": f": TRIFFT does not know this member any more. {TAG_ADVICE}",
    "MEMBER_BLOCKED": ": this member is blocked in TRIFFT.",
    "WALLET_DISABLED": ": points are switched off for this customer.",
    "MERCHANT_NOT_FOUND": f". The loyalty service does not know this shop. {TELL_ADMINISTRATOR}",
    "CALLER_UNKNOWN": f". The loyalty service refuses our access. {TELL_ADMINISTRATOR}",
    "PROVIDER_CREDENTIALS": f". TRIFFT refuses our access, nothing was changed. {TELL_ADMINISTRATOR}",
    "PROVIDER_THROTTLED": ". TRIFFT is busy. Try again in 1 minute.",
    "PROVIDER_UNAVAILABLE": f". TRIFFT is not answering, {_NOTHING_CHANGED}",
    "PROVIDER_TIMEOUT": f". TRIFFT is not answering, {_NOTHING_CHANGED}",
    "PROVIDER_CONTRACT": f". TRIFFT's answer cannot be read, nothing was changed. {TELL_ADMINISTRATOR}",
    "TICKET_MISSING": ". Gorgias did not say which ticket this is. Open the ticket again, then try again.",
    "TICKET_NOT_CHECKED": ". Gorgias did not say whose ticket this is. Nothing was changed. Try again in a minute.",
    "OTHER_CUSTOMER": f": this ticket now belongs to another customer. {TAG_ADVICE}",
    "CREDENTIAL": f". This button does not work any more. {INSTALL_AGAIN}",
    "BODY_INCOMPLETE": ". Not all that Gorgias sent arrived, this click changed nothing. Try again.",
    "BODY_TIMEOUT": ". What Gorgias sent came too slowly, this click changed nothing. Try again.",
    "STORE_UNAVAILABLE": f". Our own records are not answering, {_THIS_CLICK_CHANGED_NOTHING}",
    "LOYALTY_UNAVAILABLE": f". The loyalty service is not answering, {_THIS_CLICK_CHANGED_NOTHING}",
}
_OTHER_CAUSE = f". Something went wrong on our side, {_THIS_CLICK_CHANGED_NOTHING}"
_UNREADABLE = f". The button sent something that cannot be read. {INSTALL_AGAIN}"

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
        raise AwardRefusedError(_REASONS[award.rejection_reason], award.award_id, find_direction(award))
    if award.state == pb.AWARD_STATE_NOT_APPLIED:
        raise AwardRefusedError("AWARD_STATE", award.award_id, find_direction(award))
    if award.state not in {pb.AWARD_STATE_APPLIED, pb.AWARD_STATE_PENDING, pb.AWARD_STATE_UNKNOWN}:
        raise GatewayError("INTERNAL_ERROR", "the award's state is not one that is known here")


def make_refusal(message: str, error: GatewayError) -> Reply:
    return Reply(status="refused", message=message, award_id=get_award_id(error))


def say_refusal(  # noqa: PLR0913 - what a sentence is made of
    lead: str, error: GatewayError, shop: Shop, now: datetime, note: str, *, no_points: str = NO_POINTS_HERE
) -> str:
    """For every error; what one action says in its own words, it says itself. `note`: as `say_note` has it.

    `no_points`: that this action changes none of such a member.
    """
    match error:
        case AwardTokenError():
            cause = _say_token(error, shop)
        case RateLimitedError():
            seconds = "1 second" if error.retry_after_s == 1 else f"{error.retry_after_s} seconds"
            cause = f". Too many clicks in this shop just now. Try again in {seconds}."
        case TicketNotFoundError():
            ticket = format_echo(error.ticket_id)
            cause = f": ticket {ticket} is not in this Gorgias account. Try in another ticket of this customer."
        case LoyaltyCallError(reason="AWARD_IN_DOUBT"):
            cause = f". {_say_doubt(error, shop, now)} {CHECKING_TIME}{note}"
        case LoyaltyCallError(reason="STATUS_UNKNOWN"):
            cause = f": {say_status(error.metadata.get('status', ''))} {no_points}"
        case GatewayError(reason="SEVERAL_WALLETS"):
            cause = f": this member has several wallets. {no_points}"
        case GatewayError(reason="BAD_VALUE" | "TOO_LARGE" | "UNSUPPORTED_TYPE"):
            cause = _UNREADABLE
        case _:
            cause = _CAUSES.get(error.reason, _OTHER_CAUSE)
    return f"{lead}{cause}"


def say_note(note_ticket_id: str, ticket_id: str) -> str:
    """As in " A note will appear in ticket 4718.", for an agent who looks at `ticket_id`; empty where none will."""
    if not note_ticket_id:
        return ""
    place = "this ticket" if note_ticket_id == ticket_id else f"ticket {format_echo(note_ticket_id)}"
    return f" A note will appear in {place}."


def name_agent(award: pb.Award) -> str:
    """As claimed; may be empty."""
    return format_echo(award.claimed_agent_name) or format_echo(award.claimed_agent_email)


def name_member(award: pb.Award, member_name: str) -> str:
    """By name, else by support ID: "Jana Nováková", "member JN-4821", "this member"."""
    support_id = format_echo(award.member_support_id)
    return format_echo(member_name) or (f"member {support_id}" if support_id else "this member")


def say_when(award: pb.Award, shop: Shop, now: datetime) -> str:
    made_time = award.create_time.ToDatetime(UTC)
    if is_today(made_time, shop, now):
        return f"at {format_clock(made_time, shop)}"
    return f"on {format_day(made_time, shop)}"


def say_later(points: int) -> str:
    """Of points that were asked for, and are not in the balance."""
    them = "it" if points == 1 else "them"
    return f"TRIFFT will book {them} later; the balance does not show {them} yet."


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
        return f": this panel cannot be used. {TAG_ADVICE}"
    return f": this panel is from {format_day_of_year(error.made_time, shop)}. {TAG_ADVICE}"


def _say_doubt(error: LoyaltyCallError, shop: Shop, now: datetime) -> str:
    """As in "We are still checking award A-10482 for this customer (started 22:42)."."""
    what = f"We are still checking award {get_award_id(error)} for this customer"
    try:
        started = datetime.fromisoformat(error.metadata.get("attempt_time", ""))
        is_clock = is_today(started, shop, now)
        return f"{what} (started {format_clock(started, shop) if is_clock else format_day(started, shop)})."
    except (ValueError, OverflowError):  # a loyalty service of another release does not tell
        return f"{what}."

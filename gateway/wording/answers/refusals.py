"""The refusals that all buttons share.

`lead` says what did not happen: "Not added", "Not removed", "Not undone".
"""

from datetime import datetime

from gateway.errors import (
    AwardTokenError,
    GatewayError,
    LoyaltyCallError,
    OtherCustomerError,
    RateLimitedError,
    TicketNotFoundError,
)
from gateway.wording.phrases import (
    CHECKING_TIME,
    INSTALL_AGAIN,
    NO_POINTS_HERE,
    NOT_VERIFIED,
    TAG_ADVICE,
    TELL_ADMINISTRATOR,
    format_echo,
    say_status,
)
from gateway.wording.shop import Shop
from gateway.wording.times import format_clock, format_day, format_day_of_year, is_today

_NOTHING_CHANGED = "nothing was changed. Try again in a few minutes."
# For errors before the loyalty service was called: an earlier click may have changed something, this one did not.
_THIS_CLICK_CHANGED_NOTHING = "this click changed nothing. Try again in a few minutes."

_CAUSES = {
    "MEMBER_NOT_FOUND": f": TRIFFT does not know this member any more. {TAG_ADVICE}",
    "MEMBER_BLOCKED": ": this member is blocked in TRIFFT.",
    "WALLET_DISABLED": ": points are switched off for this customer.",
    "MERCHANT_NOT_FOUND": f". The loyalty service does not know this shop. {TELL_ADMINISTRATOR}",
    "MERCHANT_UNVERIFIED": f": {NOT_VERIFIED}",
    "CALLER_UNKNOWN": f". The loyalty service refuses our access. {TELL_ADMINISTRATOR}",
    "CALLER_FORBIDDEN": f". The loyalty service refuses our access. {TELL_ADMINISTRATOR}",
    "PROVIDER_CREDENTIALS": f". TRIFFT refuses our access, nothing was changed. {TELL_ADMINISTRATOR}",
    "PROVIDER_THROTTLED": ". TRIFFT is busy. Try again in 1 minute.",
    "PROVIDER_UNAVAILABLE": f". TRIFFT is not answering, {_NOTHING_CHANGED}",
    "PROVIDER_TIMEOUT": f". TRIFFT is not answering, {_NOTHING_CHANGED}",
    "PROVIDER_CONTRACT": f". TRIFFT's answer cannot be read, nothing was changed. {TELL_ADMINISTRATOR}",
    "TICKET_MISSING": ". Gorgias did not say which ticket this is. Open the ticket again, then try again.",
    "TICKET_NOT_CHECKED": ". Gorgias did not say whose ticket this is. Nothing was changed. Try again in a minute.",
    "CREDENTIAL": f". This button does not work any more. {INSTALL_AGAIN}",
    "BODY_INCOMPLETE": ". Not all that Gorgias sent arrived, this click changed nothing. Try again.",
    "BODY_TIMEOUT": ". What Gorgias sent came too slowly, this click changed nothing. Try again.",
    "STORE_UNAVAILABLE": f". Our own records are not answering, {_THIS_CLICK_CHANGED_NOTHING}",
    "LOYALTY_UNAVAILABLE": f". The loyalty service is not answering, {_THIS_CLICK_CHANGED_NOTHING}",
    "LOYALTY_TIMEOUT": f". The loyalty service is not answering, {_THIS_CLICK_CHANGED_NOTHING}",
}
_OTHER_CUSTOMER = ": this ticket now belongs to another customer."
# By what the panel's member was found, where that is not the ticket's e-mail address.
_LOST = {
    "other_email": ": this ticket's customer does not have that e-mail address any more.",
    "phone": ": this ticket's customer does not have that phone number any more.",
    "link": ": this ticket's customer is not linked to that member any more.",
}
_OTHER_CAUSE = f". Something went wrong on our side, {_THIS_CLICK_CHANGED_NOTHING}"
_UNREADABLE = f". The button sent something that cannot be read. {INSTALL_AGAIN}"


def say_refusal(  # noqa: PLR0913 - what a sentence is made of
    lead: str, error: GatewayError, shop: Shop, now: datetime, note: str, *, no_points: str = NO_POINTS_HERE
) -> str:
    """Say why nothing was changed, for errors without own words of the action. `note`: the text of `say_note_place`.

    `no_points`: the sentence that points of such a member cannot be changed.
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
        case OtherCustomerError():
            cause = f"{_LOST.get(error.found_by, _OTHER_CUSTOMER)} {TAG_ADVICE}"
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


def _say_token(error: AwardTokenError, shop: Shop) -> str:
    if error.made_time is None:
        return f": this panel cannot be used. {TAG_ADVICE}"
    return f": this panel is from {format_day_of_year(error.made_time, shop)}. {TAG_ADVICE}"


def _say_doubt(error: LoyaltyCallError, shop: Shop, now: datetime) -> str:
    """Like "We are still checking award A-10482 for this customer (started 22:42)."."""
    what = f"We are still checking award {error.award_id} for this customer"
    try:
        started = datetime.fromisoformat(error.metadata.get("attempt_time", ""))
        is_clock = is_today(started, shop, now)
        return f"{what} (started {format_clock(started, shop) if is_clock else format_day(started, shop)})."
    except (ValueError, OverflowError):  # another release of the loyalty service may not say
        return f"{what}."

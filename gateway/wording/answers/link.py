"""The sentences that agents read after "Link to member" and "Unlink"."""

from datetime import datetime

from gateway.errors import AwardTokenError, GatewayError, LoyaltyCallError, NoTokenReason, RequestError
from gateway.wording.answers.refusals import say_refusal
from gateway.wording.limits import MAX_SUPPORT_ID_CHARS
from gateway.wording.phrases import ASK_MANAGER, TAG_ADVICE, format_echo
from gateway.wording.shop import Shop
from gateway.wording.times import format_clock, format_day, is_today

_NOT_LINKED, _NOT_UNLINKED = "Not linked", "Not unlinked"
_SEE = "Add or remove a tag to see it."
_WHERE = "Ask the customer for the support ID in their app."
_NO_TOKEN: dict[NoTokenReason | None, str] = {
    NoTokenReason.HAS_MEMBER: "this panel already shows a member.",
    NoTokenReason.LINKED: 'this customer is already linked. To link them to another member, press "Unlink" first.',
    NoTokenReason.NO_CUSTOMER: f"Gorgias did not say which customer this is. {TAG_ADVICE}",
    NoTokenReason.NOT_LINKED: "this panel shows no link of the customer.",
}


def say_linked(name: str, support_id: str, *, has_note: bool) -> str:
    """Name the member, so that the agent sees a mistake."""
    return f"Linked to {_name(name, support_id)}.{_say_note(has_note=has_note)}"


def say_already_linked(name: str, support_id: str, said_by: str) -> str:
    """`said_by`: the text of `say_by`."""
    return f"Already linked to {_name(name, support_id)}{said_by}. {_SEE}"


def say_unlinked(support_id: str, *, has_note: bool) -> str:
    return f"Unlinked from {_name('', support_id)}.{_say_note(has_note=has_note)}"


def say_already_unlinked(said_by: str) -> str:
    """`said_by`: the text of `say_by`."""
    return f"Already unlinked{said_by}. {_SEE}"


def say_by(agent: str, time: datetime, shop: Shop, now: datetime) -> str:
    """Like " by Ana at 13:55". `agent`: may be empty."""
    when = f"at {format_clock(time, shop)}" if is_today(time, shop, now) else f"on {format_day(time, shop)}"
    return f" by {format_echo(agent)} {when}" if agent else f" {when}"


def say_lost() -> str:
    """Say that the database did not say what happened."""
    return "We do not know yet whether this was done. Add or remove a tag: the panel will say it."


def say_linked_elsewhere(support_id: str, said_by: str) -> str:
    """Refuse to link a customer who is linked to another member. `said_by`: the text of `say_by`."""
    member = _name("", support_id)
    advice = 'To change that, add or remove a tag, then press "Unlink".'
    return f"{_NOT_LINKED}: this customer was linked to {member}{said_by}. {advice}"


def say_link_refusal(error: GatewayError, support_id: str, shop: Shop, now: datetime) -> str:
    """`support_id`: as it was typed; empty if the press was refused before."""
    typed = format_echo(support_id)
    match error:
        case AwardTokenError(is_absent=True, why=why):
            cause = f": {_NO_TOKEN.get(why, f'nobody can be linked in this panel. {TAG_ADVICE}')}"
        case RequestError(field="support_id") | LoyaltyCallError(reason="BAD_VALUE"):
            cause = f". Type a support ID of at most {MAX_SUPPORT_ID_CHARS} characters. {_WHERE}"
        case LoyaltyCallError(reason="MEMBER_NOT_FOUND"):
            cause = f". No member has the support ID {typed}: check it with the customer."
        case LoyaltyCallError(reason="MEMBER_AMBIGUOUS"):
            cause = f". Several members have the support ID {typed}. They must be merged in TRIFFT. {ASK_MANAGER}"
        case GatewayError(reason="LINK_LIMIT"):
            cause = f". You have linked as many customers today as an agent may. {ASK_MANAGER}"
        case _:
            return say_refusal(_NOT_LINKED, error, shop, now, "")
    return f"{_NOT_LINKED}{cause}"


def say_unlink_refusal(error: GatewayError, shop: Shop, now: datetime) -> str:
    match error:
        case AwardTokenError(is_absent=True, why=why):
            return f"{_NOT_UNLINKED}: {_NO_TOKEN.get(why, _NO_TOKEN[NoTokenReason.NOT_LINKED])}"
        case GatewayError(reason="LINK_GONE"):
            return f"{_NOT_UNLINKED}: this customer has no such link any more. {TAG_ADVICE}"
        case _:
            return say_refusal(_NOT_UNLINKED, error, shop, now, "")


def _name(name: str, support_id: str) -> str:
    shown, shown_id = format_echo(name), format_echo(support_id)
    return f"{shown} ({shown_id})" if shown else f"member {shown_id}"


def _say_note(*, has_note: bool) -> str:
    return " A note will appear in this ticket." if has_note else f" {_SEE}"

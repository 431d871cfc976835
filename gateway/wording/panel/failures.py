"""Says why a panel has no data or old data: what happened and when, then what an agent can do.

A reason is a name of ErrorReason, or one of the gateway's own.
"""

from datetime import datetime

from gateway.wording.phrases import TAG_ADVICE, TELL_ADMINISTRATOR
from gateway.wording.shop import Shop
from gateway.wording.times import format_clock

# The text before "at 14:07".
_FAILURES = {
    "PROVIDER_CREDENTIALS": "TRIFFT refused our access",
    "PROVIDER_THROTTLED": "TRIFFT was busy",
    "PROVIDER_CONTRACT": "TRIFFT's answer could not be read",
    "PROVIDER_UNAVAILABLE": "TRIFFT did not answer",
    "PROVIDER_TIMEOUT": "TRIFFT did not answer",
    "STORE_UNAVAILABLE": "our own records did not answer",
    "MERCHANT_NOT_FOUND": "the loyalty service did not know this shop",
    "CALLER_UNKNOWN": "the loyalty service refused our access",
    "CALLER_FORBIDDEN": "the loyalty service refused our access",
}
_OTHER_FAILURE = "the loyalty service did not answer"
_LASTING = frozenset(
    {"PROVIDER_CREDENTIALS", "PROVIDER_CONTRACT", "MERCHANT_NOT_FOUND", "CALLER_UNKNOWN", "CALLER_FORBIDDEN"}
)


def is_lasting_failure(reason: str) -> bool:
    """Whether it lasts until a setting is changed, so that trying again does not help."""
    return reason in _LASTING


def say_failure(reason: str, shop: Shop, now: datetime) -> str:
    """The text if there is no data to show."""
    failure = describe_failure(reason, shop, now)
    if is_lasting_failure(reason):
        return f"No loyalty data: {failure}. {TELL_ADMINISTRATOR}"
    return f"{capitalize(failure)}. {TAG_ADVICE}"


def say_failure_beside_data(reason: str, shop: Shop, now: datetime) -> str:
    """The text after held data."""
    failure = capitalize(describe_failure(reason, shop, now))
    return f"{failure}. {TELL_ADMINISTRATOR}" if is_lasting_failure(reason) else failure


def describe_failure(reason: str, shop: Shop, now: datetime) -> str:
    """Like "TRIFFT was busy at 14:07"."""
    return f"{_FAILURES.get(reason, _OTHER_FAILURE)} at {format_clock(now, shop)}"


def capitalize(sentence: str) -> str:
    """Make the first letter a capital; the rest stays unchanged ("TRIFFT")."""
    return f"{sentence[0].upper()}{sentence[1:]}"

"""Why a panel has no data, or old data: what happened and when, then what an agent can do.

A reason is a name of ErrorReason, or the edge's own.
"""

from datetime import datetime

from gateway.wording.phrases import TAG_ADVICE, TELL_ADMINISTRATOR
from gateway.wording.shop import Shop
from gateway.wording.times import format_clock

# As an agent reads it before "at 14:07".
_FAILURES = {
    "PROVIDER_CREDENTIALS": "TRIFFT refused our access",
    "PROVIDER_THROTTLED": "TRIFFT was busy",
    "PROVIDER_CONTRACT": "TRIFFT's answer could not be read",
    "PROVIDER_UNAVAILABLE": "TRIFFT did not answer",
    "PROVIDER_TIMEOUT": "TRIFFT did not answer",
    "STORE_UNAVAILABLE": "our own records did not answer",
    "MERCHANT_NOT_FOUND": "the loyalty service did not know this shop",
    "CALLER_UNKNOWN": "the loyalty service refused our access",
}
_OTHER_FAILURE = "the loyalty service did not answer"
_LASTING = frozenset({"PROVIDER_CREDENTIALS", "PROVIDER_CONTRACT", "MERCHANT_NOT_FOUND", "CALLER_UNKNOWN"})


def is_lasting_failure(reason: str) -> bool:
    """Whether it stays until somebody changes a setting: an agent who tries again gets the same."""
    return reason in _LASTING


def say_failure(reason: str, shop: Shop, now: datetime) -> str:
    """Where there is nothing to show."""
    failure = _say(reason, shop, now)
    if is_lasting_failure(reason):
        return f"No loyalty data: {failure}. {TELL_ADMINISTRATOR}"
    return f"{capitalize(failure)}. {TAG_ADVICE}"


def say_failure_beside_data(reason: str, shop: Shop, now: datetime) -> str:
    """After the data that is held."""
    failure = capitalize(_say(reason, shop, now))
    return f"{failure}. {TELL_ADMINISTRATOR}" if is_lasting_failure(reason) else failure


def _say(reason: str, shop: Shop, now: datetime) -> str:
    return f"{_FAILURES.get(reason, _OTHER_FAILURE)} at {format_clock(now, shop)}"


def capitalize(sentence: str) -> str:
    """With a capital first; the rest stays as it is, "TRIFFT" for one."""
    return f"{sentence[0].upper()}{sentence[1:]}"

"""What is not known of the real Gorgias, or changes with the day: a switch each."""

import enum
from typing import Annotated

import msgspec

from sandbox.gorgias.read_back import ReadBack


class AbsentValue(enum.Enum):
    """What a template variable without a value becomes (contract: all three were seen)."""

    NONE = "none"
    EMPTY = "empty"
    LITERAL = "literal"


class UrlEncoding(enum.Enum):
    """What becomes of a URL with values in it (contract: unknown)."""

    NOTHING = "nothing"
    REQUESTS = "requests"
    """As Python's `requests` prepares it: only what HTTP does not allow is encoded."""
    VALUES = "values"
    """Each value is percent-encoded before it is put in."""


class Switches(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`timeout_s` bounds each outgoing request. `retries`: how often a failed trigger call is sent again.

    `disable_after`: failed calls in a row, retries not counted, after which an integration is switched off.
    """

    url_encoding: UrlEncoding = UrlEncoding.REQUESTS
    absent_value: AbsentValue = AbsentValue.NONE
    send_custom_headers: bool = True
    timeout_s: Annotated[float, msgspec.Meta(gt=0, le=120)] = 5.0
    retries: Annotated[int, msgspec.Meta(ge=0, le=10)] = 3
    disable_after: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 100
    hide_refusals: bool = False
    """The text of a 4xx answer to an action does not reach the agent."""
    rate_limit: bool = True
    """The REST API refuses more than its documented requests in 20 s."""
    read_back: ReadBack = ReadBack.AS_WRITTEN
    """How the REST API shows what was written."""
    odd_records: bool = False
    """Other programs' integrations and widgets are in the lists, with fields that nobody would expect."""

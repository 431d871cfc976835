"""A switch for each behaviour of the real Gorgias that is not known or may change."""

import enum
from typing import Annotated

import msgspec

from sandbox.gorgias.read_back import ReadBack


class AbsentValue(enum.Enum):
    """The text of a template variable without a value (contract: all three were seen)."""

    NONE = "none"
    EMPTY = "empty"
    LITERAL = "literal"


class UrlEncoding(enum.Enum):
    """The encoding of a URL with values in it (contract: unknown)."""

    NOTHING = "nothing"
    REQUESTS = "requests"
    """As Python's `requests` does: only characters that HTTP does not allow are encoded."""
    VALUES = "values"
    """Each value is percent-encoded before it is put in."""


class MergedCustomer(enum.Enum):
    """The answer for the id of a customer that was merged into another (contract: assumed)."""

    REDIRECT = "redirect"
    """301, with the place of the other customer."""
    GONE = "gone"
    """404, as for an id that never was."""


class Switches(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`timeout_s` bounds each outgoing request. `retries`: the retries of a failed trigger call.

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
    """The REST API keeps to its documented rate limit."""
    read_back: ReadBack = ReadBack.AS_WRITTEN
    """How the REST API spells what was written."""
    odd_records: bool = False
    """The lists contain integrations and widgets of other programs, with unexpected fields."""
    merged_customer: MergedCustomer = MergedCustomer.REDIRECT
    answers_block_merge: bool = False
    """Two customers for whom one integration has answered cannot be merged.

    The contract says so of data of one integration. Whether a widget's answer is such data is not known.
    """

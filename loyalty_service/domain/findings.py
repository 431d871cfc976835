"""What a provider's answers have shown of one merchant so far, as operators ask for it."""

import enum
from datetime import datetime

import msgspec


class UnreadableField(msgspec.Struct, frozen=True, kw_only=True):
    """A field of the provider's that was left out `count` times because its value had another type or was out of range.

    `profile_line` is the line of the wire profile that finds it, `expression` that line's text.
    """

    profile_line: str
    expression: str
    count: int
    last_time: datetime


class LineVerdict(enum.Enum):
    """EMPTY: it finds nothing where it should. UNREADABLE: for too many members it cannot be read."""

    OK = "ok"
    EMPTY = "empty"
    UNREADABLE = "unreadable"


class LineFinding(msgspec.Struct, frozen=True, kw_only=True):
    """How often one line of the wire profile was read lately: once for each answer, whatever it holds.

    `empty_count` of them found nothing, `unreadable_count` something that cannot be read, the last time at
    `unreadable_time`. `is_needed`: agents cannot do without it.
    """

    profile_line: str
    expression: str
    read_count: int
    empty_count: int
    unreadable_count: int
    unreadable_time: datetime | None
    is_needed: bool
    verdict: LineVerdict


class OperationFinding(msgspec.Struct, frozen=True, kw_only=True):
    """How one operation fares, since it was last accepted.

    `refuse_status`: 401 or 403 where the token was refused, else 0. `missing_role`: the role that the refusal named, or
    empty. `fail_count`: 5xx and answers that never came, 0 if the last one was an hour ago.
    """

    operation: str
    accept_time: datetime | None = None
    refuse_status: int = 0
    refuse_time: datetime | None = None
    missing_role: str = ""
    fail_count: int = 0
    fail_time: datetime | None = None


class StatusCount(msgspec.Struct, frozen=True, kw_only=True):
    """A member's status that the wire profile does not know. `word`: empty for all that are no words, or too many."""

    word: str
    count: int


class ContractState(enum.Enum):
    CONFIRMED = "confirmed"
    CONTRADICTED = "contradicted"
    NOT_SEEN = "not_seen"


class ContractLine(msgspec.Struct, frozen=True, kw_only=True):
    """One assumption about the provider, by its id in docs/assumptions.md, and what this merchant's traffic says of it.

    `problem`: what contradicts it, with the profile's line. `last_time`: of the last evidence, where it is kept.
    """

    assumption: str
    state: ContractState
    problem: str = ""
    last_time: datetime | None = None


class RateFinding(msgspec.Struct, frozen=True, kw_only=True):
    """The rate of the merchant's token, as this process knows it.

    `permits_used` of `permits_limit` in the last `period_s`. `closed_until`: after a 429. `throttled_count`: 429s
    lately, the last at `throttle_time`. `refused_count`: ticket reads and awards that had no permit in time lately.
    """

    permits_used: int
    permits_limit: int
    period_s: float
    closed_until: datetime | None
    throttled_count: int
    throttle_time: datetime | None
    refused_count: int
    refuse_time: datetime | None


class BreakerFinding(msgspec.Struct, frozen=True, kw_only=True):
    """A circuit breaker that is open, and when the provider is called again."""

    open_since: datetime
    retry_time: datetime


class Findings(msgspec.Struct, frozen=True, kw_only=True):
    """Counted by this process since `since`, or since the merchant's URL, token or profile changed.

    `line_findings` and `unknown_statuses` are lately: older counts weigh less and less. `breaker`: None: it is closed.
    """

    since_time: datetime
    unreadable_fields: tuple[UnreadableField, ...]
    line_findings: tuple[LineFinding, ...]
    operation_findings: tuple[OperationFinding, ...]
    rate: RateFinding
    breaker: BreakerFinding | None
    unknown_statuses: tuple[StatusCount, ...]
    contract: tuple[ContractLine, ...]

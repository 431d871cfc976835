"""The faults of a project's API."""

from typing import Literal

import msgspec

Operation = Literal["find", "get", "coupons", "credit", "debit", "movements", "assign", "probe"]
FaultTarget = Literal["find", "get", "coupons", "credit", "debit", "movements", "assign", "probe", "*"]
FaultKind = Literal[
    "latency",
    "status",
    "refuse",
    "reset",
    "lost_answer",
    "hang",
    "slow_body",
    "bad_json",
    "half_json",
    "html",
    "wrong_types",
]

FAULT_STATUSES = (400, 401, 402, 403, 404, 429, 500, 503)
HTML_STATUSES = (200, 502)
MAX_SECONDS = 120.0
_DEFAULT_SECONDS = {"latency": 1.0, "slow_body": 0.2}
_BEFORE_COMMIT: frozenset[FaultKind] = frozenset({"status", "refuse", "reset", "hang", "html"})


class Fault(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One misbehaviour.

    - latency: the call begins `seconds` later (default 1), even if the client has left
    - status: `status` with the error envelope
    - refuse: the connection is closed; reset: it is reset. Nothing was done
    - lost_answer: the call takes effect, then the connection is reset
    - hang: the request is held until the switch is cleared, then continues; ends if the client leaves
    - slow_body: one byte every `seconds` (default 0.2)
    - bad_json, half_json, wrong_types: the true answer, spoiled
    - html: a page with `status` 200 (default) or 502

    status, hang and html act before the call takes effect, or after it with `after_commit`.
    `times`: the number of calls; None: until cleared. Raises ValueError for a value that does not fit the kind.
    """

    kind: FaultKind
    operation: FaultTarget = "*"
    status: int | None = None
    seconds: float | None = None
    times: int | None = None
    after_commit: bool = False

    def __post_init__(self) -> None:
        if self.kind == "status" and self.status not in FAULT_STATUSES:
            raise ValueError(f"a status fault needs a status, one of {', '.join(map(str, FAULT_STATUSES))}")
        if self.kind == "html" and self.status not in (None, *HTML_STATUSES):
            raise ValueError("an html fault has status 200 or 502")
        if self.seconds is not None and not 0 < self.seconds <= MAX_SECONDS:
            raise ValueError(f"seconds must be above 0 and at most {MAX_SECONDS:g}")
        if self.times is not None and self.times < 1:
            raise ValueError("times must be 1 or more, or left out")

    @property
    def pause_s(self) -> float:
        return self.seconds if self.seconds is not None else _DEFAULT_SECONDS.get(self.kind, 0.0)

    @property
    def acts_first(self) -> bool:
        """Whether it acts before the call takes effect."""
        return self.kind in _BEFORE_COMMIT and not self.after_commit

"""The log of requests that the helpdesk sent."""

from collections import deque

import msgspec

KEPT = 300


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One request and its outcome, with masked credentials.

    `reason`: the trigger or "action". `attempt` from 1. `status`: None if no answer came; `error` says why. `time` is
    ISO-8601, UTC.
    """

    id: int
    time: str
    reason: str
    source: str
    ticket_id: int
    attempt: int
    method: str
    url: str
    request_headers: dict[str, str]
    request_body: str
    status: int | None
    error: str | None
    duration_ms: float
    response_headers: dict[str, str]
    response_body: str


class CallLog:
    def __init__(self) -> None:
        self._calls: deque[Call] = deque(maxlen=KEPT)

    def add(self, call: Call) -> None:
        self._calls.append(call)

    def list_newest_first(self) -> list[Call]:
        return list(reversed(self._calls))

    def clear(self) -> None:
        self._calls.clear()

"""The sliding window of one token: a number of requests in any period.

TRIFFT counts arrivals. A request arrives at some time between its sending and its answer, so its permit stays taken for
one period after the answer. If no answer comes, the period begins when the request ends.
"""

from typing import Annotated

import msgspec

from loyalty_service.domain.ports import Clock
from loyalty_service.domain.priority import Priority

# Permits reserved for awards, and permits that batch reads leave to ticket events. For a small rate, a tenth and a
# sixth of it.
AWARD_RESERVE = 2
TICKET_RESERVE = 8

# A closed token that nobody has used for so long counts as open again.
FORGET_S = 600.0

Seconds = Annotated[float, msgspec.Meta(gt=0, le=3600)]


class Rate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`requests` in `period_s`; after one more, the provider refuses all requests for `block_s`."""

    requests: Annotated[int, msgspec.Meta(ge=2, le=1_000_000)]  # a member and their coupons take two
    period_s: Seconds
    block_s: Seconds

    def get_limit(self, priority: Priority, processes: int = 1) -> int:
        """The number of permits that one of `processes` may hold when it asks with this priority."""
        share = self.requests // processes
        award_reserve = 0 if priority is Priority.AWARD else min(AWARD_RESERVE, share // 10)
        ticket_reserve = min(TICKET_RESERVE, share // 6) if priority is Priority.BATCH else 0
        return share - award_reserve - ticket_reserve


class Grant(msgspec.Struct, frozen=True):
    """The permits are taken. `is_probe`: the answer to these requests opens or closes the token."""

    is_probe: bool


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """No permits now, and none before `earliest_s`; 0: at any moment. `is_closed`: the provider has answered 429."""

    earliest_s: float
    is_closed: bool = False


class SlidingWindow:
    """The window of one token, as one process knows it.

    A 429 closes it for a time. Then it is half-open: one set of permits is granted, the probe, and all others wait for
    its answer. If no answer comes in time, the next probe goes.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ends: dict[str, float] = {}
        self._forget_at = 0
        self._closed_until_s = self._probe_until_s = 0.0
        self.is_open = True

    def take(self, ids: list[str], *, limit: int, timeout_s: float, busy_s: float) -> Grant | Refusal:
        """Take permits for requests that end within `timeout_s`. Each permit stays taken for `busy_s` after that."""
        if refusal := self.find_closed():
            return refusal
        now_s = self._clock.monotonic()
        self._forget_free(now_s, most=limit - len(ids))
        over = len(self._ends) + len(ids) - limit
        if over > 0:
            ended = sorted(end_s for end_s in self._ends.values() if end_s <= now_s + busy_s)
            unfinished = len(self._ends) - len(ended)  # they may be returned at any moment
            place = over - unfinished - 1
            if place < 0:
                return Refusal(earliest_s=0)
            return Refusal(earliest_s=ended[place] - now_s if place < len(ended) else busy_s)
        self._ends |= dict.fromkeys(ids, now_s + timeout_s + busy_s)
        if not self.is_open:
            self._probe_until_s = now_s + timeout_s
        return Grant(is_probe=not self.is_open)

    def note(self, answer: Grant | Refusal, ids: list[str], taken_s: float) -> None:
        """Note what the shared window has answered to this process."""
        if isinstance(answer, Grant):
            self._forget_free(self._clock.monotonic(), most=self._forget_at)
            self.end(ids, busy_s=taken_s)
            self.is_open = self.is_open or not (answer.is_probe or self.find_closed())
        elif answer.is_closed and answer.earliest_s > 0:
            self.end([], closed_s=answer.earliest_s)

    def find_closed(self) -> Refusal | None:
        now_s = self._clock.monotonic()
        if self.is_open or now_s >= max(self._closed_until_s, self._probe_until_s):
            return None
        left_s = max(0.0, self._closed_until_s - now_s)
        return Refusal(earliest_s=left_s, is_closed=True)

    def count_taken(self) -> int:
        """The number of permits that are taken now."""
        self._forget_free(self._clock.monotonic(), most=0)
        return len(self._ends)

    def is_idle(self) -> bool:
        """Whether this window can be forgotten."""
        return not self.count_taken() and self._clock.monotonic() >= self._closed_until_s + FORGET_S

    def end(self, ids: list[str], *, busy_s: float = 0, closed_s: float | None = None) -> None:
        """Free the permits in `busy_s`. `closed_s`: the provider refuses for so long; 0: it has answered the probe."""
        now_s = self._clock.monotonic()
        self._ends |= dict.fromkeys(ids, now_s + busy_s)
        if closed_s is not None:
            self.is_open = closed_s == 0
            self._closed_until_s, self._probe_until_s = now_s + closed_s, 0.0

    def _forget_free(self, now_s: float, *, most: int) -> None:
        """Drop free permits if there are more than `most`, or twice as many as after the last look: each costs time."""
        if len(self._ends) > min(most, self._forget_at):
            self._ends = {permit_id: end_s for permit_id, end_s in self._ends.items() if end_s > now_s}
            self._forget_at = 2 * len(self._ends)

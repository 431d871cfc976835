"""Where the slots of every token stand: in the shared store while there is one, else in this process's share of them.

What this process may use of its own is its share, the requests that TRIFFT allows divided by the processes: as many as
it was told of, or as the shared store had seen. It uses none of it while what it cannot know may be busy: after the
shared store was lost, for a period and the longest read, until all that others took there is over; who is alone knows
it all. At a start without a shared store, an earlier process may have used up its share just before. So a process has
one START_SHARE-th of it in its first period, and the rest of it, never more, later: with the one that takes its place
it uses no more than the share. At a start with a store whose memory has just begun, say since both were restarted, it
likewise uses nothing until what was before is over.
"""

import itertools
import uuid
from collections.abc import Callable, Iterator

import msgspec

from loyalty_service.domain.ports import Clock
from loyalty_service.domain.priority import Priority
from loyalty_service.trifft.fleet import BLINK_S, LONGEST_READ_S, Fleet, Granted, Known
from loyalty_service.trifft.gate import Gate
from loyalty_service.trifft.profile import Rate
from loyalty_service.trifft.slots import MARGIN_S, UNANSWERED_S, Busy, Slots, get_limit

# One in 25: two of fifty, a member with their coupons.
START_SHARE = 25
_SWEEP_AT_LEAST = 64


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """`count` slots of a token for at most `lease_s`: by then what is sent in them is over, and they are free.

    `is_new`: the token came to us after this process began, so that no earlier one has used it.
    """

    key: str
    rate: Rate
    count: int
    lease_s: float
    is_new: bool


class Taken(msgspec.Struct, kw_only=True):
    """Slots to send in. `is_probe`: of a token that was closed; what the first of them meets opens or closes it."""

    key: str
    rate: Rate
    ids: list[str]
    is_probe: bool
    is_shared: bool


class _Token:
    def __init__(self) -> None:
        self.slots = Slots()
        self.gate = Gate()


class Rack:
    """`fleet` may be set once, before anything is taken. `on_change` is told of a token that may have a slot again."""

    def __init__(self, clock: Clock, replicas: int) -> None:
        self._clock = clock
        self._replicas = replicas
        self._start_s = clock.monotonic()
        self._tokens: dict[str, _Token] = {}
        self._sweep_at = _SWEEP_AT_LEAST
        self._ids = map("{}:{}".format, itertools.repeat(uuid.uuid4().hex[:12]), itertools.count())
        self.fleet: Fleet | None = None
        self.on_change: Callable[[str], None] = lambda _: None

    async def take(self, wanted: Wanted, priority: Priority) -> Taken | Busy:
        """With a shared store, a caller who is cancelled meanwhile may leave slots behind: shield it."""
        token = self._find(wanted.key)
        if obstacle := token.gate.find_obstacle(self._clock.monotonic()):
            return obstacle
        ids = [next(self._ids) for _ in range(wanted.count)]
        if self.fleet is not None:
            if obstacle := self._find_past(wanted, self.fleet):
                return obstacle
            limit = get_limit(wanted.rate.requests, priority)
            answer = await self.fleet.take(wanted.key, ids, limit=limit, lease_s=wanted.lease_s)
            if answer is not None:
                return self._note(wanted, ids, answer, self.fleet)
            # Under other names: the store may have granted those before it was lost, and is told to take them back.
            ids = [next(self._ids) for _ in range(wanted.count)]
        return self._take_own(wanted, priority, ids)

    def check(self, taken: Taken) -> Busy | None:
        """What has come up since they were taken: a token that is closed now."""
        return None if taken.is_probe else self._find(taken.key).gate.find_obstacle(self._clock.monotonic())

    def send(self, taken: Taken) -> str:
        """The id of a slot in which a request is sent now."""
        slot_id = taken.ids.pop()
        self._find(taken.key).slots.send(slot_id)
        return slot_id

    def answer(self, taken: Taken, slot_id: str, *, is_refused: bool) -> None:
        """A request was answered; `is_refused`: with a 429."""
        self._end(taken, slot_id, 0.0)
        gate = self._find(taken.key).gate
        if is_refused:
            gate.close(self._clock.monotonic() + taken.rate.block_s + MARGIN_S)
            taken.is_probe = False
            if self.fleet is not None:
                self.fleet.close(taken.key, taken.rate.block_s + MARGIN_S)
        elif taken.is_probe:
            taken.is_probe = False
            gate.open()
            if self.fleet is not None:
                self.fleet.open(taken.key)
        self.on_change(taken.key)

    def lose(self, taken: Taken, slot_id: str) -> None:
        """A request is over without an answer."""
        self._end(taken, slot_id, UNANSWERED_S)

    def unsend(self, taken: Taken, slot_id: str) -> None:
        """A request did not leave after all."""
        self._give_back(taken, [slot_id])

    def finish(self, taken: Taken) -> None:
        """Nothing more is sent in these: what is left is given back."""
        if taken.ids:
            self._give_back(taken, taken.ids)
            taken.ids = []
        if taken.is_probe:
            self._find(taken.key).gate.end_probe()
            if self.fleet is not None:
                self.fleet.end_probe(taken.key)
            self.on_change(taken.key)

    def count_closed(self) -> int:
        """How many tokens a 429 has closed, here as far as this process knows."""
        return sum(not token.gate.is_open for token in self._tokens.values())

    def list_known(self) -> Iterator[Known]:
        """What is busy, and closed, for the shared store to know."""
        for key, token in list(self._tokens.items()):
            now_s = self._clock.monotonic()
            out = [(slot_id, end_s - now_s) for slot_id, end_s in token.slots.list_out()]
            ends = [(slot_id, end_s - now_s) for slot_id, end_s in token.slots.list_ends(now_s)]
            yield Known(key=key, out=out, ends=ends, closed_s=token.gate.get_closed_s(now_s))

    def _find_past(self, wanted: Wanted, fleet: Fleet) -> Busy | None:
        """What may have been sent before the store's memory and this process began."""
        until_s = fleet.memory_start_s + wanted.rate.period_s + LONGEST_READ_S
        left_s = until_s - self._clock.monotonic()
        if wanted.is_new or left_s <= 0:
            return None
        return Busy(earliest_s=left_s, expected_s=left_s, is_cautious=True)

    def _note(self, wanted: Wanted, ids: list[str], answer: Granted | Busy, fleet: Fleet) -> Taken | Busy:
        token, now_s = self._find(wanted.key), self._clock.monotonic()
        if isinstance(answer, Busy):
            if answer.is_refused and answer.earliest_s > 0:
                token.gate.close(now_s + answer.earliest_s)
            return answer
        if obstacle := token.gate.find_obstacle(now_s):  # a 429 came while the store was asked
            fleet.give_back(wanted.key, ids)
            return obstacle
        if not answer.is_probe:
            token.gate.open()  # another process has found that out
        return self._make_taken(wanted, ids, now_s, is_probe=answer.is_probe, is_shared=True)

    def _take_own(self, wanted: Wanted, priority: Priority, ids: list[str]) -> Taken | Busy:
        token, now_s = self._find(wanted.key), self._clock.monotonic()
        if obstacle := token.gate.find_obstacle(now_s):
            return obstacle
        capacity, until_s = self._get_own_capacity(wanted, now_s)
        limit = get_limit(capacity, priority)
        obstacle = token.slots.find_obstacle(wanted.count, limit, now_s, wanted.rate.period_s)
        if obstacle is not None:
            if until_s <= now_s:
                return obstacle
            if limit < wanted.count:
                obstacle = Busy(earliest_s=until_s - now_s, expected_s=until_s - now_s)
            is_blink = self.fleet is not None and now_s - (self.fleet.lost_since_s or now_s) < BLINK_S
            return Busy(  # a store that was lost this moment may be back the next
                earliest_s=0 if is_blink else min(obstacle.earliest_s, until_s - now_s),
                expected_s=min(obstacle.expected_s, until_s - now_s),
                is_cautious=limit < wanted.count or not wanted.is_new,
            )
        return self._make_taken(wanted, ids, now_s, is_probe=not token.gate.is_open, is_shared=False)

    def _get_own_capacity(self, wanted: Wanted, now_s: float) -> tuple[int, float]:
        """How much of it may be used, and until when that is for the sake of what cannot be known."""
        replicas = self._replicas if self.fleet is None else max(self._replicas, self.fleet.process_count)
        share = wanted.rate.requests // replicas
        if self.fleet is not None and replicas > 1:
            lost_s = self.fleet.lost_since_s
            until_s = (now_s if lost_s is None else lost_s) + wanted.rate.period_s + LONGEST_READ_S
            # A token that came while the store was lost has never been counted there.
            is_unknown_there = wanted.is_new and not self.fleet.was_found
            return (share if now_s >= until_s or is_unknown_there else 0), until_s
        until_s = self._start_s + wanted.rate.period_s + MARGIN_S + UNANSWERED_S
        kept = share // START_SHARE
        return (kept if now_s < until_s and not wanted.is_new else share - kept), until_s

    def _make_taken(self, wanted: Wanted, ids: list[str], now_s: float, *, is_probe: bool, is_shared: bool) -> Taken:
        token = self._find(wanted.key)
        token.slots.take(ids, now_s + wanted.lease_s)
        if is_probe:
            token.gate.begin_probe(now_s + wanted.lease_s)
        return Taken(key=wanted.key, rate=wanted.rate, ids=list(ids), is_probe=is_probe, is_shared=is_shared)

    def _end(self, taken: Taken, slot_id: str, late_s: float) -> None:
        busy_s = taken.rate.period_s + MARGIN_S + late_s
        self._find(taken.key).slots.end(slot_id, self._clock.monotonic() + busy_s)
        if self.fleet is not None:
            self.fleet.end(taken.key, slot_id, busy_s)

    def _give_back(self, taken: Taken, ids: list[str]) -> None:
        slots = self._find(taken.key).slots
        for slot_id in ids:
            slots.give_back(slot_id)
        if self.fleet is not None and taken.is_shared:
            self.fleet.give_back(taken.key, list(ids))
        self.on_change(taken.key)

    def _find(self, key: str) -> _Token:
        token = self._tokens.get(key)
        if token is None:
            if len(self._tokens) >= self._sweep_at:
                self._sweep()
            token = self._tokens[key] = _Token()
        return token

    def _sweep(self) -> None:
        """Forget the tokens of which nothing is busy: those that are left have been used within a period."""
        now_s = self._clock.monotonic()
        for key, token in list(self._tokens.items()):
            if token.gate.is_open and not token.slots.count(now_s):
                del self._tokens[key]
        self._sweep_at = max(_SWEEP_AT_LEAST, 2 * len(self._tokens))

"""A window compared with TRIFFT's own rule, for any order of sends, arrivals, answers, losses and returned permits."""

import itertools
from collections import deque

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from loyalty_service.outbound.sliding_window import Grant, SlidingWindow
from tests.loyalty_service.snapshots.scripted import FakeClock

LIMIT, PERIOD_S, BUSY_S, TIMEOUT_S = 50, 10, 10.05, 2
_COUNTS = st.sampled_from([1, 7, 50])


class Trifft:
    """Admits fifty arrivals in any ten seconds."""

    def __init__(self) -> None:
        self.arrivals: deque[float] = deque()

    def admit(self, now_s: float) -> bool:
        while self.arrivals and self.arrivals[0] <= now_s - PERIOD_S:
            self.arrivals.popleft()
        self.arrivals.append(now_s)
        return len(self.arrivals) <= LIMIT


class WindowMachine(RuleBasedStateMachine):
    """A request arrives at any time between its sending and its end, which is within its time-out."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = FakeClock()
        self.trifft = Trifft()
        self.window = SlidingWindow(self.clock)
        self.ids = map(str, itertools.count())
        self.unsent: list[str] = []
        self.sent: list[str] = []
        self.arrived: set[str] = set()

    @rule(size=st.integers(1, 3), sets=_COUNTS, unsent=st.sampled_from([0, 0, 1]))
    def send(self, size: int, sets: int, unsent: int) -> None:
        """Take as many sets as there are permits for. One permit of each set may stay unused."""
        for _ in range(sets):
            ids = [next(self.ids) for _ in range(size)]
            answer = self.window.take(ids, limit=LIMIT, timeout_s=TIMEOUT_S, busy_s=BUSY_S)
            if not isinstance(answer, Grant):
                assert 0 <= answer.earliest_s <= BUSY_S + 1e-6
                return
            self.unsent += ids[:unsent]
            self.sent += ids[unsent:]

    @rule()
    def give_back(self) -> None:
        self.window.end(self.unsent)
        self.unsent = []

    @precondition(lambda self: self.sent)
    @rule(place=st.integers(0, 100), count=_COUNTS)
    def arrive(self, place: int, count: int) -> None:
        for permit_id in self.sent[place % (len(self.sent) or 1) :][:count]:
            self._arrive(permit_id)

    @precondition(lambda self: self.sent)
    @rule(place=st.integers(0, 100), count=_COUNTS)
    def end(self, place: int, count: int) -> None:
        """End requests by an answer, or by giving up."""
        for _ in range(min(count, len(self.sent))):
            permit_id = self.sent.pop(place % len(self.sent))
            self._arrive(permit_id)
            self.window.end([permit_id], busy_s=BUSY_S)

    @rule(seconds=st.sampled_from([0.01, 0.9, 8.0, 9.95, 10.0, 10.05, 11.1]))
    def advance(self, seconds: float) -> None:
        """Let time pass. Requests end within their time-out."""
        if seconds >= TIMEOUT_S and self.sent:
            self.clock.advance(TIMEOUT_S)
            self.end(0, len(self.sent))
            seconds -= TIMEOUT_S
        self.clock.advance(seconds)

    def _arrive(self, permit_id: str) -> None:
        if permit_id not in self.arrived:
            self.arrived.add(permit_id)
            assert self.trifft.admit(self.clock.time_s)


TestWindow = WindowMachine.TestCase
TestWindow.settings = settings(max_examples=50, stateful_step_count=30)


def test_free_permits_are_forgotten() -> None:
    """So are those that the shared store granted."""
    clock = FakeClock()
    window = SlidingWindow(clock)
    for number in range(1000):
        window.note(Grant(is_probe=False), [str(number)], BUSY_S)
        clock.advance(1)
    assert len(window._ends) < 20

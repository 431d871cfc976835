"""Slots against TRIFFT's own rule: whatever is sent, answered, lost, cancelled or killed, and whenever it arrives."""

from collections import deque
from collections.abc import Coroutine
from typing import Any, TypeVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from loyalty_service.domain.priority import Priority
from loyalty_service.trifft.profile import Rate
from loyalty_service.trifft.rack import START_SHARE, Rack, Taken, Wanted
from loyalty_service.trifft.slots import MARGIN_S, UNANSWERED_S, Busy, get_limit
from tests.loyalty_service.snapshots.scripted import FakeClock

RATE = Rate(requests=50, period_s=10, block_s=60)
T = TypeVar("T")


_COUNTS = st.sampled_from([1, 7, 50])


class Trifft:
    """Fifty arrivals in any ten seconds."""

    def __init__(self) -> None:
        self.arrivals: deque[float] = deque()

    def admit(self, now_s: float) -> bool:
        while self.arrivals and self.arrivals[0] <= now_s - 10:
            self.arrivals.popleft()
        self.arrivals.append(now_s)
        return len(self.arrivals) <= 50


def make_wanted(count: int, *, key: str = "token", is_new: bool = False, rate: Rate = RATE) -> Wanted:
    return Wanted(key=key, rate=rate, count=count, lease_s=12, is_new=is_new)


def run(step: Coroutine[Any, Any, T]) -> T:
    """Without a shared store nothing suspends."""
    try:
        step.send(None)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]
    raise AssertionError("suspended")


def take(rack: Rack, count: int, priority: Priority = Priority.TICKET, **fields: Any) -> Taken | Busy:  # noqa: ANN401
    return run(rack.take(make_wanted(count, **fields), priority))


class SlotsMachine(RuleBasedStateMachine):
    """Requests that were sent and have not arrived yet do so at any time up to their answer, or until they are lost."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = FakeClock()
        self.trifft = Trifft()
        self.rack = Rack(self.clock, replicas=1)
        self.restart_s = self.clock.time_s
        self.clock.advance(60)
        self.taken: list[Taken] = []
        self.sent: list[tuple[Taken, str]] = []
        self.arrived: set[str] = set()
        self.stray: list[float] = []

    @rule(size=st.integers(1, 3), sets=_COUNTS, unsent=st.sampled_from([0, 0, 1]), priority=st.sampled_from(Priority))
    def burst(self, size: int, sets: int, unsent: int, priority: Priority) -> None:
        """As many as there are slots for, each of which may keep back some of its requests."""
        for _ in range(sets):
            answer = take(self.rack, size, priority)
            if isinstance(answer, Busy):
                assert 0 <= answer.earliest_s <= answer.expected_s < 10 + MARGIN_S + UNANSWERED_S + 1e-6
                return
            self.taken.append(answer)
            while len(answer.ids) > unsent:
                self.sent.append((answer, self.rack.send(answer)))

    @rule(seconds=st.sampled_from([0.0, 0.4, 3.0]), is_early=st.booleans(), is_lost=st.booleans())
    def exchange_all(self, seconds: float, *, is_early: bool, is_lost: bool) -> None:
        """Whatever there are slots for is sent, and is over some time later."""
        self.burst(1, 50, 0, Priority.AWARD)
        if is_early:
            self.arrive(0, 50)
        self.advance(seconds)
        if is_lost:
            self.lose(0, 50)
        else:
            self.answer(0, 50)

    @precondition(lambda self: self.taken)
    @rule(place=st.integers(0, 100))
    def send(self, place: int) -> None:
        """What was kept back."""
        taken = self.taken[place % len(self.taken)]
        while taken.ids:
            self.sent.append((taken, self.rack.send(taken)))

    @precondition(lambda self: self.taken)
    @rule(place=st.integers(0, 100))
    def give_back(self, place: int) -> None:
        self.rack.finish(self.taken.pop(place % len(self.taken)))

    @precondition(lambda self: self.sent)
    @rule(place=st.integers(0, 100), count=_COUNTS)
    def arrive(self, place: int, count: int) -> None:
        for _, slot_id in self.sent[place % (len(self.sent) or 1) :][:count]:
            self._arrive(slot_id, self.clock.time_s)

    @precondition(lambda self: self.sent)
    @rule(place=st.integers(0, 100), count=_COUNTS)
    def answer(self, place: int, count: int) -> None:
        for _ in range(min(count, len(self.sent))):
            taken, slot_id = self.sent.pop(place % len(self.sent))
            self._arrive(slot_id, self.clock.time_s)
            self.rack.answer(taken, slot_id, is_refused=False)

    @precondition(lambda self: self.sent)
    @rule(place=st.integers(0, 100), count=_COUNTS)
    def lose(self, place: int, count: int) -> None:
        """A time-out, a cancellation, a connection that broke: it may yet arrive."""
        for _ in range(min(count, len(self.sent))):
            taken, slot_id = self.sent.pop(place % len(self.sent))
            self.rack.lose(taken, slot_id)
            if slot_id not in self.arrived:
                self.stray.append(self.clock.time_s + UNANSWERED_S)

    @precondition(lambda self: self.clock.time_s > self.restart_s + 10 + MARGIN_S + UNANSWERED_S)
    @rule()
    def kill_and_start(self) -> None:
        """The next process knows nothing of what this one has sent."""
        self.stray += [self.clock.time_s + UNANSWERED_S for _, slot_id in self.sent if slot_id not in self.arrived]
        self.taken, self.sent = [], []
        self.rack = Rack(self.clock, replicas=1)
        self.restart_s = self.clock.time_s

    @rule(seconds=st.sampled_from([0.01, 0.9, 8.0, 9.6, 10 + MARGIN_S, 11.1]))
    def advance(self, seconds: float) -> None:
        self.clock.advance(seconds)
        for due_s in sorted(due_s for due_s in self.stray if due_s <= self.clock.time_s):
            self.stray.remove(due_s)
            assert self.trifft.admit(due_s)

    def _arrive(self, slot_id: str, now_s: float) -> None:
        if slot_id not in self.arrived:
            self.arrived.add(slot_id)
            assert self.trifft.admit(now_s)


TestSlots = SlotsMachine.TestCase
TestSlots.settings = settings(max_examples=100, stateful_step_count=30, deadline=None)


def make_rack(clock: FakeClock) -> Rack:
    """Of a process that has run for long."""
    rack = Rack(clock, replicas=1)
    clock.advance(60)
    return rack


def take_all(rack: Rack, priority: Priority) -> int:
    count = 0
    while isinstance(take(rack, 1, priority), Taken):
        count += 1
    return count


def test_more_urgent_ask_finds_slots_that_the_others_must_leave() -> None:
    rack = make_rack(FakeClock())
    counts = [take_all(rack, priority) for priority in (Priority.BATCH, Priority.TICKET, Priority.AWARD)]
    usable = RATE.requests - RATE.requests // START_SHARE
    assert counts == [get_limit(usable, Priority.BATCH), 8, 2]
    assert sum(counts) == usable


def test_reads_may_use_nine_tenths_of_what_trifft_allows() -> None:
    assert take_all(make_rack(FakeClock()), Priority.TICKET) >= 0.9 * RATE.requests


def test_process_that_has_just_begun_reads_one_member_at_once_and_more_a_period_later() -> None:
    clock = FakeClock()
    rack = Rack(clock, replicas=1)
    first = take(rack, 2)
    assert isinstance(first, Taken)
    for _ in range(2):
        rack.send(first)
    clock.advance(5)  # no answer comes
    refused = take(rack, 2)
    assert isinstance(refused, Busy)
    assert refused.earliest_s == pytest.approx(5 + MARGIN_S + UNANSWERED_S)
    clock.advance(refused.earliest_s + 1e-6)
    assert isinstance(take(rack, 2), Taken)


def test_token_that_is_new_has_no_past_to_be_careful_of() -> None:
    assert isinstance(take(Rack(FakeClock(), replicas=1), 40, is_new=True), Taken)


def test_each_of_several_processes_keeps_to_its_share() -> None:
    clock = FakeClock()
    racks = [Rack(clock, replicas=4) for _ in range(4)]
    clock.advance(60)
    assert sum(take_all(rack, Priority.AWARD) for rack in racks) <= RATE.requests


def test_slot_is_free_a_period_after_its_answer_and_not_before() -> None:
    clock = FakeClock()
    rack = make_rack(clock)
    first = take(rack, 1)
    take_all(rack, Priority.AWARD)
    assert isinstance(first, Taken)
    slot_id = rack.send(first)
    clock.advance(3)
    rack.answer(first, slot_id, is_refused=False)
    rack.finish(first)
    clock.advance(4)
    busy = take(rack, 1, Priority.AWARD)
    assert isinstance(busy, Busy)
    assert busy.expected_s == pytest.approx(10 + MARGIN_S - 4)
    clock.advance(busy.expected_s + 1e-6)
    assert isinstance(take(rack, 1, Priority.AWARD), Taken)


def test_request_that_never_left_costs_nothing() -> None:
    rack = make_rack(FakeClock())
    for _ in range(200):
        taken = take(rack, 2)
        assert isinstance(taken, Taken)
        rack.unsend(taken, rack.send(taken))
        rack.finish(taken)


def test_tokens_that_are_idle_are_forgotten() -> None:
    clock = FakeClock()
    rack = make_rack(clock)
    for number in range(10_000):
        taken = take(rack, 1, key=f"token-{number}")
        assert isinstance(taken, Taken)
        rack.answer(taken, rack.send(taken), is_refused=False)
        clock.advance(0.5)
    assert len(list(rack.list_known())) < 200


def close(rack: Rack) -> None:
    taken = take(rack, 1)
    assert isinstance(taken, Taken)
    rack.answer(taken, rack.send(taken), is_refused=True)
    rack.finish(taken)


def test_refusal_closes_the_token_for_its_time_and_then_one_probe_goes() -> None:
    clock = FakeClock()
    rack = make_rack(clock)
    close(rack)
    refused = take(rack, 2, Priority.AWARD)
    assert isinstance(refused, Busy)
    assert refused.is_refused
    assert refused.earliest_s == pytest.approx(60 + MARGIN_S)
    assert rack.count_closed() == 1
    clock.advance(refused.earliest_s + 1e-6)
    probe = take(rack, 2)
    assert isinstance(probe, Taken)
    others = [take(rack, 1, priority) for priority in Priority]
    assert all(isinstance(other, Busy) and other.is_refused for other in others)
    rack.answer(probe, rack.send(probe), is_refused=False)
    assert rack.count_closed() == 0
    assert isinstance(take(rack, 2), Taken)


def test_probe_that_is_refused_closes_the_token_again() -> None:
    clock = FakeClock()
    rack = make_rack(clock)
    close(rack)
    clock.advance(61)
    close(rack)
    refused = take(rack, 1)
    assert isinstance(refused, Busy)
    assert refused.earliest_s == pytest.approx(60 + MARGIN_S)


def test_probe_that_finds_nothing_out_leaves_it_to_the_next() -> None:
    clock = FakeClock()
    rack = make_rack(clock)
    close(rack)
    clock.advance(61)
    probe = take(rack, 2)
    assert isinstance(probe, Taken)
    rack.lose(probe, rack.send(probe))
    rack.finish(probe)
    assert isinstance(take(rack, 2), Taken)


def test_what_was_taken_before_a_refusal_is_not_sent_after_it() -> None:
    rack = make_rack(FakeClock())
    planned = take(rack, 2)
    assert isinstance(planned, Taken)
    assert rack.check(planned) is None
    close(rack)
    assert rack.check(planned) is not None


def test_answer_to_what_was_sent_before_a_refusal_does_not_open_the_token() -> None:
    rack = make_rack(FakeClock())
    earlier = take(rack, 1)
    assert isinstance(earlier, Taken)
    slot_id = rack.send(earlier)
    close(rack)
    rack.answer(earlier, slot_id, is_refused=False)
    assert isinstance(take(rack, 1), Busy)


def test_refusal_of_one_token_is_nobody_elses() -> None:
    rack = make_rack(FakeClock())
    close(rack)
    assert isinstance(take(rack, 40, key="another"), Taken)

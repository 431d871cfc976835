"""The promise about snapshots, in several processes that share a store."""

from typing import ClassVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule, run_state_machine_as_test

from tests.loyalty_service.snapshots.desk import Desk
from tests.loyalty_service.snapshots.promise import PICKS, Announced, Promise
from tests.loyalty_service.snapshots.shared import Link, SharedClock, open_shared

PROCESSES = 3


class FleetPromise(Promise):
    """Three processes on one store that works."""

    url: ClassVar[str]

    def __init__(self) -> None:
        self.links: dict[Desk, Link] = {}
        super().__init__()

    def make_clock(self) -> SharedClock:
        return SharedClock(self.url)

    async def open_desks(self) -> list[Desk]:
        return [await self.open_process() for _ in range(PROCESSES)]

    async def open_process(self) -> Desk:
        shared, link = await self.stack.enter_async_context(open_shared(self.url))
        desk = await self.open_desk(shared)
        desk.is_busy = lambda: any(one.is_busy() for one in self.links.values())
        self.links[desk] = link
        return desk


class DisturbedPromise(FleetPromise):
    """The same, while the store is emptied, and processes lose it or are killed.

    While a process has lost the store, its invalidations bind its own readers at once, and those of others when it has
    the store again.
    """

    def __init__(self) -> None:
        super().__init__()
        self.own = {desk: Announced() for desk in self.desks}

    def get_announced(self, desk: Desk) -> Announced:
        return self.announced.merge(self.own[desk])

    def announce(self, desk: Desk, member: str) -> None:
        self.own[desk] = self.own[desk].merge(self.make_announced(member))
        self.tell(desk)

    def tell(self, desk: Desk) -> None:
        if not self.links[desk].is_cut:
            self.announced = self.announced.merge(self.own[desk])

    @rule()
    def empty_the_store(self) -> None:
        """Empty the store. That takes a moment, after which the server's clock is past all times that it has given."""
        self.clock.advance(0.001)
        self.clock.empty()  # type: ignore[attr-defined]

    @rule(pick=PICKS, mode=st.sampled_from(["before", "after"]))
    def lose_the_store(self, pick: int, mode: str) -> None:
        self.links[self.pick_desk(pick)].cut(mode)

    @rule(pick=PICKS)
    def find_the_store(self, pick: int) -> None:
        desk = self.pick_desk(pick)
        self.run(self.links[desk].restore())
        self.settle()
        self.tell(desk)

    @rule(pick=PICKS)
    def kill(self, pick: int) -> None:
        desk = self.pick_desk(pick)
        for reader in [reader for reader in self.readers if reader.desk is desk]:
            self.readers.remove(reader)
            reader.task.cancel()
        self.links[desk].cut("before")
        self.run(desk.snapshots.close())  # type: ignore[attr-defined]  # its flights end silently
        self.desks[self.desks.index(desk)] = new = self.run(self.open_process())
        self.own[new] = Announced()

    @invariant()
    def what_is_held_never_goes_back(self) -> None:
        """Held data is never older than an invalidation."""
        for desk in self.desks:
            for member in self.announced.versions:
                snapshot = self.run(desk.get_held(member))
                if snapshot is not None:
                    self.get_announced(desk).check(snapshot)

    def teardown(self) -> None:
        for desk in self.desks:
            self.run(self.links[desk].restore())
        super().teardown()


@pytest.mark.parametrize("promise", [FleetPromise, DisturbedPromise])
def test_promise_holds_in_a_fleet(
    shared_clock: SharedClock, monkeypatch: pytest.MonkeyPatch, promise: type[FleetPromise]
) -> None:
    monkeypatch.setattr(FleetPromise, "url", shared_clock.url, raising=False)
    run_state_machine_as_test(promise, settings=settings(max_examples=6, stateful_step_count=30))

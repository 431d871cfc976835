"""Readers, writes, awards, invalidations, failures and time in any order, in one process or in several."""

import asyncio
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any

import msgspec
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from loyalty_service.domain.errors import MemberNotFoundError, ProviderUnavailableError
from loyalty_service.domain.ports import HeldSnapshot
from loyalty_service.domain.snapshot import Snapshot
from loyalty_service.snapshots import SharedStore, open_snapshots
from tests.loyalty_service.snapshots.desk import Desk
from tests.loyalty_service.snapshots.scripted import (
    Call,
    FakeClock,
    Reading,
    ScriptedLedger,
    ScriptedProvider,
    get_number,
    get_points,
)

HOLD_TIME_S = 100.0
STALE_S = 400.0
MEMBERS = ("jana", "zoe")
EMAILS = ("a@example.com", "b@example.com")
PICKS = st.integers(min_value=0, max_value=5)
STALENESS = (None, 0.0, 1.0, 30.0)


class Announced(msgspec.Struct, frozen=True, kw_only=True):
    """The version and the award of each member that every later answer must have."""

    versions: dict[str, int] = msgspec.field(default_factory=lambda: dict.fromkeys(MEMBERS, 0))
    awards: dict[str, int] = msgspec.field(default_factory=lambda: dict.fromkeys(MEMBERS, 1))

    def merge(self, other: "Announced") -> "Announced":
        return Announced(
            versions={member: max(version, other.versions[member]) for member, version in self.versions.items()},
            awards={member: max(award, other.awards[member]) for member, award in self.awards.items()},
        )

    def check(self, snapshot: Snapshot) -> None:
        member_id = snapshot.member.member_id
        assert get_points(snapshot) >= self.versions[member_id], "older than an invalidation"
        assert (get_number(snapshot) or 0) >= self.awards[member_id], "without an award that was announced"


class Reader(msgspec.Struct, kw_only=True):
    """A reader, the oldest version of the programme that may answer, and what was announced before the call."""

    desk: Desk
    name: str
    task: "asyncio.Task[HeldSnapshot]"
    oldest_allowed: int
    announced: Announced


class Promise(RuleBasedStateMachine):
    """No reader gets data that is older than promised, and none reads the provider without need.

    Each change makes a new version of the programme; a member's points are the version in which they were read.
    """

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.stack = AsyncExitStack()
        self.clock = self.make_clock()
        self.provider = ScriptedProvider(self.clock)
        self.provider.holds = True
        self.ledger = ScriptedLedger()
        self.ledger.holds = True
        self.ledger.numbers = dict.fromkeys(MEMBERS, 1)
        self.announced = Announced()
        self.version = 0
        self.changes: list[tuple[float, int]] = [(0.0, 0)]
        self.names_by_version: list[dict[str, str | None]] = [{}]
        self.newest_held: dict[str, int] = {}
        self.readers: list[Reader] = []
        self.desks: list[Desk] = self.run(self.open_desks())
        for member in MEMBERS:
            self.provider.add(member, f"{member}@nowhere.example")
        self.names: dict[str, str | None] = {member: member for member in MEMBERS} | dict.fromkeys(EMAILS)
        self.change()

    def make_clock(self) -> FakeClock:
        return FakeClock()

    async def open_desks(self) -> list[Desk]:
        """Open one desk for each process."""
        return [await self.open_desk(None)]

    async def open_desk(self, shared: SharedStore | None) -> Desk:
        opening = open_snapshots(
            self.provider,
            self.clock,
            shared=shared,
            recent=self.ledger,
            hold_time_s=HOLD_TIME_S,
            stale_if_error_s=STALE_S,
            capacity=6,
            ledger_timeout_s=10_000,
        )
        return Desk(await self.stack.enter_async_context(opening), self.provider, self.clock, self.ledger)

    def pick_desk(self, pick: int) -> Desk:
        return self.desks[pick % len(self.desks)]

    def run(self, step: Any) -> Any:  # noqa: ANN401 - the result of any step
        return self.loop.run_until_complete(step)

    def change(self) -> None:
        self.version += 1
        self.changes.append((self.clock.time_s, self.version))
        self.names_by_version.append(dict(self.names))
        for name, member in self.names.items():
            self.provider.members[name] = [] if member is None else [member]
        for member in MEMBERS:
            self.provider.points[member] = self.version

    def get_version_before(self, time_s: float) -> int:
        """Return the version written before; a write at that very instant may or may not be seen."""
        return max(version for written_s, version in self.changes if written_s < time_s or version == 0)

    @rule()
    def write(self) -> None:
        self.change()

    @rule(email=st.sampled_from(EMAILS), member=st.sampled_from([None, *MEMBERS]))
    def move_email(self, email: str, member: str | None) -> None:
        self.names[email] = member
        self.change()

    @rule(member=st.sampled_from(MEMBERS))
    def commit_award(self, member: str) -> None:
        """Commit an award without announcing it: between commit and invalidation anything may happen."""
        self.ledger.numbers[member] += 1

    @rule(member=st.sampled_from(MEMBERS), pick=PICKS)
    def invalidate(self, member: str, pick: int) -> None:
        desk = self.pick_desk(pick)
        self.newest_held.pop(member, None)
        self.run(desk.invalidate(member))
        self.announce(desk, member)

    def make_announced(self, member: str) -> Announced:
        """Return what an invalidation announces now."""
        return Announced(
            versions=dict.fromkeys(MEMBERS, 0) | {member: self.version},
            awards=dict.fromkeys(MEMBERS, 0) | {member: self.ledger.numbers[member]},
        )

    def announce(self, desk: Desk, member: str) -> None:  # noqa: ARG002 - any process
        self.announced = self.announced.merge(self.make_announced(member))

    def get_announced(self, desk: Desk) -> Announced:  # noqa: ARG002 - the same for all
        return self.announced

    @rule(seconds=st.sampled_from([0.5, 5.0, 60.0, 300.0]))
    def pass_time(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @rule(name=st.sampled_from([*MEMBERS, *EMAILS]), staleness_s=st.sampled_from(STALENESS), pick=PICKS)
    def read(self, name: str, staleness_s: float | None, pick: int) -> None:
        desk = self.pick_desk(pick)
        allowed_s = HOLD_TIME_S if staleness_s is None else staleness_s
        held, fetches = self.run(desk.get_held(name)), len(self.provider.calls)
        oldest = self.get_version_before(self.clock.time_s - allowed_s) if allowed_s else self.version
        task = self.loop.create_task(desk.read(name, staleness_s, timeout_s=10_000))
        self.readers.append(
            Reader(desk=desk, name=name, task=task, oldest_allowed=oldest, announced=self.get_announced(desk))
        )
        self.settle()
        if held is not None and self.clock.now() - held.fetch_time < timedelta(seconds=allowed_s):
            assert len(self.provider.calls) == fetches, "fetched although the data was held"

    @precondition(lambda self: self.waiting())
    @rule(pick=st.integers(min_value=0, max_value=7), fails=st.booleans())
    def answer(self, pick: int, fails: bool) -> None:  # noqa: FBT001 - drawn
        calls = self.waiting()
        calls[pick % len(calls)].release(ProviderUnavailableError("down") if fails else None)
        self.settle()

    @precondition(lambda self: self.waiting_for_the_ledger())
    @rule(pick=st.integers(min_value=0, max_value=7))
    def answer_from_the_ledger(self, pick: int) -> None:
        readings = self.waiting_for_the_ledger()
        readings[pick % len(readings)].release()
        self.settle()

    def waiting(self) -> list[Call]:
        return [call for call in self.provider.calls if not call.is_released]

    def waiting_for_the_ledger(self) -> list[Reading]:
        return [reading for reading in self.ledger.readings if reading.is_waiting]

    def has_open_ends(self) -> bool:
        return bool(self.readers or self.waiting() or self.waiting_for_the_ledger())

    def settle(self) -> None:
        self.run(self.rest())
        for reader in [reader for reader in self.readers if reader.task.done()]:
            self.readers.remove(reader)
            self.check(reader)

    async def rest(self) -> None:
        await self.desks[0].settle()

    def check(self, reader: Reader) -> None:
        error = reader.task.exception()
        if isinstance(error, ProviderUnavailableError):
            return
        if error is not None:
            assert isinstance(error, MemberNotFoundError)
            self.check_named(reader, None, since=reader.oldest_allowed)
            return
        held = reader.task.result()
        member_id = held.snapshot.member.member_id
        oldest = reader.announced.versions[member_id]
        reader.announced.check(held.snapshot)
        if held.stale_reason is None:
            oldest = max(oldest, reader.oldest_allowed)
            assert get_points(held.snapshot) >= oldest, "older than promised"
        self.check_named(reader, member_id, since=oldest)

    def check_named(self, reader: Reader, member_id: str | None, *, since: int) -> None:
        recent = self.names_by_version[since:]
        assert member_id in [names.get(reader.name) for names in recent], "not the member with that name"

    @invariant()
    def one_flight_for_each_name_and_process(self) -> None:
        assert self.provider.most_at_once <= len(self.desks)

    @invariant()
    def what_is_held_never_goes_back(self) -> None:
        for member in MEMBERS:
            for desk in self.desks:
                self.check_held(member, self.run(desk.get_held(member)))

    def check_held(self, member: str, snapshot: Snapshot | None) -> None:
        if snapshot is None:
            self.newest_held.pop(member, None)
            return
        seen = get_points(snapshot)
        assert seen >= self.newest_held.get(member, 0)
        self.announced.check(snapshot)
        self.newest_held[member] = seen

    def teardown(self) -> None:
        end = self.loop.time() + 10
        while self.has_open_ends() and self.loop.time() < end:  # a reader that came too late begins another read
            for call in self.waiting():
                call.release()
            self.settle()
            for reading in self.waiting_for_the_ledger():
                reading.release()
            self.settle()
        assert not self.readers, "a reader still waits"
        self.run(self.stack.aclose())
        self.loop.close()

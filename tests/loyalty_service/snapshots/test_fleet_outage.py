"""A shared store that is lost, slow, full or wrong: it costs reads, is counted, and is found again."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable

import pytest
from prometheus_client import generate_latest
from redis import Redis

from loyalty_service.domain.errors import SnapshotsUnavailableError
from loyalty_service.domain.member import parse_identity
from loyalty_service.snapshots import valkey_store
from tests.loyalty_service.running import wait_until
from tests.loyalty_service.snapshots.desk import ACME, Desk
from tests.loyalty_service.snapshots.processes import open_desk, open_process
from tests.loyalty_service.snapshots.scripted import get_points
from tests.loyalty_service.snapshots.shared import SharedClock, open_fleet

JANA = "jana@example.com"


@pytest.fixture
async def desks(shared_clock: SharedClock) -> AsyncIterator[tuple[Desk, Desk]]:
    """Two processes, one provider."""
    async with open_process(shared_clock) as one, open_process(shared_clock, one) as other:
        yield one, other


def count_failures(desk: Desk) -> dict[str, int]:
    """Of the store, by kind."""
    text = generate_latest(desk.metrics.registry).decode()
    found = re.findall(r'^loyalty_snapshot_store_failures_total{kind="(\w+)"} (\d+)', text, re.MULTILINE)
    return {kind: int(count) for kind, count in found}


@pytest.mark.parametrize("mode", ["before", "after"])
async def test_store_that_is_lost_costs_a_read_each_and_is_found_again(desks: tuple[Desk, Desk], mode: str) -> None:
    one, _ = desks
    await one.read(JANA)
    one.cut(mode)
    for fetches in (2, 3):
        assert await one.read_points(JANA) == 100
        assert one.fetches == fetches
    assert count_failures(one)["unreachable"] >= 1
    await one.restore()
    await one.settle()
    assert await one.read_points(JANA) == 100
    assert one.fetches == 3


async def test_process_without_its_store_still_flies_once_for_all_its_readers(desks: tuple[Desk, Desk]) -> None:
    one, _ = desks
    one.cut("before")
    one.provider.holds = True
    first = [await one.arrive(JANA, 1) for _ in range(5)]
    one.clock.advance(0.9)
    first += [await one.arrive(JANA, 1) for _ in range(5)]
    one.clock.advance(0.9)
    late = [await one.arrive(JANA, 1) for _ in range(5)]
    for call in (0, 1):
        await one.release(one.provider.calls[call])
    assert await asyncio.gather(*first, *late) == [100] * 15
    assert one.fetches == 2


async def test_reader_after_an_award_joins_no_flight_from_before_it_without_the_store_either(
    desks: tuple[Desk, Desk],
) -> None:
    one, _ = desks
    one.cut("before")
    one.provider.holds = True
    early = await one.arrive(JANA, 1)
    one.provider.points["jana"] = 200
    await one.invalidate("jana")
    late = await one.arrive(JANA, 1)
    for call in (0, 1):
        await one.release(one.provider.calls[call])
    assert (await early, await late) == (100, 200)


@pytest.mark.parametrize("mode", ["before", "after"])
async def test_award_that_the_store_was_not_told_is_told_before_it_is_asked_again(
    desks: tuple[Desk, Desk], mode: str
) -> None:
    one, other = desks
    await one.read(JANA)
    one.cut(mode)
    one.provider.points["jana"] = 200
    await one.invalidate("jana")
    assert await one.read_points(JANA) == 200
    await one.restore()
    await one.settle()
    assert (await one.read_points(JANA), await other.read_points("jana")) == (200, 200)


async def test_award_that_the_store_was_not_told_is_told_by_a_process_that_leaves(shared_clock: SharedClock) -> None:
    async with open_process(shared_clock) as stays:
        async with open_process(shared_clock, stays, pause_s=60) as leaves:
            await leaves.read(JANA)
            leaves.cut("before")
            stays.provider.points["jana"] = 200
            await leaves.invalidate("jana")
            await leaves.settle()
            leaves.cut("")
        assert await stays.read_points(JANA) == 200


async def test_who_wants_to_see_drop_or_forget_what_a_lost_store_holds_is_told_that_it_is_not_done(
    desks: tuple[Desk, Desk],
) -> None:
    one, other = desks
    await one.read(JANA)
    by_email = parse_identity("email", JANA)
    one.cut("before")
    for call in (
        one.snapshots.get_holding(ACME, by_email),
        one.snapshots.drop(ACME, by_email),
        one.snapshots.erase(ACME, "", [by_email]),
        one.snapshots.erase(ACME, "jana", []),
    ):
        with pytest.raises(SnapshotsUnavailableError):
            await call
    assert await other.get_held("jana") is not None
    await one.restore()
    await one.settle()
    await one.snapshots.erase(ACME, "jana", [by_email])
    assert await other.get_held("jana") is None


async def test_more_awards_than_are_kept_drop_all_that_the_merchant_has(
    desks: tuple[Desk, Desk], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(valkey_store, "_MARKS", 2)
    one, other = desks
    async with open_process(one.clock, one) as few:  # type: ignore[arg-type]
        few.provider.add("zoe", "zoe@example.com")
        for name in ("jana", "zoe"):
            await few.read(name)
        few.cut("before")
        for member_id in ("jana", "a", "b", "c"):
            await few.invalidate(member_id)
        await few.restore()
        await few.settle()
        assert [await other.get_held(name) for name in ("jana", "zoe")] == [None, None]


@pytest.mark.parametrize("gone", ["*", "loyalty:fence:*"])
async def test_store_that_has_forgotten_never_shows_what_was_before(desks: tuple[Desk, Desk], gone: str) -> None:
    """All of it, or only when whom was invalidated: evicted, say."""
    one, other = desks
    for _ in range(2):  # the second flight began while the marks of the first were there
        await one.read("jana", 0)
    one.provider.holds = True
    early = await one.arrive(JANA, 0)
    one.provider.points["jana"] = 200
    await other.invalidate("jana")
    forget(one.clock, gone)  # type: ignore[arg-type]
    await one.release(one.provider.calls[2])
    assert await early == 100
    assert await other.get_held("jana") is None
    one.provider.holds = False
    for fetches in (4, 5, 5):  # the first one after that is not held: nobody knows what was invalidated meanwhile
        assert await other.read_points("jana") == 200
        assert other.fetches <= fetches


def forget(clock: SharedClock, pattern: str) -> None:
    if pattern == "*":
        clock.empty()
        return
    with Redis.from_url(clock.url) as server:
        server.unlink(*server.scan_iter(match=pattern))


async def test_answer_that_nobody_is_there_does_not_outlive_the_marks(desks: tuple[Desk, Desk]) -> None:
    one, other = desks
    await asyncio.gather(one.read("new"), return_exceptions=True)
    one.provider.add("new", "new@example.com")
    await other.invalidate("new")
    forget(one.clock, "loyalty:fence:*")  # type: ignore[arg-type]
    assert await one.read_points("new") == 100


def be_slow(server: Redis) -> None:
    server.client_pause(60_000, all=False)


def be_slow_no_more(server: Redis) -> None:
    server.client_unpause()


def be_full(server: Redis) -> None:
    server.config_set("maxmemory-policy", "noeviction")
    server.config_set("maxmemory", "1kb")


def be_full_no_more(server: Redis) -> None:
    server.config_set("maxmemory", "0")


def be_a_replica(server: Redis) -> None:
    server.config_set("replica-read-only", "yes")
    server.replicaof("127.0.0.1", "1")


def be_a_replica_no_more(server: Redis) -> None:
    server.replicaof("NO", "ONE")


def want_a_password(server: Redis) -> None:
    server.config_set("requirepass", "another")
    server.client_kill_filter(_type="normal", skipme=True)


def want_a_password_no_more(server: Redis) -> None:
    server.config_set("requirepass", "")


@pytest.mark.parametrize(
    ("begin", "end", "kind"),
    [
        (be_slow, be_slow_no_more, "timeout"),
        (be_full, be_full_no_more, "full"),
        (be_a_replica, be_a_replica_no_more, "read_only"),
        (want_a_password, want_a_password_no_more, "refused"),
    ],
)
async def test_store_that_is_wrong_costs_a_read_is_counted_and_is_found_again(
    shared_clock: SharedClock, begin: Callable[[Redis], None], end: Callable[[Redis], None], kind: str
) -> None:
    async with open_process(shared_clock, timeout_s=0.25) as desk:
        await desk.read("jana")
        with Redis.from_url(shared_clock.url) as server:
            begin(server)
            try:
                desk.provider.points["jana"] = 200
                await desk.invalidate("jana")
                assert await desk.read_points("jana") == 200
                await wait_until(lambda: kind in count_failures(desk))
            finally:
                end(server)
        await wait_until_held(desk)
        assert await desk.read_points("jana") == 200


async def wait_until_held(desk: Desk) -> None:
    """It is found again, and holds what is read."""
    async with asyncio.timeout(10):
        while await desk.get_held("jana") is None:
            await desk.read("jana")
            await asyncio.sleep(0.01)


async def test_crowd_at_a_slow_store_waits_for_two_trips_and_not_for_one_each(shared_clock: SharedClock) -> None:
    async with open_fleet(shared_clock.url) as (fleet, calls), open_desk(shared_clock, fleet) as desk:
        await desk.read("jana")
        before = calls.steps
        assert await asyncio.gather(*(desk.read_points("jana") for _ in range(500))) == [100] * 500
        assert calls.steps - before <= 2


async def test_full_store_still_drops_what_an_award_has_changed(desks: tuple[Desk, Desk]) -> None:
    one, other = desks
    await one.read("jana")
    with Redis.from_url(one.clock.url) as server:  # type: ignore[attr-defined]
        be_full(server)
        try:
            held = await other.get_held("jana")
            await one.invalidate("jana")
            dropped = await other.get_held("jana")
        finally:
            be_full_no_more(server)
    assert held is not None
    assert get_points(held) == 100
    assert dropped is None

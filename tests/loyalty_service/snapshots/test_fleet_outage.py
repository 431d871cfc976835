"""A shared store that is down, slow, full or faulty costs only additional reads, and is used again afterwards."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
from redis import Redis

from loyalty_service.domain.errors import MemberNotFoundError, SnapshotsUnavailableError
from loyalty_service.domain.member import parse_identity
from loyalty_service.snapshots import open_snapshots
from loyalty_service.snapshots.stores.scripts import SERVER_CLOCK
from tests.loyalty_service.snapshots.desk import ACME, Desk
from tests.loyalty_service.snapshots.processes import open_desk, open_process
from tests.loyalty_service.snapshots.scripted import FakeClock, ScriptedLedger, ScriptedProvider, make_merchant
from tests.loyalty_service.snapshots.shared import SharedClock, open_shared

JANA = "jana@example.com"
BLOOM = make_merchant("bloom")


@pytest.fixture
async def desks(shared_clock: SharedClock) -> AsyncIterator[tuple[Desk, Desk]]:
    """Two processes with one provider."""
    async with open_process(shared_clock) as one, open_process(shared_clock, one) as other:
        yield one, other


@pytest.mark.parametrize("mode", ["before", "after"])
async def test_lost_store_costs_one_read_per_request_and_is_used_again(desks: tuple[Desk, Desk], mode: str) -> None:
    one, _ = desks
    await one.read(JANA)
    one.link.cut(mode)
    for fetches in (2, 3):
        assert await one.read_points(JANA) == 100
        assert one.fetches == fetches
    await one.link.restore()
    await one.settle()
    assert await one.read_points(JANA) == 100
    assert one.fetches == 3


async def test_hold_time_of_zero_does_not_count_as_a_lost_store(shared_clock: SharedClock) -> None:
    provider = ScriptedProvider(shared_clock)
    async with (
        open_shared(shared_clock.url) as (shared, _),
        open_snapshots(
            provider,
            shared_clock,
            shared=shared,
            recent=ScriptedLedger(),
            hold_time_s=0,
            stale_if_error_s=900,
            capacity=1,
        ) as snapshots,
    ):
        with pytest.raises(MemberNotFoundError):
            await Desk(snapshots, provider, shared_clock).read("nobody")
        assert shared.valkey.is_up


async def test_process_without_its_store_still_shares_one_flight(desks: tuple[Desk, Desk]) -> None:
    one, _ = desks
    one.link.cut("before")
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


async def test_reader_after_an_award_joins_no_earlier_flight_even_without_the_store(
    desks: tuple[Desk, Desk],
) -> None:
    one, _ = desks
    one.link.cut("before")
    one.provider.holds = True
    early = await one.arrive(JANA, 1)
    one.provider.points["jana"] = 200
    await one.invalidate("jana")
    late = await one.arrive(JANA, 1)
    for call in (0, 1):
        await one.release(one.provider.calls[call])
    assert (await early, await late) == (100, 200)


@pytest.mark.parametrize("mode", ["before", "after"])
async def test_store_is_told_of_a_missed_award_before_it_is_used_again(desks: tuple[Desk, Desk], mode: str) -> None:
    one, other = desks
    await one.read(JANA)
    one.link.cut(mode)
    one.provider.points["jana"] = 200
    await one.invalidate("jana")
    assert await one.read_points(JANA) == 200
    await one.link.restore()
    await one.settle()
    assert (await one.read_points(JANA), await other.read_points("jana")) == (200, 200)


async def test_store_is_told_of_an_award_at_the_third_attempt(
    desks: tuple[Desk, Desk], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = desks
    await one.read(JANA)
    one.link.cut("before")
    one.provider.points["jana"] = 200
    await one.invalidate("jana")
    client = one.link._valkey.client
    unlink, tried = client.unlink, list[str]()

    async def fail_once(key: str) -> object:
        tried.append(key)
        if len(tried) == 1:
            raise ConnectionError("cut")
        return await unlink(key)

    monkeypatch.setattr(client, "unlink", fail_once)
    await one.link.restore()
    await one.read(JANA, 0)
    assert await other.read_points("jana") == 200
    assert len(tried) > 1


async def test_process_that_ends_tells_the_store_of_a_missed_award(shared_clock: SharedClock) -> None:
    async with open_process(shared_clock) as stays:
        async with open_process(shared_clock, stays, ping_s=60) as leaves:
            await leaves.read(JANA)
            leaves.link.cut("before")
            stays.provider.points["jana"] = 200
            await leaves.invalidate("jana")
            await leaves.settle()
            leaves.link.cut("")
        assert await stays.read_points(JANA) == 200


async def test_showing_dropping_or_forgetting_fails_while_the_store_is_lost(
    desks: tuple[Desk, Desk],
) -> None:
    one, other = desks
    await one.read(JANA)
    by_email = parse_identity("email", JANA)
    one.link.cut("before")
    for call in (
        one.snapshots.get_holding(ACME, by_email),
        one.snapshots.drop(ACME, by_email),
        one.snapshots.erase(ACME, "", [by_email]),
        one.snapshots.erase(ACME, "jana", []),
    ):
        with pytest.raises(SnapshotsUnavailableError):
            await call
    assert await other.get_held("jana") is not None
    await one.link.restore()
    await one.settle()
    await one.snapshots.erase(ACME, "jana", [by_email])
    assert await other.get_held("jana") is None


async def test_missed_award_drops_data_of_its_own_shop_only(desks: tuple[Desk, Desk]) -> None:
    one, other = desks
    for merchant in (ACME, BLOOM):
        await one.read(JANA, merchant=merchant)
    one.link.cut("before")
    await one.invalidate("jana")
    await one.link.restore()
    assert await other.get_held("jana") is None
    assert await other.get_held("jana", BLOOM) is not None


async def test_award_during_the_store_s_return_is_not_missed(shared_clock: SharedClock) -> None:
    async with open_shared(shared_clock.url) as (shared, link), open_desk(shared_clock, shared) as desk:
        is_coming, may_come = asyncio.Event(), asyncio.Event()

        async def keep_it_waiting() -> None:
            is_coming.set()
            await may_come.wait()

        shared.valkey.on_up(keep_it_waiting)
        await desk.read("jana")
        link.cut("before")
        await desk.read("jana", 0)
        link.cut("")
        await is_coming.wait()
        desk.provider.points["jana"] = 200
        await desk.invalidate("jana")
        may_come.set()
        await link.restore()
        assert await desk.read_points("jana") == 200


async def test_shop_that_was_dropped_as_a_whole_stays_dropped_after_a_read(desks: tuple[Desk, Desk]) -> None:
    one, other = desks
    one.provider.add("zoe", "zoe@example.com", points=7)
    await one.read(JANA)
    one.link.cut("before")
    await one.invalidate("jana")
    await one.link.restore()
    await one.read("zoe")
    assert await other.get_held("jana") is None


@pytest.mark.parametrize("gone", ["*", "*:merchant:*"])
async def test_store_that_lost_data_never_shows_older_data(desks: tuple[Desk, Desk], gone: str) -> None:
    """The store loses everything, or evicts only its knowledge of the shop."""
    one, other = desks
    await one.read("jana", 0)
    one.provider.holds = True
    early = await one.arrive(JANA, 0)
    one.provider.points["jana"] = 200
    await other.invalidate("jana")
    forget(one.clock, gone)  # type: ignore[arg-type]
    late = await one.arrive(JANA, 1)
    one.provider.holds = False
    await one.release(one.provider.calls[1])
    assert (await early, await late) == (100, 200)
    assert await other.read_points("jana") == 200
    assert other.fetches == 3


def forget(clock: SharedClock, pattern: str) -> None:
    if pattern == "*":
        clock.empty()
    else:
        clock.server.unlink(*clock.server.scan_iter(match=pattern))


async def test_answer_that_there_is_no_member_ends_with_the_store_s_knowledge_of_the_shop(
    desks: tuple[Desk, Desk],
) -> None:
    one, other = desks
    await asyncio.gather(one.read("new"), return_exceptions=True)
    one.provider.add("new", "new@example.com")
    await other.invalidate("new")
    forget(one.clock, "*:merchant:*")  # type: ignore[arg-type]
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


@pytest.mark.parametrize(
    ("begin", "end"),
    [(be_slow, be_slow_no_more), (be_full, be_full_no_more), (be_a_replica, be_a_replica_no_more)],
)
async def test_faulty_store_never_hides_an_award_and_is_used_again(
    valkey_url: str, begin: Callable[[Redis], None], end: Callable[[Redis], None]
) -> None:
    """The store uses the server's own clock, since a clock of the test would wait for the faulty server."""
    async with (
        open_shared(valkey_url, server_clock=SERVER_CLOCK, timeout_s=0.25) as (shared, _),
        open_desk(FakeClock(), shared) as desk,
    ):
        await desk.read("jana")
        with Redis.from_url(valkey_url) as server:
            begin(server)
            try:
                desk.provider.points["jana"] = 200
                await desk.invalidate("jana")
                assert await desk.read_points("jana") == 200
            finally:
                end(server)
        async with asyncio.timeout(30):
            while await desk.get_held("jana") is None:
                assert await desk.read_points("jana") == 200
                await asyncio.sleep(0.01)
        assert await desk.read_points("jana") == 200


async def test_full_store_still_drops_outdated_data(desks: tuple[Desk, Desk]) -> None:
    one, other = desks
    await one.read("jana")
    with Redis.from_url(one.clock.url) as server:  # type: ignore[attr-defined]
        be_full(server)
        try:
            await one.invalidate("jana")
        finally:
            be_full_no_more(server)
    assert await other.get_held("jana") is None

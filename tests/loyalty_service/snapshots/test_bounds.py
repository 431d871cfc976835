"""The bounds of freshness: what happens at their very time, and past them."""

from collections.abc import AsyncIterator

import pytest

from loyalty_service.domain.errors import MemberNotFoundError
from loyalty_service.domain.member import parse_identity
from loyalty_service.snapshots.entries import Alias, Content, make_nobody
from loyalty_service.snapshots.freshness import Freshness
from loyalty_service.snapshots.stores.memory import MemoryStore
from loyalty_service.snapshots.stores.protocol import Store
from loyalty_service.snapshots.stores.valkey import ValkeyStore
from tests.loyalty_service.snapshots.desk import Desk
from tests.loyalty_service.snapshots.scripted import FakeClock
from tests.loyalty_service.snapshots.shared import SharedClock, open_shared

SHOP = "acme"
ALIAS = Alias(member_key="key", member_id="jana")
NOBODY = make_nobody(parse_identity("email", "jana@example.com"), MemberNotFoundError(FakeClock().now()))


class StandingClock(FakeClock):
    def monotonic(self) -> float:
        return self.time_s


@pytest.fixture(params=["memory", "valkey"])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[Store]:
    if request.param == "memory":
        yield MemoryStore(StandingClock(), capacity=10)
        return
    clock: SharedClock = request.getfixturevalue("shared_clock")
    async with open_shared(clock.url, server_clock="local function get_now() return 1000000 end") as (shared, _):
        yield ValkeyStore(shared, StandingClock())


@pytest.mark.parametrize("content", [ALIAS, NOBODY], ids=lambda content: type(content).__name__)
async def test_read_that_began_at_the_time_of_an_invalidation_is_outdated(store: Store, content: Content) -> None:
    began_us = await store.begin(SHOP)
    assert await store.put("key", SHOP, content, began_us=began_us, keep_s=60)
    await store.invalidate("key", SHOP)
    assert not await store.put("key", SHOP, content, began_us=began_us, keep_s=60)
    assert (await store.get("key", SHOP)).member is None


async def test_nobody_from_before_an_invalidation_of_anybody_is_outdated(store: Store) -> None:
    began_us = await store.begin(SHOP)
    await store.invalidate("another key", SHOP)
    assert not await store.put("key", SHOP, NOBODY, began_us=began_us, keep_s=60)
    assert await store.put("key", SHOP, ALIAS, began_us=began_us, keep_s=60)


@pytest.mark.parametrize(
    ("max_staleness_s", "began_s", "is_allowed"), [(0.0, 100.0, False), (0.0, 100.5, True), (1.0, 99.0, True)]
)
def test_zero_is_after_the_call_and_a_bound_is_within_itself(
    max_staleness_s: float, began_s: float, *, is_allowed: bool
) -> None:
    assert Freshness(call_time_s=100.0, max_staleness_s=max_staleness_s).allows(began_s) is is_allowed


async def test_old_answer_that_there_is_nobody_is_none_whatever_the_reader_allows(desk: Desk) -> None:
    with pytest.raises(MemberNotFoundError):
        await desk.read("new@example.com")
    desk.provider.add("new", "new@example.com")
    desk.clock.advance(901)
    assert await desk.read_points("new@example.com", 10**9) == 100

"""What a store promises of reads and invalidations in any order, in memory and on a server.

Its clock stands still: a test names all times.
"""

from collections.abc import AsyncIterator

import pytest

from loyalty_service.domain.errors import MemberNotFoundError
from loyalty_service.domain.member import parse_identity
from loyalty_service.snapshots.entries import Alias, Content, make_nobody
from loyalty_service.snapshots.stores.memory import MemoryStore
from loyalty_service.snapshots.stores.protocol import Store
from loyalty_service.snapshots.stores.valkey import ValkeyStore
from tests.loyalty_service.snapshots.scripted import FakeClock
from tests.loyalty_service.snapshots.shared import SharedClock, open_shared

SHOP = "acme"
JANA, ZOE = (Alias(member_key="key", member_id=name) for name in ("jana", "zoe"))
NOBODY = make_nobody(parse_identity("email", "jana@example.com"), MemberNotFoundError(FakeClock().now()))


class StandingClock(FakeClock):
    def monotonic(self) -> float:
        return self.time_s


@pytest.fixture
async def valkey_store(shared_clock: SharedClock) -> AsyncIterator[Store]:
    clock = "local function get_now() return 1000000000 end"
    async with open_shared(shared_clock.url, server_clock=clock) as (shared, _):
        yield ValkeyStore(shared, StandingClock())


@pytest.fixture(params=["memory", "valkey"])
def store(request: pytest.FixtureRequest) -> Store:
    if request.param == "memory":
        return MemoryStore(StandingClock(), capacity=10)
    return request.getfixturevalue("valkey_store")  # type: ignore[no-any-return]


async def put(store: Store, content: Content, began_us: int, key: str = "key") -> bool:
    return await store.put(key, SHOP, content, began_us=began_us, keep_s=60)


async def get_content(store: Store, key: str = "key") -> Content | None:
    entry = (await store.get(key, SHOP)).entry
    return None if entry is None else entry.content


@pytest.mark.parametrize("content", [JANA, NOBODY], ids=lambda content: type(content).__name__)
async def test_read_that_began_at_the_time_of_an_invalidation_is_outdated(store: Store, content: Content) -> None:
    began_us = await store.begin(SHOP)
    assert await put(store, content, began_us)
    await store.invalidate("key", SHOP)
    assert not await put(store, content, began_us)
    assert await get_content(store) is None


async def test_earlier_read_does_not_replace_a_later_one(store: Store) -> None:
    began_us = await store.begin(SHOP)
    assert await put(store, JANA, began_us)
    assert await put(store, ZOE, began_us + 2)
    assert await put(store, JANA, began_us + 1)
    assert await get_content(store) == ZOE


async def test_invalidation_outlives_the_next_read(store: Store) -> None:
    began_us = await store.begin(SHOP)
    await store.invalidate("key", SHOP)
    assert await put(store, ZOE, began_us + 2)
    assert not await put(store, JANA, began_us)


async def test_answer_of_no_member_is_outdated_by_any_later_invalidation(store: Store) -> None:
    began_us = await store.begin(SHOP)
    await store.invalidate("another", SHOP)
    assert not await put(store, NOBODY, began_us)
    assert await put(store, JANA, began_us)


@pytest.mark.parametrize("key", ["a nobody", "an alias", "not held"])
async def test_invalidation_without_a_member_drops_every_answer_of_no_member(store: Store, key: str) -> None:
    began_us = await store.begin(SHOP)
    await put(store, NOBODY, began_us, "a nobody")
    await put(store, JANA, began_us, "an alias")
    await put(store, NOBODY, began_us)
    await store.invalidate(key, SHOP)
    assert await get_content(store) is None


async def test_read_from_before_a_server_was_emptied_is_outdated(
    valkey_store: Store, shared_clock: SharedClock
) -> None:
    began_us = await valkey_store.begin(SHOP)
    shared_clock.empty()
    assert not await put(valkey_store, JANA, began_us), "the store knows nothing of the shop"
    assert await valkey_store.begin(SHOP) == began_us
    assert not await put(valkey_store, JANA, began_us - 1)
    assert await put(valkey_store, JANA, began_us)

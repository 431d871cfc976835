"""What a shared store knows of people: nothing; and what it may make of what it was given: nothing either."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis import Redis
from redis.asyncio import Redis as AsyncRedis

from loyalty_service.database import open_database
from loyalty_service.snapshots.entries import AliasEntry, Entry, NobodyEntry
from loyalty_service.snapshots.sealing import Seal
from loyalty_service.snapshots.secret import load_secret
from loyalty_service.snapshots.valkey_cache import ValkeyCache
from runtime.encryption import SecretKeyError, SecretKeys
from tests.loyalty_service.running import SECRET_KEY
from tests.loyalty_service.snapshots.desk import Desk
from tests.loyalty_service.snapshots.processes import open_process
from tests.loyalty_service.snapshots.shared import SharedClock

JANA = "jana@example.com"
OTHER_KEY = "bXkgb3RoZXIga2V5IG9mIHRoaXJ0eS10d28gYnl0ZXM="
ENTRIES: list[Entry] = [
    AliasEntry(begin_s=1.000001, member_key="0" * 32, member_id="jana"),
    NobodyEntry(begin_s=2.5, member_count=2, fetch_time=datetime(2026, 11, 23, tzinfo=UTC), asked=(b"1",)),
]


def make_cache(key: bytes = b"k" * 32) -> ValkeyCache:
    return ValkeyCache(AsyncRedis(), Seal(key))


@pytest.fixture
async def desk(shared_clock: SharedClock) -> AsyncIterator[Desk]:
    async with open_process(shared_clock) as desk:
        yield desk


async def test_store_has_nobody_in_clear(desk: Desk, shared_clock: SharedClock) -> None:
    await asyncio.gather(desk.read(JANA), desk.read("nobody@example.com"), return_exceptions=True)
    with Redis.from_url(shared_clock.url) as server:
        keys = list(server.scan_iter(match="loyalty:entry:*"))
        told = b"\n".join([*keys, *(server.get(key) or b"" for key in keys)])
    assert len(keys) == 3
    assert not [word for word in (b"jana", b"example", b"Late parcel", b"A-1", b"nobody") if word in told]


async def test_value_that_was_put_under_another_key_or_changed_is_read_anew(
    desk: Desk, shared_clock: SharedClock
) -> None:
    desk.provider.add("zoe", "zoe@example.com", points=7)
    await desk.read("jana")
    with Redis.from_url(shared_clock.url) as server:
        (jana,) = server.scan_iter(match="loyalty:entry:*")
        await desk.read("zoe")
        (zoe,) = set(server.scan_iter(match="loyalty:entry:*")) - {jana}
        server.set(jana, server.get(zoe) or b"")
        server.set(zoe, (server.get(zoe) or b"")[:-1] + b"x")
    assert (await desk.read_points("jana"), await desk.read_points("zoe")) == (100, 7)
    assert desk.fetches == 4


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: type(entry).__name__)
def test_entry_is_opened_by_its_key_and_the_fleets_secret_only(entry: Entry) -> None:
    value = make_cache().encode("key", entry)
    assert make_cache().decode("key", value) == entry
    assert make_cache().decode("another", value) is None
    assert make_cache(b"o" * 32).decode("key", value) is None


@given(st.sampled_from(ENTRIES), st.data())
def test_value_that_is_not_as_it_was_is_a_miss(entry: Entry, data: st.DataObject) -> None:
    value = bytearray(make_cache().encode("key", entry))
    value[data.draw(st.integers(min_value=0, max_value=len(value) - 1))] ^= data.draw(st.integers(1, 255))
    assert make_cache().decode("key", bytes(value)) is None
    cut = data.draw(st.integers(min_value=0, max_value=len(value) - 1))
    assert make_cache().decode("key", bytes(value[:cut])) is None


@given(st.binary(max_size=80))
def test_value_that_is_none_of_ours_is_a_miss(value: bytes) -> None:
    assert make_cache().decode("key", value) is None


async def test_secret_is_made_once_and_outlives_a_rotation_of_keys(database_url: str) -> None:
    async with open_database(database_url) as one, open_database(database_url) as other:
        keys = SecretKeys((SECRET_KEY,))
        made = await asyncio.gather(*(load_secret(database, keys) for database in (one, other, one, other)))
        assert len(set(made)) == 1
        assert await load_secret(other, SecretKeys((OTHER_KEY, SECRET_KEY))) == made[0]
        with pytest.raises(SecretKeyError):
            await load_secret(one, SecretKeys((OTHER_KEY,)))

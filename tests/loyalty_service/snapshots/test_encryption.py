"""What a shared store knows of people: nothing; and what it may make of what it was given: nothing either."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from loyalty_service.database import open_database
from loyalty_service.snapshots.secret import load_secret
from runtime.encryption import SecretKeyError, SecretKeys
from tests.loyalty_service.running import SECRET_KEY
from tests.loyalty_service.snapshots.desk import Desk
from tests.loyalty_service.snapshots.processes import open_process
from tests.loyalty_service.snapshots.shared import SharedClock

JANA = "jana@example.com"
OTHER_KEY = "bXkgb3RoZXIga2V5IG9mIHRoaXJ0eS10d28gYnl0ZXM="


@pytest.fixture
async def desk(shared_clock: SharedClock) -> AsyncIterator[Desk]:
    async with open_process(shared_clock) as desk:
        yield desk


async def test_store_has_nobody_in_clear_and_keeps_nobody_for_ever(desk: Desk, shared_clock: SharedClock) -> None:
    await asyncio.gather(desk.read(JANA), desk.read("nobody@example.com"), return_exceptions=True)
    keys = list_keys(shared_clock)
    told = b"\n".join([*keys, *(get_value(shared_clock, key) for key in keys)])
    assert len(keys) == 3
    assert not [word for word in (b"jana", b"example", b"Late parcel", b"request-1", b"nobody@") if word in told]
    lasts_s = [shared_clock.server.ttl(key) for key in keys]
    assert all(0 < last_s <= 86_400 for last_s in lasts_s)


def list_keys(clock: SharedClock) -> list[bytes]:
    """Of entries; beside them there is what the store knows of a shop."""
    return [key for key in clock.server.scan_iter(match="loyalty:snapshots:*") if b":merchant:" not in key]


def get_value(clock: SharedClock, key: bytes) -> bytes:
    value = clock.server.get(key)
    assert isinstance(value, bytes)
    return value


def set_fresh(value: bytes) -> bytes:
    """As if it had been read an hour later."""
    kind, began, rest = value.split(b":", 2)
    return b":".join([kind, str(int(began) + 3_600_000_000).encode(), rest])


def change_end(value: bytes) -> bytes:
    return value[:-1] + b"x"


@pytest.mark.parametrize("change", [set_fresh, change_end, lambda _: b"", lambda _: b"member:1:2"])
async def test_value_that_was_changed_is_read_anew(
    desk: Desk, shared_clock: SharedClock, change: Callable[[bytes], bytes]
) -> None:
    await desk.read("jana")
    (jana,) = list_keys(shared_clock)
    shared_clock.server.set(jana, change(get_value(shared_clock, jana)))
    assert await desk.read_points("jana", 60) == 100
    assert desk.fetches == 2


async def test_value_that_was_put_under_another_key_is_read_anew(desk: Desk, shared_clock: SharedClock) -> None:
    desk.provider.add("zoe", "zoe@example.com", points=7)
    await desk.read("jana")
    (jana,) = list_keys(shared_clock)
    await desk.read("zoe")
    (zoe,) = set(list_keys(shared_clock)) - {jana}
    shared_clock.server.set(jana, get_value(shared_clock, zoe))
    assert await desk.read_points("jana") == 100
    assert desk.fetches == 3


async def test_secret_is_made_once_and_outlives_a_rotation_of_keys(each_database_url: str) -> None:
    async with open_database(each_database_url) as one, open_database(each_database_url) as other:
        keys = SecretKeys((SECRET_KEY,))
        made = await asyncio.gather(*(load_secret(database, keys) for database in (one, other, one, other)))
        assert len(set(made)) == 1
        assert await load_secret(other, SecretKeys((OTHER_KEY, SECRET_KEY))) == made[0]
        with pytest.raises(SecretKeyError):
            await load_secret(one, SecretKeys((OTHER_KEY,)))

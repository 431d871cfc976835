"""Where snapshots are held: bounded, forgetful in order, and silent about whom they name."""

import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty_service.domain.errors import MemberNotFoundError
from loyalty_service.domain.member import Coupon, Identity, Member, Segment, Tier, Venue, Wallet, parse_identity
from loyalty_service.domain.snapshot import Snapshot
from loyalty_service.snapshots import open_snapshots
from loyalty_service.snapshots.entries import (
    FORM,
    AliasEntry,
    Entry,
    EntrySerializer,
    MemberEntry,
    NobodyEntry,
    make_nobody,
)
from loyalty_service.snapshots.keys import Keys
from loyalty_service.snapshots.marks import Marks
from loyalty_service.snapshots.memory import MemoryCache
from tests.loyalty_service.snapshots.desk import Desk
from tests.loyalty_service.snapshots.scripted import FakeClock, ScriptedLedger, ScriptedProvider, make_merchant

ENTRY = AliasEntry(begin_s=1.0, member_key="key", member_id="jana")


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def cache(clock: FakeClock) -> MemoryCache:
    return MemoryCache(capacity=3, monotonic=clock.monotonic, serializer=EntrySerializer())


async def test_cache_drops_the_least_recently_used_first(cache: MemoryCache) -> None:
    for key in "abc":
        await cache.set(key, ENTRY)
    await cache.get("a")
    await cache.set("b", ENTRY)
    await cache.set("d", ENTRY)
    assert [key for key in "abcd" if await cache.get(key)] == ["a", "b", "d"]
    assert len(cache) == 3


async def test_cache_value_expires_and_goes_when_read(cache: MemoryCache, clock: FakeClock) -> None:
    await cache.set("a", ENTRY, ttl=10)
    clock.advance(9.9)
    assert await cache.get("a") == ENTRY
    clock.advance(0.2)
    assert await cache.get("a") is None
    assert len(cache) == 0


async def test_cache_value_is_deleted_and_cleared(cache: MemoryCache) -> None:
    for key in "ab":
        await cache.set(key, ENTRY)
    assert (await cache.delete("a"), await cache.delete("a")) == (1, 0)
    await cache.clear()
    assert len(cache) == 0


@given(st.binary(max_size=40) | st.builds(msgspec.msgpack.encode, st.lists(st.text() | st.floats())))
def test_value_that_does_not_decode_is_a_miss(value: bytes) -> None:
    assert isinstance(EntrySerializer().loads(value), Entry | None)


@pytest.mark.parametrize(
    "value", [b"", b"\xc1", b"\x93\xa5alias\xcb?", msgspec.msgpack.encode(["alias", "text", 1]), b"\xa2\xff\xff"]
)
def test_value_of_another_form_is_a_miss(value: bytes) -> None:
    assert EntrySerializer().loads(value) is None


def test_entry_is_read_as_it_was_written() -> None:
    serializer = EntrySerializer()
    nobody = make_nobody(parse_identity("email", "Jana@example.com"), 1.5, 2, FakeClock().now())
    assert [serializer.loads(serializer.dumps(entry)) for entry in (ENTRY, nobody)] == [ENTRY, nobody]


def test_fields_of_what_is_held_are_those_of_its_form() -> None:
    """They are written without names. Where this fails, raise FORM, and write the new fields down here."""
    structs = (MemberEntry, AliasEntry, NobodyEntry, Snapshot, Member, Wallet, Tier, Venue, Segment, Coupon)
    fields = {struct.__name__: " ".join(struct.__struct_fields__) for struct in structs}
    assert {FORM: fields} == {
        4: {
            "MemberEntry": "begin_s since_s snapshot",
            "AliasEntry": "begin_s member_key member_id",
            "NobodyEntry": "begin_s member_count fetch_time asked",
            "Snapshot": "member coupons fetch_time support_awards",
            "Member": "member_id support_id full_name status status_word wallet tier favorite_venue segments",
            "Wallet": "balance",
            "Tier": "tier_id display_name",
            "Venue": "venue_id display_name",
            "Segment": "slug display_name",
            "Coupon": "coupon_id display_name redeem_value code state expire_time",
        }
    }


async def test_store_never_grows_beyond_its_capacity(clock: FakeClock) -> None:
    """A forgotten member is read again; the one read last is still there."""
    provider = ScriptedProvider(clock)
    for number in range(50):
        provider.add(f"m{number}", f"m{number}@example.com")
    async with open_snapshots(
        provider, clock, recent=ScriptedLedger(), hold_time_s=900, stale_if_error_s=900, capacity=10
    ) as snapshots:
        desk = Desk(snapshots, provider, clock)
        for number in range(50):
            await desk.read(f"m{number}@example.com")
        held = [number for number in range(50) if await desk.get_held(f"m{number}")]
    assert held == [45, 46, 47, 48, 49]


async def test_alias_does_not_outshine_a_member_that_was_forgotten_and_put_back_older(clock: FakeClock) -> None:
    """Two entries fit: the member goes first, and comes back by a read that began before the e-mail's."""
    provider = ScriptedProvider(clock)
    provider.add("jana", "jana@example.com")
    provider.holds = True
    async with open_snapshots(
        provider, clock, recent=ScriptedLedger(), hold_time_s=900, stale_if_error_s=900, capacity=2
    ) as snapshots:
        desk = Desk(snapshots, provider, clock)
        slow = await desk.arrive("jana")
        provider.points["jana"] = 200
        clock.advance(10)
        await desk.arrive("jana@example.com")
        await desk.release(provider.calls[1])
        nobody = await desk.arrive("nobody")
        await desk.release(provider.calls[2])
        assert isinstance(nobody.exception(), MemberNotFoundError)
        await desk.arrive("jana@example.com")  # uses the alias, which outlives the member now
        await desk.release(provider.calls[0])
        last = await desk.arrive("jana@example.com", 5)
        await desk.release(provider.calls[3])
        assert (await slow, await last) == (100, 200)


@given(
    st.lists(st.tuples(st.text(), st.text(), st.sampled_from(["email", "phone", "member_id"]), st.text()), unique=True)
)
def test_keys_differ_where_anything_differs(parts: list[tuple[str, str, str, str]]) -> None:
    """Neither a merchant's id nor a generation holds a NUL."""
    keys = Keys(b"secret")
    cleaned = {
        (merchant.replace("\0", ""), generation.replace("\0", ""), *rest) for merchant, generation, *rest in parts
    }
    made = {
        keys.make_identity_key(make_merchant(merchant, generation), Identity(kind=kind, value=value))  # type: ignore[arg-type]
        for merchant, generation, kind, value in cleaned
    }
    assert len(made) == len(cleaned)


def test_key_names_nobody_and_needs_the_secret() -> None:
    identity = parse_identity("email", "jana@example.com")
    mine, same, other = (Keys(secret).make_identity_key(make_merchant(), identity) for secret in (b"1", b"1", b"2"))
    assert mine == same
    assert mine != other
    assert "jana" not in mine


def test_mark_is_kept_and_the_last_one_counts() -> None:
    marks = Marks(capacity=2)
    assert marks.get("a") == -math.inf
    marks.set("a", 1)
    marks.set("a", 2)
    assert (marks.get("a"), marks.get("b")) == (2, -math.inf)


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.floats(min_value=0, max_value=40)), max_size=40))
def test_forgotten_mark_never_makes_something_look_untouched(events: list[tuple[str, float]]) -> None:
    marks, true, now_s = Marks(capacity=3), {}, 0.0
    for key, pause_s in events:
        now_s += pause_s
        marks.set(key, now_s)
        true[key] = now_s
        assert len(marks) <= 3
        assert all(marks.get(each) >= time_s for each, time_s in true.items())
        assert marks.get("never") <= now_s

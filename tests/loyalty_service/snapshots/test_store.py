"""Where snapshots are held: bounded, with the oldest entry forgotten first, and without readable names."""

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from loyalty_service.domain.errors import MemberAmbiguousError, MemberNotFoundError
from loyalty_service.domain.member import (
    Birthday,
    Coupon,
    ExpiringPoints,
    Identity,
    Member,
    RecentMovement,
    Segment,
    Tier,
    Venue,
    Wallet,
    parse_identity,
)
from loyalty_service.domain.snapshot import Snapshot
from loyalty_service.snapshots import open_snapshots
from loyalty_service.snapshots.entries import (
    FORM,
    Alias,
    Content,
    EncryptedSerializer,
    Entry,
    EntrySerializer,
    HeldMember,
    Nobody,
    make_nobody,
)
from loyalty_service.snapshots.keys import Keys
from tests.loyalty_service.snapshots.desk import Desk
from tests.loyalty_service.snapshots.scripted import FakeClock, ScriptedLedger, ScriptedProvider, make_merchant


def make_entry(content: Content | None) -> Entry:
    return Entry(key="key", began_us=2, valid_from_us=1, content=content)


ALIAS = Alias(member_key="key", member_id="jana")
TWINS = make_nobody(
    parse_identity("email", "Jana@example.com"),
    MemberAmbiguousError({"jana": "JN-4821", "jan": ""}, FakeClock().now()),
)
ENTRIES = [make_entry(content) for content in (ALIAS, TWINS, None)]
SERIALIZERS = [EntrySerializer(), EncryptedSerializer(b"k" * 32)]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.mark.parametrize("serializer", SERIALIZERS, ids=type)
@given(value=st.binary(max_size=80) | st.builds(msgspec.msgpack.encode, st.lists(st.text() | st.floats())))
def test_foreign_value_is_a_miss(serializer: EntrySerializer, value: bytes) -> None:
    assert serializer.loads(value) is None


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: type(entry.content).__name__)
@pytest.mark.parametrize("serializer", SERIALIZERS, ids=type)
def test_entry_is_read_back_unchanged(serializer: EntrySerializer, entry: Entry) -> None:
    assert serializer.loads(serializer.dumps(entry)) == entry


@given(st.sampled_from(ENTRIES), st.data())
def test_changed_value_or_one_of_another_secret_is_a_miss(entry: Entry, data: st.DataObject) -> None:
    value = SERIALIZERS[1].dumps(entry)
    changed = bytearray(value)
    changed[data.draw(st.integers(min_value=0, max_value=len(value) - 1))] ^= data.draw(st.integers(1, 255))
    cut = value[: data.draw(st.integers(min_value=0, max_value=len(value) - 1))]
    assert (SERIALIZERS[1].loads(bytes(changed)), SERIALIZERS[1].loads(cut)) == (None, None)
    assert EncryptedSerializer(b"o" * 32).loads(value) is None


def test_held_fields_belong_to_their_format_version() -> None:
    """They are written without names. If this test fails, raise FORM, and write the new fields down here."""
    structs: tuple[type[msgspec.Struct], ...] = (
        *(Entry, HeldMember, Alias, Nobody, Snapshot, Member, Wallet, Tier, Venue, Segment, Coupon),
        *(ExpiringPoints, Birthday, RecentMovement),
    )
    fields = {struct.__name__: " ".join(struct.__struct_fields__) for struct in structs}
    assert {FORM: fields} == {
        4: {
            "Entry": "key began_us valid_from_us content",
            "HeldMember": "snapshot",
            "Alias": "member_key member_id",
            "Nobody": "support_ids fetch_time asked",
            "Snapshot": "member coupons fetch_time support_awards",
            "Member": "member_id support_id full_name status status_word wallet tier favorite_venue segments join_time "
            "next_expiry pending_points points_to_next_tier birthday recent_movements",
            "Wallet": "balance",
            "Tier": "tier_id display_name",
            "Venue": "venue_id display_name",
            "Segment": "slug display_name",
            "Coupon": "coupon_id display_name redeem_value code state expire_time",
            "ExpiringPoints": "points expire_time",
            "Birthday": "month day",
            "RecentMovement": "change create_time note",
        }
    }


async def test_store_never_grows_beyond_its_capacity(clock: FakeClock) -> None:
    """A forgotten member is read again; the member read last is still held."""
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


async def test_least_recently_used_entry_goes_first(clock: FakeClock) -> None:
    provider = ScriptedProvider(clock)
    for member_id in "abc":
        provider.add(member_id, f"{member_id}@example.com")
    async with open_snapshots(
        provider, clock, recent=ScriptedLedger(), hold_time_s=900, stale_if_error_s=900, capacity=2
    ) as snapshots:
        desk = Desk(snapshots, provider, clock)
        for member_id in "abac":
            await desk.read(member_id)
        assert [member_id for member_id in "abc" if await desk.get_held(member_id)] == ["a", "c"]


async def test_forgotten_invalidation_still_drops_an_earlier_read(clock: FakeClock) -> None:
    """There is room for one entry, and another member's comes after the invalidation."""
    provider = ScriptedProvider(clock)
    for member_id in ("jana", "zoe"):
        provider.add(member_id, f"{member_id}@example.com")
    provider.holds = True
    async with open_snapshots(
        provider, clock, recent=ScriptedLedger(), hold_time_s=900, stale_if_error_s=900, capacity=1
    ) as snapshots:
        desk = Desk(snapshots, provider, clock)
        early = await desk.arrive("jana")
        await desk.invalidate("jana")
        other = await desk.arrive("zoe")
        for call in (1, 0):
            await desk.release(provider.calls[call])
        assert (await early, await other) == (100, 100)
        assert await desk.get_held("jana") is None


async def test_older_entry_that_is_forgotten_later_does_not_admit_a_read_from_before_an_invalidation(
    clock: FakeClock,
) -> None:
    """There is room for two entries. The invalidated member's goes first, then that of a member read earlier."""
    provider = ScriptedProvider(clock)
    for member_id in ("jana", "zoe", "a", "b"):
        provider.add(member_id, f"{member_id}@example.com")
    async with open_snapshots(
        provider, clock, recent=ScriptedLedger(), hold_time_s=900, stale_if_error_s=900, capacity=2
    ) as snapshots:
        desk = Desk(snapshots, provider, clock)
        await desk.read("zoe")
        clock.advance(10)
        provider.holds = True
        early = await desk.arrive("jana")
        provider.holds = False
        await desk.invalidate("jana")
        await desk.get_held("zoe")
        for member_id in "ab":
            await desk.read(member_id)
        await desk.release(provider.calls[1])
        assert await early == 100
        assert await desk.get_held("jana") is None


async def test_newer_alias_does_not_make_an_older_member_fresh(clock: FakeClock) -> None:
    """There is room for two entries. The member goes first, and returns by a read that is older than the e-mail's."""
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
        await desk.arrive("jana@example.com")  # this uses the alias, so the member is forgotten first
        await desk.release(provider.calls[0])
        last = await desk.arrive("jana@example.com", 5)
        await desk.release(provider.calls[3])
        assert (await slow, await last) == (100, 200)


@given(
    st.lists(st.tuples(st.text(), st.text(), st.sampled_from(["email", "phone", "member_id"]), st.text()), unique=True)
)
@example([("acme", "1", "email", "jana@example.com"), ("acme", "2", "email", "jana@example.com")])
def test_keys_differ_where_anything_differs(parts: list[tuple[str, str, str, str]]) -> None:
    """Neither a merchant's id nor a generation contains a NUL."""
    keys = Keys(b"secret")
    cleaned = {
        (merchant.replace("\0", ""), generation.replace("\0", ""), *rest) for merchant, generation, *rest in parts
    }
    made = {
        keys.make_identity_key(make_merchant(merchant, generation), Identity(kind=kind, value=value))  # type: ignore[arg-type]
        for merchant, generation, kind, value in cleaned
    }
    assert len(made) == len(cleaned)


def test_key_shows_no_identity_and_needs_the_secret() -> None:
    identity = parse_identity("email", "jana@example.com")
    mine, same, other = (Keys(secret).make_identity_key(make_merchant(), identity) for secret in (b"1", b"1", b"2"))
    assert mine == same
    assert mine != other
    assert "jana" not in mine

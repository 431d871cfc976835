"""An odd field of TRIFFT's hides only itself: the others are shown, and points are given unless a field forbids it."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
import pytest_asyncio
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from protos.loyalty.v1 import loyalty_pb2 as pb
from sandbox.trifft import Movement
from sandbox.trifft.faults import Fault, FaultKind
from tests.loyalty_service.odd_shop.shop import OddShop, OddShops, make_jana
from tests.loyalty_service.running import catch_failure

# One service serves all tests, so they share its event loop.
pytestmark = pytest.mark.asyncio(loop_scope="module")

ANY_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=300)
    | st.sampled_from(
        ["2026-12-31", "9999-12-31T23:59:59Z", 253402300799, 1798757999000, "1,240", "1 240", "", "Blocked"]
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9) | st.just("id"), inner, max_size=3),
    max_leaves=6,
)
# The fields of the panel that each field of the wire is shown in.
MEMBER_FIELDS = {
    "email": (),
    "phone": (),
    "support_id": ("support_id",),
    "points": ("wallet", "wallet_state"),
    "wallets": ("wallet", "wallet_state"),
    "tier": ("tier",),
    "segments": ("segments",),
    "favorite_venue": ("favorite_venue",),
    "params": ("full_name",),
    "status": ("status", "status_word"),
    "created_at": ("join_time",),
    "expiring_points": ("next_expiry",),
    "pending_points": ("pending_points",),
    "points_to_next_tier": ("points_to_next_tier",),
    "birthday": ("birthday",),
    "movements": ("recent_movements",),
    "nobody_knows_this": (),
    "success": (),
}
COUPON_FIELDS = {
    "id": ("coupon_id",),
    "redeem_value": ("redeem_value",),
    "code": ("code",),
    "coupon": ("display_name",),
}
ODDLY = settings(max_examples=30)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def every_field(shops: OddShops) -> pb.Snapshot:
    shop = await shops.open()
    add_movement(shop)
    return await shop.fetch()


@pytest.fixture
def whole(shop: OddShop, every_field: pb.Snapshot) -> pb.Snapshot:
    """The member before anything is odd, who is the same in each shop."""
    add_movement(shop)
    return every_field


def add_movement(shop: OddShop) -> None:
    shop.jana.movements = [Movement(change=Decimal(100), created_at=1796000000, note="Order 1001")]


def make_odd(shop: OddShop, **overrides: Any) -> None:  # noqa: ANN401 - any JSON
    """Override fields of the member, and restore all others."""
    fresh = make_jana()
    shop.jana.overrides, shop.jana.left_out, shop.jana.coupons = overrides, [], fresh.coupons


def drop_fields(message: Any, names: tuple[str, ...]) -> Any:  # noqa: ANN401 - any message
    kept = type(message)()
    kept.CopyFrom(message)
    for name in names:
        kept.ClearField(name)
    return kept


@ODDLY
@given(field=st.sampled_from(sorted(MEMBER_FIELDS)), value=ANY_JSON)
@example(field="success", value=True)
@example(field="params", value={"first_name": 5, "last_name": ["x"]})
@example(field="segments", value=["vip", None, {"slug": "vip", "name": {}}])
async def test_any_value_of_a_members_field_leaves_the_others_shown(
    shop: OddShop, whole: pb.Snapshot, field: str, value: object
) -> None:
    assume((field, value) != ("success", False))  # then the whole answer says that it failed
    make_odd(shop, **{field: value})
    odd = await shop.fetch()

    names = MEMBER_FIELDS[field]
    assert drop_fields(odd.member, names) == drop_fields(whole.member, names)
    assert list(odd.coupons) == list(whole.coupons)
    if odd.member.status != pb.MEMBER_STATUS_ACTIVE:
        assert (await catch_failure(shop.award())).reason in {"STATUS_UNKNOWN", "MEMBER_BLOCKED"}


@ODDLY
@given(field=st.sampled_from(sorted(COUPON_FIELDS)), value=ANY_JSON)
async def test_any_value_of_a_coupons_field_leaves_the_others_shown(
    shop: OddShop, whole: pb.Snapshot, field: str, value: object
) -> None:
    make_odd(shop)
    shop.jana.coupons[0].overrides = {field: value}
    odd = await shop.fetch()

    names = COUPON_FIELDS[field]
    assert odd.member == whole.member
    assert [drop_fields(one, names) for one in odd.coupons] == [drop_fields(one, names) for one in whole.coupons]
    assert odd.coupons[1] == whole.coupons[1]


@ODDLY
@given(field=st.sampled_from(["state", "valid_until"]), value=ANY_JSON)
async def test_any_state_or_date_of_a_coupon_leaves_the_other_coupon_shown(
    shop: OddShop, whole: pb.Snapshot, field: str, value: object
) -> None:
    make_odd(shop)
    shop.jana.coupons[0].overrides = {field: value}
    odd = await shop.fetch()

    assert odd.member == whole.member
    assert whole.coupons[1] in odd.coupons


@pytest.mark.parametrize("field", sorted(MEMBER_FIELDS))
async def test_missing_field_of_a_member_is_absent(shop: OddShop, whole: pb.Snapshot, field: str) -> None:
    shop.jana.left_out = [field]
    odd = await shop.fetch()
    names = MEMBER_FIELDS[field]
    assert drop_fields(odd.member, names) == drop_fields(whole.member, names)


@pytest.mark.parametrize(
    ("valid_until", "until", "is_counted"),
    [
        ("2026-12-31", datetime(2026, 12, 31, 22, 59, 59, tzinfo=UTC), False),
        ("2126-12-31T12:00:00", datetime(2126, 12, 31, 11, tzinfo=UTC), False),
        ("2126-12-31T12:00:00Z", datetime(2126, 12, 31, 12, tzinfo=UTC), False),
        (4954607999000, datetime(2127, 1, 2, 23, 59, 59, tzinfo=UTC), False),
        (None, None, False),
        ("", None, False),
        ("9999-12-31", None, False),
        ("9999-12-31T23:59:59Z", None, False),
        (253402300799, None, False),
        (253402318799, None, False),
        ("soon", None, True),
        ("0000-00-00", None, True),
        (0, None, True),
        ({"date": "2026-12-31"}, None, True),
        (True, None, True),
    ],
)
async def test_coupon_is_shown_with_its_date_as_far_as_that_can_be_read(
    shop: OddShop, valid_until: object, until: datetime | None, *, is_counted: bool
) -> None:
    shop.jana.coupons[0].overrides = {"valid_until": valid_until}
    shop.jana.coupons[0].state = "assigned"
    if until is not None and until < datetime.now(UTC):
        pytest.skip("this day has come")
    [odd] = [one for one in (await shop.fetch()).coupons if one.coupon_id == "first"]
    assert (odd.expire_time.ToDatetime(UTC) if odd.HasField("expire_time") else None) == until
    assert await shop.check() == ({"coupon.expire_time": 1} if is_counted else {})


@pytest.mark.parametrize(
    ("field", "value", "name", "shown", "line"),
    [
        ("redeem_value", 5, "redeem_value", "5", ""),
        ("redeem_value", ["5"], "redeem_value", "", "coupon.redeem_value"),
        ("id", 7, "coupon_id", "7", ""),
        ("id", None, "coupon_id", "", "coupon.coupon_id"),
        ("code", 123456, "code", "123456", ""),
        ("coupon", {"name": {"sk": "Káva"}}, "display_name", "", "coupon.display_name"),
    ],
)
async def test_plain_value_of_a_coupon_is_read_and_another_is_absent(  # noqa: PLR0913, PLR0917 - a table
    shop: OddShop, field: str, value: object, name: str, shown: str, line: str
) -> None:
    shop.jana.coupons[0].overrides = {field: value}
    assert getattr((await shop.fetch()).coupons[0], name) == shown
    assert await shop.check() == ({line: 1} if line else {})


@pytest.mark.parametrize("state", [None, "", [], True, {}])
async def test_coupon_whose_state_cannot_be_read_is_left_out_and_counted(shop: OddShop, state: object) -> None:
    shop.jana.coupons[0].overrides = {"state": state}
    assert [one.coupon_id for one in (await shop.fetch()).coupons] == ["second"]
    assert await shop.check() == {"coupon.state": 1}


@pytest.mark.parametrize(
    ("points", "state", "exact"),
    [
        (1240, pb.WALLET_STATE_READABLE, "1240"),
        ("1240.50", pb.WALLET_STATE_READABLE, "1240.50"),
        (-12, pb.WALLET_STATE_READABLE, "-12"),
        (None, pb.WALLET_STATE_DISABLED, ""),
        ("1,240", pb.WALLET_STATE_UNREADABLE, ""),
        ("1 240", pb.WALLET_STATE_UNREADABLE, ""),
        ("", pb.WALLET_STATE_UNREADABLE, ""),
        (1e30, pb.WALLET_STATE_UNREADABLE, ""),
        (True, pb.WALLET_STATE_UNREADABLE, ""),
        ([1240], pb.WALLET_STATE_UNREADABLE, ""),
    ],
)
async def test_unreadable_balance_is_absent_and_points_are_given(
    shop: OddShop, points: object, state: pb.WalletState.ValueType, exact: str
) -> None:
    shop.jana.overrides = {"points": points}
    member = (await shop.fetch()).member
    assert (member.wallet_state, member.wallet.points_balance_exact) == (state, exact)
    assert member.HasField("wallet") == bool(exact)
    if state == pb.WALLET_STATE_UNREADABLE:
        assert await shop.check() == {"member.points": 1}
        assert (await shop.award()).award.state == pb.AWARD_STATE_APPLIED
    if state == pb.WALLET_STATE_DISABLED:
        assert (await catch_failure(shop.award())).reason == "WALLET_DISABLED"


@pytest.mark.parametrize(
    ("field", "value", "line"),
    [
        ("segments", "vip", "member.segments"),
        ("segments", {"slug": "vip"}, "member.segments"),
        ("segments", [{"slug": [], "name": "VIP"}], "member.segments"),
        ("segments", [3], "member.segments"),
        ("tier", "Gold", "member.tier"),
        ("tier", {"id": "gold", "name": ["Gold"]}, "member.tier"),
        ("favorite_venue", 7, "member.favorite_venue"),
        ("created_at", "long ago", "member.join_time"),
        ("params", {"first_name": {}, "last_name": "Nováková"}, "member.full_name"),
        ("support_id", ["JN"], "member.support_id"),
        ("status", None, "member.status"),
        ("status", [], "member.status"),
        ("wallets", "two", "wallet.items"),
        ("expiring_points", {"points": "many", "expires_at": 1798757999}, "member.next_expiry"),
        ("pending_points", -1, "member.pending_points"),
        ("points_to_next_tier", [260], "member.points_to_next_tier"),
        ("birthday", 637200000, "member.birthday"),
        ("movements", "none", "member.recent_movements"),
        ("movements", [{"change": "+100"}], "member.recent_movements"),
    ],
)
async def test_unreadable_values_are_counted_by_line_once_per_read(
    shop: OddShop, field: str, value: object, line: str
) -> None:
    shop.jana.overrides = {field: value}
    await shop.fetch()
    assert await shop.check() == {line: 1}
    await shop.client.loyalty.GetSnapshot(
        pb.GetSnapshotRequest(merchant_id=shop.merchant_id, identity=pb.MemberIdentity(member_id="jana"))
    )
    assert await shop.check() == {line: 1}
    await shop.fetch()
    assert await shop.check() == {line: 2}


async def test_check_names_the_line_with_its_expression_most_often_first(shop: OddShop) -> None:
    earliest = datetime.now(UTC)
    shop.jana.overrides = {"points": "1,240"}
    for coupon in shop.jana.coupons:
        coupon.overrides = {"valid_until": "soon"}
    await shop.fetch()
    response = await shop.client.merchants.CheckMerchant(pb.CheckMerchantRequest(merchant_id=shop.merchant_id))
    found = [(one.profile_line, one.expression, one.count) for one in response.unreadable_fields]
    assert found == [("coupon.expire_time", "valid_until", 2), ("member.points", "points", 1)]
    assert all(earliest <= one.last_time.ToDatetime(UTC) <= datetime.now(UTC) for one in response.unreadable_fields)

    await shop.write_profile("[member]\npoints = 'to_number(replaced)'")
    assert await shop.check() == {}


@pytest.mark.parametrize("kind", ["html", "bad_json", "half_json"])
async def test_unreadable_list_of_coupons_hides_the_coupons(shop: OddShop, whole: pb.Snapshot, kind: FaultKind) -> None:
    assert not whole.coupons_unreadable

    shop.project.faults.set(Fault(kind=kind, operation="coupons"))
    odd = await shop.fetch()

    assert odd.member == whole.member
    assert (odd.coupons_unreadable, len(odd.coupons)) == (True, 0)
    assert await shop.check() == {"list_coupons.items": 1}


async def test_value_that_is_not_a_list_hides_the_coupons(shop: OddShop) -> None:
    await shop.write_profile("[list_coupons]\nitems = 'length(@)'")
    odd = await shop.fetch()
    assert (odd.member.full_name, odd.coupons_unreadable) == ("Jana Nováková", True)
    assert await shop.check() == {"list_coupons.items": 1}


async def test_member_with_too_many_coupons_is_shown_without_them(shop: OddShop, whole: pb.Snapshot) -> None:
    shop.jana.coupons = [make_jana().coupons[0] for _ in range(10_000)]
    odd = await shop.fetch()
    assert (odd.member, odd.coupons_unreadable) == (whole.member, True)
    assert (await shop.award()).award.state == pb.AWARD_STATE_APPLIED


async def test_name_keeps_its_readable_part(shop: OddShop) -> None:
    shop.jana.overrides = {"params": {"first_name": 5, "last_name": ["Nováková"]}}
    assert (await shop.fetch()).member.full_name == "5"


async def test_expression_that_fails_on_a_value_hides_its_field(shop: OddShop) -> None:
    await shop.write_profile("[member]\npoints = 'sum(points)'\ntier = 'sort(tier)'\nsupport_id = 'abs(support_id)'")
    member = (await shop.fetch()).member
    assert (member.full_name, member.wallet_state) == ("Jana Nováková", pb.WALLET_STATE_UNREADABLE)
    assert await shop.check() == {"member.points": 1, "member.support_id": 1, "member.tier": 1}


async def test_number_as_an_id_is_found_and_given_points(shop: OddShop) -> None:
    shop.jana.overrides = {"id": 4821, "support_id": 77}
    shop.project.members["4821"] = shop.jana
    del shop.project.members["jana"]
    assert (await shop.fetch(email="jana@example.com")).member.member_id == "4821"
    assert (await shop.fetch(member_id="4821")).member.support_id == "77"
    assert (await shop.award(member_id="4821")).award.state == pb.AWARD_STATE_APPLIED


@pytest.mark.parametrize("member_id", [None, "", [], 7.5, True, "x" * 129, "a\nb"])
async def test_unreadable_id_makes_the_member_unreadable(shop: OddShop, member_id: object) -> None:
    shop.jana.overrides = {"id": member_id}
    for identity in ({"email": "jana@example.com"}, {"member_id": "jana"}):
        assert (await catch_failure(shop.fetch(**identity))).reason == "PROVIDER_CONTRACT"


async def test_incomparable_row_of_a_find_does_not_hide_the_member(shop: OddShop) -> None:
    other = make_jana()
    other.id, other.overrides = "other", {"email": ["jana@example.com"]}
    shop.project.members["other"] = other
    assert (await shop.fetch(email="jana@example.com")).member.member_id == "jana"
    assert await shop.check() == {"member.email": 1}


async def test_find_with_only_an_incomparable_row_does_not_say_that_there_is_no_member(shop: OddShop) -> None:
    shop.jana.overrides = {"email": 5}
    assert (await catch_failure(shop.fetch(email="jana@example.com"))).reason == "PROVIDER_CONTRACT"

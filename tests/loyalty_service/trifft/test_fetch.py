"""A member and their coupons, read from TRIFFT's stand-in."""

import time
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from aiohttp import web

from loyalty_service.domain.errors import BadValueError, MemberAmbiguousError, MemberNotFoundError
from loyalty_service.domain.member import (
    Birthday,
    CouponState,
    Identity,
    MemberStatus,
    NoBalance,
    Wallet,
    parse_identity,
)
from loyalty_service.domain.merchant import Merchant
from loyalty_service.domain.snapshot import Snapshot
from loyalty_service.trifft.client import TrifftProvider
from sandbox.trifft import BLOOM_PROFILE, Coupon, Member, Movement, Project, Settings, UserCoupon
from tests.loyalty_service.trifft import servers
from tests.loyalty_service.trifft.servers import MakeMerchant, StartAnswering

JANA = parse_identity("email", "jana@example.com")


async def fetch(
    provider: TrifftProvider, merchant: Merchant, identity: Identity = JANA, remembered: str | None = None
) -> Snapshot:
    return await servers.fetch(provider, merchant, identity, remembered=remembered)


def add(acme: Project, **fields: object) -> Member:
    member = Member(**fields)  # type: ignore[arg-type]
    acme.members[member.id] = member
    return member


async def test_member_comes_with_everything_that_the_widget_shows(
    provider: TrifftProvider, merchant: Merchant, jana: Member
) -> None:
    jana.movements = [Movement(change=Decimal(100), created_at=1796000000, note="Order 1001")]
    snapshot = await fetch(provider, merchant)
    member = snapshot.member
    assert (member.member_id, member.support_id, member.full_name) == (jana.id, "JN-4821", "Jana Nováková")
    assert member.status is MemberStatus.ACTIVE
    assert isinstance(member.wallet, Wallet)
    assert str(member.wallet.balance) == "1240"
    assert member.tier is not None
    assert (member.tier.tier_id, member.tier.display_name) == ("gold", "Gold")
    assert member.favorite_venue is not None
    assert member.favorite_venue.display_name == "Bratislava, Eurovea"
    assert member.join_time == datetime(2024, 8, 8, 14, 2, 38, tzinfo=UTC)
    assert [(segment.slug, segment.display_name) for segment in member.segments] == [
        ("vip", "VIP"),
        ("new-7d", "Registered in last 7 days"),
    ]
    assert member.next_expiry is not None
    assert (member.next_expiry.points, member.next_expiry.expire_time.year) == (200, 2127)
    assert (member.pending_points, member.points_to_next_tier, member.birthday) == (0, 260, Birthday(month=3, day=12))
    [movement] = member.recent_movements
    assert (movement.change, movement.note) == (Decimal(100), "Order 1001")
    [coupon] = snapshot.coupons or ()
    assert (coupon.coupon_id, coupon.display_name, coupon.redeem_value) == ("welcome", "Welcome!", "5 EUR")
    assert (coupon.code, coupon.state) == ("WELCOME5", CouponState.ACTIVATED)
    assert coupon.expire_time is not None


async def test_member_without_optional_data_is_a_member(
    provider: TrifftProvider, merchant: Merchant, acme: Project
) -> None:
    add(acme, email="empty@example.com")
    snapshot = await fetch(provider, merchant, parse_identity("email", "empty@example.com"))
    member = snapshot.member
    assert (member.support_id, member.full_name, member.tier, member.favorite_venue) == ("", "", None, None)
    assert (member.segments, snapshot.coupons) == ((), ())
    assert isinstance(member.wallet, Wallet)
    assert member.wallet.balance == 0


@pytest.mark.parametrize("kind", ["email", "phone", "support_id", "member_id"])
async def test_member_is_found_by_each_identity(
    provider: TrifftProvider, merchant: Merchant, acme: Project, jana: Member, kind: str
) -> None:
    value = {"email": jana.email, "phone": jana.phone, "support_id": jana.support_id, "member_id": jana.id}[kind]
    snapshot = await fetch(provider, merchant, parse_identity(kind, value or ""))  # type: ignore[arg-type]
    assert snapshot.member.member_id == jana.id
    assert acme.count_requests() == 2


@pytest.mark.parametrize("settings", [Settings(), Settings(wrapped=True, time_format="iso", point_scale=100)])
async def test_both_forms_of_answers_give_the_same_member(
    provider: TrifftProvider, merchant: Merchant, acme: Project, settings: Settings
) -> None:
    """Answers are bare or wrapped, with UNIX or ISO-8601 times.

    The profile does not say which; points here have no scale.
    """
    before = await fetch(provider, merchant)
    acme.state.settings = settings
    after = await fetch(provider, merchant)
    assert (after.member, after.coupons) == (before.member, before.coupons)


async def test_profile_can_name_a_project_s_slugs(
    provider: TrifftProvider, make_merchant: MakeMerchant, acme: Project
) -> None:
    acme.state.settings = Settings(first_name_slug="meno", last_name_slug="priezvisko")
    assert (await fetch(provider, make_merchant())).member.full_name == ""
    assert (await fetch(provider, make_merchant(profile=BLOOM_PROFILE))).member.full_name == "Jana Nováková"


async def test_fetch_time_is_when_the_read_began(provider: TrifftProvider, merchant: Merchant) -> None:
    earliest = time.time()
    snapshot = await fetch(provider, merchant)
    assert earliest <= snapshot.fetch_time.timestamp() <= time.time()


async def test_wallet_and_tier_that_are_switched_off_are_absent(
    provider: TrifftProvider, merchant: Merchant, acme: Project
) -> None:
    acme.state.settings = Settings(tiers=False, wallets=False)
    member = (await fetch(provider, merchant)).member
    assert (member.wallet, member.tier) == (NoBalance.DISABLED, None)


async def test_fractional_balance_is_exact(provider: TrifftProvider, merchant: Merchant, jana: Member) -> None:
    jana.points = Decimal("99.75")
    member = (await fetch(provider, merchant)).member
    assert isinstance(member.wallet, Wallet)
    assert str(member.wallet.balance) == "99.75"


async def test_blocked_member_is_shown_as_blocked(provider: TrifftProvider, merchant: Merchant, jana: Member) -> None:
    jana.status = "blocked"
    assert (await fetch(provider, merchant)).member.status is MemberStatus.BLOCKED


@pytest.mark.parametrize("kind", ["email", "member_id"])
async def test_anonymised_member_is_not_found_by_any_identity(
    provider: TrifftProvider, merchant: Merchant, jana: Member, kind: str
) -> None:
    jana.status = "anonymised"
    identity = JANA if kind == "email" else parse_identity("member_id", jana.id)
    with pytest.raises(MemberNotFoundError):
        await fetch(provider, merchant, identity)


async def test_anonymised_member_with_the_same_address_is_skipped(
    provider: TrifftProvider, make_merchant: MakeMerchant, acme: Project, jana: Member
) -> None:
    """If an anonymised member keeps an identity on the wire, the real member with the same one is found."""
    add(acme, status="blocked", email=jana.email)
    profile = "[member]\nblocked_states = []\nanonymised_states = ['blocked']"
    assert (await fetch(provider, make_merchant(profile=profile))).member.member_id == jana.id


async def test_two_members_on_one_email_are_ambiguous(
    provider: TrifftProvider, merchant: Merchant, acme: Project
) -> None:
    """Support IDs distinguish them, cleaned as the panel shows them."""
    add(acme, id="zoe", email="JANA@example.com", support_id="ZO\u200b 17 ")
    add(acme, id="dalibor", email="jana@EXAMPLE.com", support_id=None)
    with pytest.raises(MemberAmbiguousError) as caught:
        await fetch(provider, merchant)
    assert caught.value.member_count == 3
    assert caught.value.support_ids == {"jana": "JN-4821", "zoe": "ZO 17", "dalibor": ""}


@pytest.mark.parametrize("kind", ["email", "phone", "support_id", "member_id"])
async def test_unknown_identity_is_not_found(provider: TrifftProvider, merchant: Merchant, kind: str) -> None:
    value = {"email": "nobody@example.com", "phone": "+421911111111"}.get(kind, "nobody")
    with pytest.raises(MemberNotFoundError):
        await fetch(provider, merchant, parse_identity(kind, value))  # type: ignore[arg-type]


@pytest.mark.parametrize("member_id", [".", "..", "a/b?c=d#e", "../../v1/member", "%2e%2e", "ž"])
async def test_member_id_cannot_change_the_rest_of_the_path(
    provider: TrifftProvider, merchant: Merchant, acme: Project, member_id: str
) -> None:
    with pytest.raises(MemberNotFoundError):
        await fetch(provider, merchant, parse_identity("member_id", member_id))
    assert {entry.operation for entry in acme.requests} <= {"get", "coupons"}


@pytest.mark.parametrize(
    "email", ["a+b@example.com", "o'neill@example.com", "jürgen@bücher.example", "a&email=b@x.example"]
)
async def test_email_reaches_the_provider_unchanged(
    provider: TrifftProvider, merchant: Merchant, acme: Project, email: str
) -> None:
    member = add(acme, email=email)
    assert (await fetch(provider, merchant, parse_identity("email", email))).member.member_id == member.id


@pytest.mark.parametrize(
    ("kind", "value"), [("email", "jana@example.com"), ("phone", "+421900000000"), ("support_id", "JN-4821")]
)
async def test_inexact_match_of_the_provider_is_not_accepted(
    provider: TrifftProvider, make_merchant: MakeMerchant, start_answering: StartAnswering, kind: str, value: str
) -> None:
    """A match by the provider's rules alone could show another customer's data."""
    other = {"id": "other", "email": "jana@example.com.example", "phone": "+421900000001", "support_id": "JN-48211"}
    merchant = make_merchant(await start_answering(web.json_response([other])))
    with pytest.raises(MemberNotFoundError):
        await fetch(provider, merchant, parse_identity(kind, value))  # type: ignore[arg-type]


async def test_identity_that_the_profile_cannot_search_for_is_refused(
    provider: TrifftProvider, make_merchant: MakeMerchant, acme: Project
) -> None:
    merchant = make_merchant(profile="[find_member]\nphone = ''")
    with pytest.raises(BadValueError) as caught:
        await fetch(provider, merchant, parse_identity("phone", "+421900000000"))
    assert caught.value.field == "identity.phone"
    assert acme.count_requests() == 0


async def test_coupons_are_usable_ones_soonest_to_expire_first(
    provider: TrifftProvider, make_merchant: MakeMerchant, jana: Member
) -> None:
    later = int(time.time()) + 86_400
    template = Coupon(name="Coffee")
    jana.coupons = [
        UserCoupon(id="endless", coupon=template),
        UserCoupon(id="late", coupon=template, valid_until=later + 1),
        UserCoupon(id="soon", coupon=template, valid_until=later, state="activated"),
        UserCoupon(id="over", coupon=template, valid_until=later - 2 * 86_400),
        UserCoupon(id="redeemed", coupon=template, valid_until=later, state="redeemed"),
        UserCoupon(id="expired", coupon=template, valid_until=later - 2 * 86_400, state="expired"),
    ]
    for profile in ("", "[list_coupons]\nquery = {}"):  # with the provider's own filter, and without it
        snapshot = await fetch(provider, make_merchant(profile=profile))
        assert [coupon.coupon_id for coupon in snapshot.coupons or ()] == ["soon", "late", "endless"]


async def test_coupons_of_a_wrongly_remembered_member_are_not_shown(
    provider: TrifftProvider, merchant: Merchant, acme: Project, jana: Member
) -> None:
    other = add(acme, email="other@example.com", coupons=[UserCoupon(id="others", coupon=Coupon(name="Tea"))])
    snapshot = await fetch(provider, merchant, remembered=other.id)
    assert snapshot.member.member_id == jana.id
    assert [coupon.coupon_id for coupon in snapshot.coupons or ()] == ["welcome"]


async def test_remembered_member_who_is_gone_does_not_fail_the_read(
    provider: TrifftProvider, merchant: Merchant, jana: Member
) -> None:
    assert (await fetch(provider, merchant, remembered="gone")).member.member_id == jana.id


async def test_remembered_member_is_read_in_two_requests(
    provider: TrifftProvider, merchant: Merchant, acme: Project, jana: Member
) -> None:
    await fetch(provider, merchant, remembered=jana.id)
    assert sorted(str(entry.operation) for entry in acme.requests) == ["coupons", "find"]

"""What TRIFFT's answers have shown: by line of the profile, by operation, and the statuses that nobody knows."""

import asyncio
import contextlib
from decimal import Decimal

import msgspec
import pytest

from loyalty_service.domain.errors import LoyaltyError
from loyalty_service.domain.findings import LineFinding, LineVerdict, OperationFinding, StatusCount
from loyalty_service.domain.member import Identity
from loyalty_service.domain.merchant import Merchant
from loyalty_service.domain.ports import Booking
from loyalty_service.trifft.client import TrifftProvider
from loyalty_service.trifft.expression import Expression
from loyalty_service.trifft.profile import parse_profile
from sandbox.trifft import Fault, Member, Movement, Project
from tests.loyalty_service.running import wait_until
from tests.loyalty_service.trifft.servers import MakeMerchant, fetch
from tests.passing import let_loop_pass

BY_EMAIL = Identity(kind="email", value="jana@example.com")
BY_PHONE = Identity(kind="phone", value="+421900000000")
BY_SUPPORT_ID = Identity(kind="support_id", value="JN-4821")
BY_ID = Identity(kind="member_id", value="jana")
# The fewest answers that say anything.
MANY = 20


@pytest.fixture(autouse=True)
def _without_rate(acme: Project) -> None:
    acme.settings.rate_limit = False


async def read(provider: TrifftProvider, merchant: Merchant, *identities: Identity, times: int = 1) -> None:
    """Whether a member can be read does not matter."""
    for identity in identities * times:
        with contextlib.suppress(LoyaltyError):
            await fetch(provider, merchant, identity)


def find_line(provider: TrifftProvider, merchant: Merchant, name: str) -> LineFinding:
    return next(one for one in provider.get_findings(merchant).line_findings if one.profile_line == name)


def find_operation(provider: TrifftProvider, merchant: Merchant, name: str) -> OperationFinding:
    return next(one for one in provider.get_findings(merchant).operation_findings if one.operation == name)


def list_wrong(provider: TrifftProvider, merchant: Merchant) -> dict[str, LineVerdict]:
    lines = provider.get_findings(merchant).line_findings
    return {line.profile_line: line.verdict for line in lines if line.verdict is not LineVerdict.OK}


async def test_each_line_that_shows_something_of_a_member_is_counted(
    provider: TrifftProvider, make_merchant: MakeMerchant, jana: Member
) -> None:
    jana.overrides = {"wallets": [{"id": "primary", "points": 5}]}
    jana.movements = [Movement(change=Decimal(100), created_at=1796000000, note="Order 1001")]
    for profile in ("", '[wallet]\nchosen = "primary"'):
        await read(provider, make_merchant(profile=profile), BY_EMAIL, BY_PHONE, BY_SUPPORT_ID, BY_ID)

    default = parse_profile("")
    expected = {
        f"{section}.{name}"
        for section in ("member", "wallet", "coupon")
        for name in getattr(default, section).__struct_fields__
        if isinstance(getattr(getattr(default, section), name), Expression)
    }
    counted = {line.profile_line: line for line in provider.get_findings(make_merchant()).line_findings}
    assert expected - counted.keys() == set()
    assert all(counted[name].empty_count == counted[name].unreadable_count == 0 for name in expected)
    assert (counted["member.email"].read_count, counted["member.full_name"].read_count) == (2, 8)


async def test_what_a_shop_does_not_use_is_not_wrong(
    provider: TrifftProvider, merchant: Merchant, jana: Member
) -> None:
    """Neither tiers nor locations nor segments nor details; coupons without an end, a value or a code."""
    jana.tier, jana.favorite_venue, jana.segments = None, None, []
    jana.left_out = ["expiring_points", "pending_points", "points_to_next_tier", "birthday", "movements"]
    for coupon in jana.coupons:
        coupon.redeem_value = coupon.code = coupon.valid_until = None
    await read(provider, merchant, BY_EMAIL, times=MANY)
    assert list_wrong(provider, merchant) == {}
    for line in ("tier", "next_expiry", "pending_points", "points_to_next_tier", "birthday", "recent_movements"):
        finding = find_line(provider, merchant, f"member.{line}")
        assert (finding.empty_count, finding.is_needed) == (MANY, False)


@pytest.mark.parametrize(
    ("left_out", "line"),
    [
        ("params", "member.full_name"),
        ("support_id", "member.support_id"),
        ("points", "member.points"),
        ("created_at", "member.join_time"),
    ],
)
async def test_line_that_finds_nothing_is_empty_once_there_are_enough_answers(
    provider: TrifftProvider, merchant: Merchant, jana: Member, left_out: str, line: str
) -> None:
    jana.left_out = [left_out]
    await read(provider, merchant, BY_EMAIL, times=MANY - 1)
    assert list_wrong(provider, merchant) == {}
    await read(provider, merchant, BY_EMAIL)
    assert list_wrong(provider, merchant) == {line: LineVerdict.EMPTY}
    finding = find_line(provider, merchant, line)
    assert (finding.read_count, finding.empty_count, finding.is_needed) == (MANY, MANY, line != "member.join_time")


async def test_line_that_agents_need_is_empty_if_it_finds_nothing_for_most(
    provider: TrifftProvider, merchant: Merchant, jana: Member
) -> None:
    await read(provider, merchant, BY_EMAIL, times=10)
    jana.left_out = ["params", "created_at"]
    await read(provider, merchant, BY_EMAIL, times=10)
    assert list_wrong(provider, merchant) == {}
    await read(provider, merchant, BY_EMAIL)
    assert list_wrong(provider, merchant) == {"member.full_name": LineVerdict.EMPTY}, "the other found something"


async def test_coupons_without_names_are_empty(provider: TrifftProvider, merchant: Merchant, jana: Member) -> None:
    jana.coupons[0].left_out = ["coupon"]
    await read(provider, merchant, BY_EMAIL, times=MANY)
    assert list_wrong(provider, merchant) == {"coupon.display_name": LineVerdict.EMPTY}


async def test_line_by_which_a_search_finds_nobody_is_empty(
    provider: TrifftProvider, make_merchant: MakeMerchant
) -> None:
    """TRIFFT finds her; in what it answers nobody has an address."""
    merchant = make_merchant(profile='[member]\nemail = "mail"')
    await read(provider, merchant, BY_EMAIL, times=MANY)
    assert list_wrong(provider, merchant) == {"member.email": LineVerdict.EMPTY}


async def test_stranger_whom_a_search_finds_is_no_empty_line(
    provider: TrifftProvider, merchant: Merchant, jana: Member
) -> None:
    """TRIFFT's search ignores accents."""
    jana.email = "jána@example.com"
    await read(provider, merchant, BY_EMAIL, times=MANY)
    assert list_wrong(provider, merchant) == {}


async def test_wallets_of_which_none_is_chosen_are_named_by_the_line_that_chooses(
    provider: TrifftProvider, merchant: Merchant, jana: Member
) -> None:
    jana.overrides = {"wallets": [{"id": "one", "points": 5}, {"id": "two", "points": 7}]}
    await read(provider, merchant, BY_EMAIL, times=MANY)
    assert list_wrong(provider, merchant) == {"wallet.chosen": LineVerdict.EMPTY}


async def test_wallet_that_nobody_has_leaves_its_points_empty(
    provider: TrifftProvider, make_merchant: MakeMerchant, jana: Member
) -> None:
    jana.overrides = {"wallets": [{"id": "one", "points": 5}, {"id": "two", "points": 7}]}
    merchant = make_merchant(profile='[wallet]\nchosen = "three"')
    await read(provider, merchant, BY_EMAIL, times=MANY)
    assert list_wrong(provider, merchant) == {"wallet.points": LineVerdict.EMPTY}


@pytest.mark.parametrize(("odd", "is_wrong"), [(1, False), (2, False), (3, True)])
async def test_odd_members_make_no_line_wrong_and_a_tenth_of_all_does(
    provider: TrifftProvider, merchant: Merchant, jana: Member, odd: int, *, is_wrong: bool
) -> None:
    await read(provider, merchant, BY_EMAIL, times=MANY - odd)
    jana.overrides = {"tier": 5}
    await read(provider, merchant, BY_EMAIL, times=odd)
    assert list_wrong(provider, merchant) == ({"member.tier": LineVerdict.UNREADABLE} if is_wrong else {})
    finding = find_line(provider, merchant, "member.tier")
    assert (finding.read_count, finding.unreadable_count, finding.is_needed) == (MANY, odd, False)


async def test_line_that_says_that_there_is_nothing_is_right(
    provider: TrifftProvider, make_merchant: MakeMerchant
) -> None:
    merchant = make_merchant(profile='[member]\njoin_time = "`null`"\nsupport_id = "`null`"')
    await read(provider, merchant, BY_EMAIL, times=MANY)
    assert list_wrong(provider, merchant) == {}


async def test_counts_tell_of_the_last_answers(
    provider: TrifftProvider, merchant: Merchant, jana: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("loyalty_service.trifft.observations.lines.LATELY", 40)
    jana.left_out = ["params"]
    await read(provider, merchant, BY_EMAIL, times=30)
    assert list_wrong(provider, merchant) == {"member.full_name": LineVerdict.EMPTY}
    jana.left_out = []
    await read(provider, merchant, BY_EMAIL, times=20)
    assert list_wrong(provider, merchant) == {}
    assert find_line(provider, merchant, "member.full_name").read_count < 40


async def test_other_profile_counts_anew(provider: TrifftProvider, merchant: Merchant) -> None:
    """As does another URL or token: each has a new generation."""
    await read(provider, merchant, BY_EMAIL)
    changed = msgspec.structs.replace(merchant, generation="2")
    assert provider.get_findings(changed).line_findings == ()
    assert provider.get_findings(changed).since_time > provider.get_findings(merchant).since_time


async def test_least_recent_of_too_many_shops_is_forgotten(
    provider: TrifftProvider, merchant: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("loyalty_service.trifft.observations.service.MAX_MERCHANTS", 2)
    shops = [msgspec.structs.replace(merchant, merchant_id=name) for name in ("one", "two", "three")]
    for shop in shops:
        await read(provider, shop, BY_EMAIL)
    counted = [bool(provider.get_findings(shop).line_findings) for shop in reversed(shops)]
    assert counted == [True, True, False]


async def test_operations_tell_what_the_token_may_do(
    provider: TrifftProvider, make_merchant: MakeMerchant, acme: Project
) -> None:
    merchant = make_merchant(token=acme.get_token("read"))
    await read(provider, merchant, BY_EMAIL)
    with contextlib.suppress(LoyaltyError):
        await provider.credit(merchant, Booking(member_id="jana", points=1, note="", reference="A-1"), timeout_s=30)
    find, credit, debit = (find_operation(provider, merchant, name) for name in ("find_member", "credit", "debit"))
    assert (find.accept_time is not None, find.refuse_status) == (True, 0)
    assert (credit.accept_time, credit.refuse_status, credit.missing_role) == (None, 403, "ROLE_WRITE_WALLET")
    assert debit == OperationFinding(operation="debit")


async def test_operation_that_is_accepted_again_lacks_nothing(
    provider: TrifftProvider, merchant: Merchant, acme: Project
) -> None:
    acme.faults.set(Fault(kind="status", status=401, operation="find"))
    await read(provider, merchant, BY_EMAIL)
    assert find_operation(provider, merchant, "find_member").refuse_status == 401
    acme.faults.clear()
    await read(provider, merchant, BY_EMAIL)
    assert find_operation(provider, merchant, "find_member").refuse_status == 0


@pytest.mark.parametrize(
    "fault", [Fault(kind="status", status=503, operation="find"), Fault(kind="reset", operation="find")]
)
async def test_failures_of_an_operation_are_counted_until_it_answers(
    provider: TrifftProvider, merchant: Merchant, acme: Project, fault: Fault
) -> None:
    acme.faults.set(fault)
    await read(provider, merchant, BY_EMAIL, times=3)
    assert find_operation(provider, merchant, "find_member").fail_count == 3
    acme.faults.clear()
    await read(provider, merchant, BY_EMAIL)
    assert find_operation(provider, merchant, "find_member").fail_count == 0


async def test_operation_that_hangs_has_failed(provider: TrifftProvider, merchant: Merchant, acme: Project) -> None:
    acme.faults.set(Fault(kind="hang", operation="coupons"))
    reading = asyncio.create_task(fetch(provider, merchant, BY_EMAIL))
    await wait_until(lambda: acme.count_requests("coupons"))
    let_loop_pass(30)
    with contextlib.suppress(LoyaltyError):
        await reading
    assert find_operation(provider, merchant, "list_coupons").fail_count == 1


async def test_list_of_movements_that_a_shop_does_not_have_is_no_operation(
    provider: TrifftProvider, make_merchant: MakeMerchant
) -> None:
    merchant = make_merchant(profile='[list_movements]\npath = ""')
    assert "list_movements" not in {one.operation for one in provider.get_findings(merchant).operation_findings}


async def test_unknown_statuses_are_counted_by_their_words(
    provider: TrifftProvider, merchant: Merchant, jana: Member
) -> None:
    for status in ("suspended", "ACTIVE", "blocked", "On hold", "suspended", "pozastavený"):
        jana.overrides = {"status": status}
        await read(provider, merchant, BY_EMAIL)
    assert provider.get_findings(merchant).unknown_statuses == (
        StatusCount(word="suspended", count=2),
        StatusCount(word="On hold", count=1),
        StatusCount(word="pozastavený", count=1),
    )


async def test_text_that_is_no_status_is_counted_without_its_words(
    provider: TrifftProvider, merchant: Merchant, jana: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wrong line may find a person's data."""
    monkeypatch.setattr("loyalty_service.trifft.observations.statuses.MAX_WORDS", 2)
    for status in ("jana@example.com", "+421900000000", "x" * 41, "one", "two", "two"):
        jana.overrides = {"status": status}
        await read(provider, merchant, BY_EMAIL)
    assert provider.get_findings(merchant).unknown_statuses == (
        StatusCount(word="", count=5),
        StatusCount(word="one", count=1),
    )

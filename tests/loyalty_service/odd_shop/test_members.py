"""Which members get no points, according to their status and their wallets."""

from decimal import Decimal

import pytest

from protos.loyalty.v1 import loyalty_pb2 as pb
from sandbox.trifft import Wallet
from tests.loyalty_service.odd_shop.shop import OddShop
from tests.loyalty_service.running import catch_failure

# One service serves all tests, so they share its event loop.
pytestmark = pytest.mark.asyncio(loop_scope="module")

CHOSEN = "[wallet]\nchosen = 'bonus'\n"


@pytest.mark.parametrize(
    ("status", "word", "state", "reason"),
    [
        ("active", "active", pb.MEMBER_STATUS_ACTIVE, ""),
        (" Active ", "Active", pb.MEMBER_STATUS_ACTIVE, ""),
        ("ACTIVE", "ACTIVE", pb.MEMBER_STATUS_ACTIVE, ""),
        ("blocked", "blocked", pb.MEMBER_STATUS_BLOCKED, "MEMBER_BLOCKED"),
        ("Blocked", "Blocked", pb.MEMBER_STATUS_BLOCKED, "MEMBER_BLOCKED"),
        ("BLOCKED\t", "BLOCKED", pb.MEMBER_STATUS_BLOCKED, "MEMBER_BLOCKED"),
        ("suspended", "suspended", pb.MEMBER_STATUS_UNKNOWN, "STATUS_UNKNOWN"),
        ("deleted", "deleted", pb.MEMBER_STATUS_UNKNOWN, "STATUS_UNKNOWN"),
        ("act\u0131ve", "act\u0131ve", pb.MEMBER_STATUS_UNKNOWN, "STATUS_UNKNOWN"),
        ("act\u202eive", "active", pb.MEMBER_STATUS_UNKNOWN, "STATUS_UNKNOWN"),
        (1, "1", pb.MEMBER_STATUS_UNKNOWN, "STATUS_UNKNOWN"),
        (None, "", pb.MEMBER_STATUS_UNKNOWN, "STATUS_UNKNOWN"),
        ("", "", pb.MEMBER_STATUS_UNKNOWN, "STATUS_UNKNOWN"),
        (["active"], "", pb.MEMBER_STATUS_UNKNOWN, "STATUS_UNKNOWN"),
        (True, "", pb.MEMBER_STATUS_UNKNOWN, "STATUS_UNKNOWN"),
    ],
)
async def test_status_is_read_by_the_profiles_words_or_gives_no_points(
    shop: OddShop, status: object, word: str, state: pb.MemberStatus.ValueType, reason: str
) -> None:
    shop.jana.overrides = {"status": status}
    member = (await shop.fetch()).member
    assert (member.status, member.status_word, member.full_name) == (state, word, "Jana Nováková")
    if not reason:
        assert (await shop.award()).award.state == pb.AWARD_STATE_APPLIED
        return
    failure = await catch_failure(shop.award())
    assert failure.reason == reason
    assert failure.metadata.get("status", word) == word
    assert shop.project.count_requests("credit") == 0


async def test_member_without_a_status_gets_no_points_unless_the_profile_sets_one(shop: OddShop) -> None:
    shop.jana.left_out = ["status"]
    assert (await shop.fetch()).member.status == pb.MEMBER_STATUS_UNKNOWN
    assert (await catch_failure(shop.award())).reason == "STATUS_UNKNOWN"
    await shop.write_profile("""[member]\nstatus = "'active'"\n""")
    assert (await shop.award()).award.state == pb.AWARD_STATE_APPLIED


@pytest.mark.parametrize("status", ["anonymised", "ANONYMISED", " Anonymized"])
async def test_anonymised_member_is_not_found(shop: OddShop, status: str) -> None:
    shop.jana.overrides = {"status": status}
    for identity in ({"email": "jana@example.com"}, {"member_id": "jana"}):
        assert (await catch_failure(shop.fetch(**identity))).reason == "MEMBER_NOT_FOUND"
    assert (await catch_failure(shop.award())).reason == "MEMBER_NOT_FOUND"


@pytest.mark.parametrize("section", ["active_states", "blocked_states"])
async def test_profile_may_write_status_words_in_any_case(shop: OddShop, section: str) -> None:
    shop.jana.overrides = {"status": "NORMAL"}
    await shop.write_profile(f"[member]\n{section} = [' Normal ']\n")
    status = (await shop.fetch()).member.status
    assert status == (pb.MEMBER_STATUS_ACTIVE if section == "active_states" else pb.MEMBER_STATUS_BLOCKED)


@pytest.mark.parametrize("odd", ["balance", "pending"])
@pytest.mark.parametrize("value", ["1 340", [], {}, "soon", 1e30])
async def test_confirmed_credit_is_applied_despite_other_unreadable_fields(
    shop: OddShop, odd: str, value: object
) -> None:
    shop.jana.receipt_overrides = {odd: value}
    award = (await shop.award()).award
    assert (award.state, award.delayed) == (pb.AWARD_STATE_APPLIED, False)
    assert award.HasField("balance") == (odd != "balance")
    assert await shop.check() == {f"credit.answered_{odd}": 1}
    reversal = await shop.client.loyalty.ReverseAward(
        pb.ReverseAwardRequest(merchant_id=shop.merchant_id, request_id="reversal-1", award_id=award.award_id)
    )
    assert reversal.award.state == pb.AWARD_STATE_APPLIED
    assert (await shop.check())[f"debit.answered_{odd}"] == 1
    assert (await shop.award()).award.state == pb.AWARD_STATE_APPLIED


async def test_confirmed_credit_is_applied_if_the_receipt_has_its_own_success_field(shop: OddShop) -> None:
    shop.jana.receipt_overrides = {"success": True}
    award = (await shop.award()).award
    assert (award.state, award.HasField("balance")) == (pb.AWARD_STATE_APPLIED, True)


@pytest.mark.parametrize("receipt", [{"id": None}, {"id": []}, {"points": "many"}, {"points": [100]}])
async def test_credit_with_an_unreadable_id_or_points_stays_in_doubt(shop: OddShop, receipt: dict[str, object]) -> None:
    shop.jana.receipt_overrides = receipt
    assert (await shop.award()).award.state == pb.AWARD_STATE_UNKNOWN


async def test_member_of_several_wallets_gets_no_points_until_the_profile_names_one(shop: OddShop) -> None:
    shop.jana.more_wallets = [Wallet(id="bonus", name="Bonus", points=Decimal(40))]
    member = (await shop.fetch()).member
    assert (member.wallet_state, member.HasField("wallet")) == (pb.WALLET_STATE_SEVERAL, False)
    assert (await catch_failure(shop.award())).reason == "SEVERAL_WALLETS"

    await shop.write_profile(CHOSEN)
    assert (await shop.fetch()).member.wallet.points_balance_exact == "40"
    award = (await shop.award()).award
    assert (award.state, award.balance.points_balance) == (pb.AWARD_STATE_APPLIED, 140)
    assert (shop.jana.points, shop.jana.more_wallets[0].points) == (Decimal(1240), Decimal(140))
    await shop.client.loyalty.ReverseAward(
        pb.ReverseAwardRequest(merchant_id=shop.merchant_id, request_id="reversal-1", award_id=award.award_id)
    )
    assert (shop.jana.points, shop.jana.more_wallets[0].points) == (Decimal(1240), Decimal(40))


@pytest.mark.parametrize(
    ("wallets", "profile", "state", "exact"),
    [
        (None, "", pb.WALLET_STATE_READABLE, "1240"),
        ([], "", pb.WALLET_STATE_READABLE, "1240"),
        ([{"id": "main", "points": 7}], "", pb.WALLET_STATE_READABLE, "1240"),
        ([{"id": "main"}, None], "", pb.WALLET_STATE_READABLE, "1240"),
        ([{"id": "main"}, {"id": "bonus"}], "", pb.WALLET_STATE_SEVERAL, ""),
        (["main", 3], "", pb.WALLET_STATE_SEVERAL, ""),
        ("main", "", pb.WALLET_STATE_READABLE, "1240"),
        (None, CHOSEN, pb.WALLET_STATE_READABLE, "1240"),
        ({"bonus": 7}, CHOSEN, pb.WALLET_STATE_UNREADABLE, ""),
        ([{"id": "bonus", "points": 7}], CHOSEN, pb.WALLET_STATE_READABLE, "7"),
        ([{"id": "main", "points": 7}], CHOSEN, pb.WALLET_STATE_DISABLED, ""),
        ([{"id": "bonus", "points": None}, {"id": "main"}], CHOSEN, pb.WALLET_STATE_DISABLED, ""),
        ([{"id": "bonus", "points": "1 240"}, {"id": "main"}], CHOSEN, pb.WALLET_STATE_UNREADABLE, ""),
        ([{"id": {}, "points": 7}, {"id": "main"}], CHOSEN, pb.WALLET_STATE_UNREADABLE, ""),
        ([{"id": "bonus", "points": 7}, {"id": "bonus", "points": 8}], CHOSEN, pb.WALLET_STATE_UNREADABLE, ""),
    ],
)
async def test_balance_is_the_member_s_own_or_the_chosen_wallet_s(
    shop: OddShop, wallets: object, profile: str, state: pb.WalletState.ValueType, exact: str
) -> None:
    await shop.write_profile(profile)
    shop.jana.overrides = {"wallets": wallets}
    member = (await shop.fetch()).member
    assert (member.wallet_state, member.wallet.points_balance_exact) == (state, exact)

"""Who gets no points: by their status, by their wallets, and by what is held of them."""

from collections.abc import AsyncIterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from loyalty_service.domain.errors import ProviderUnavailableError
from loyalty_service.domain.member import Identity, MemberStatus
from protos.loyalty.v1 import loyalty_pb2 as pb
from sandbox.trifft import Wallet
from tests.loyalty_service.odd_shop import OddShop, open_odd_shop
from tests.loyalty_service.running import Client, StartService, catch_failure
from tests.loyalty_service.scripted import JANA, ScriptedProvider, make_member

CHOSEN = "[wallet]\nchosen = 'bonus'\n"


@pytest.fixture
async def shop(new_sqlite_url: str) -> AsyncIterator[OddShop]:
    async with open_odd_shop(new_sqlite_url) as shop:
        yield shop


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
async def test_status_is_one_of_the_profiles_words_or_gives_no_points(
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


async def test_missing_status_gives_no_points_unless_the_profile_writes_one(shop: OddShop) -> None:
    shop.jana.left_out = ["status"]
    assert (await shop.fetch()).member.status == pb.MEMBER_STATUS_UNKNOWN
    assert (await catch_failure(shop.award())).reason == "STATUS_UNKNOWN"
    await shop.write_profile("""[member]\nstatus = "'active'"\n""")
    assert (await shop.award()).award.state == pb.AWARD_STATE_APPLIED


@pytest.mark.parametrize("status", ["anonymised", "ANONYMISED", " Anonymized"])
async def test_anonymised_member_is_none(shop: OddShop, status: str) -> None:
    shop.jana.overrides = {"status": status}
    for identity in ({"email": "jana@example.com"}, {"member_id": "jana"}):
        assert (await catch_failure(shop.fetch(**identity))).reason == "MEMBER_NOT_FOUND"
    assert (await catch_failure(shop.award())).reason == "MEMBER_NOT_FOUND"


@pytest.mark.parametrize("section", ["active_states", "blocked_states"])
async def test_profile_names_the_words_in_any_case(shop: OddShop, section: str) -> None:
    shop.jana.overrides = {"status": "NORMAL"}
    await shop.write_profile(f"[member]\n{section} = [' Normal ']\n")
    status = (await shop.fetch()).member.status
    assert status == (pb.MEMBER_STATUS_ACTIVE if section == "active_states" else pb.MEMBER_STATUS_BLOCKED)


@pytest.mark.parametrize("odd", ["balance", "pending"])
@pytest.mark.parametrize("value", ["1 340", [], {}, "soon", 1e30])
async def test_confirmed_credit_is_applied_whatever_else_cannot_be_read(shop: OddShop, odd: str, value: object) -> None:
    shop.jana.receipt_overrides = {odd: value}
    award = (await shop.award()).award
    assert (award.state, award.delayed) == (pb.AWARD_STATE_APPLIED, False)
    assert award.HasField("balance") == (odd != "balance")
    assert await shop.check() == {f"credit.answered_{odd}": 1}
    reversal = await shop.client.loyalty.ReverseAward(
        pb.ReverseAwardRequest(merchant_id="acme", request_id="reversal-1", award_id=award.award_id)
    )
    assert reversal.award.state == pb.AWARD_STATE_APPLIED
    assert (await shop.check())[f"debit.answered_{odd}"] == 1
    assert (await shop.award()).award.state == pb.AWARD_STATE_APPLIED


async def test_confirmed_credit_is_applied_where_the_receipt_has_a_success_of_its_own(shop: OddShop) -> None:
    shop.jana.receipt_overrides = {"success": True}
    award = (await shop.award()).award
    assert (award.state, award.HasField("balance")) == (pb.AWARD_STATE_APPLIED, True)


@pytest.mark.parametrize("receipt", [{"id": None}, {"id": []}, {"points": "many"}, {"points": [100]}])
async def test_credit_whose_id_or_points_cannot_be_read_stays_in_doubt(
    shop: OddShop, receipt: dict[str, object]
) -> None:
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
        pb.ReverseAwardRequest(merchant_id="acme", request_id="reversal-1", award_id=award.award_id)
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
async def test_balance_is_the_members_or_that_of_the_chosen_wallet(
    shop: OddShop, wallets: object, profile: str, state: pb.WalletState.ValueType, exact: str
) -> None:
    await shop.write_profile(profile)
    shop.jana.overrides = {"wallets": wallets}
    member = (await shop.fetch()).member
    assert (member.wallet_state, member.wallet.points_balance_exact) == (state, exact)


async def fetch_held(client: Client) -> pb.Snapshot:
    request = pb.GetSnapshotRequest(merchant_id="acme", identity=pb.MemberIdentity(member_id=JANA))
    return (await client.loyalty.GetSnapshot(request)).snapshot


def add_to(time: Timestamp, seconds: float) -> Timestamp:
    moved = Timestamp()
    moved.FromDatetime(time.ToDatetime() + timedelta(seconds=seconds))
    return moved


@pytest.mark.parametrize(
    ("panel_is_newer_by_s", "settings", "is_read"),
    [
        (0, {}, False),
        (-60, {}, False),
        (0.001, {}, True),
        (60, {}, True),
        (None, {}, False),
        (None, {"hold_time_s": 1e-6}, True),
        (0, {"hold_time_s": 1e-6}, False),
    ],
)
async def test_what_is_held_lets_a_press_through_only_if_it_is_as_new_as_the_panel(
    start_service: StartService,
    provider: ScriptedProvider,
    panel_is_newer_by_s: float | None,
    settings: dict[str, Any],
    *,
    is_read: bool,
) -> None:
    """The member is blocked after this process read them; a panel that another process made shows it."""
    async with start_service(**settings) as client:
        await client.add_merchant()
        held = await fetch_held(client)
        provider.members[JANA] = make_member(status=MemberStatus.BLOCKED)
        seen: dict[str, Any] = {}
        if panel_is_newer_by_s is not None:
            seen["member_fetch_time"] = add_to(held.fetch_time, panel_is_newer_by_s)

        if is_read:
            assert (await catch_failure(client.award(**seen))).reason == "MEMBER_BLOCKED"
            assert provider.credits == []
        else:
            assert (await client.award(**seen)).award.state == pb.AWARD_STATE_APPLIED
        assert len(provider.fetches) == 1 + is_read


async def test_older_data_lets_no_press_through_while_trifft_fails(client: Client, provider: ScriptedProvider) -> None:
    async def fail(_: Identity) -> None:
        raise ProviderUnavailableError("TRIFFT did not answer")

    held = await fetch_held(client)
    provider.on_fetch = fail
    failure = await catch_failure(client.award(member_fetch_time=add_to(held.fetch_time, 1)))
    assert failure.reason == "PROVIDER_UNAVAILABLE"
    assert provider.credits == []


async def test_award_on_record_is_answered_whatever_the_panel_shows(client: Client, provider: ScriptedProvider) -> None:
    held = await fetch_held(client)
    first = await client.award(request_id="request-1")
    provider.members[JANA] = make_member(status=MemberStatus.UNKNOWN, status_word="suspended")
    seen = add_to(held.fetch_time, 3600)
    again = await client.award(request_id="request-1", member_fetch_time=seen)
    assert (again.replayed, again.award.award_id) == (True, first.award.award_id)


async def test_panel_of_no_year_is_refused(client: Client) -> None:
    failure = await catch_failure(client.award(member_fetch_time=Timestamp(seconds=10**15)))
    assert (failure.reason, failure.field) == ("BAD_VALUE", "member_fetch_time")

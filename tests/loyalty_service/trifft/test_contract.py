"""Each assumption about TRIFFT, by its id in docs/assumptions.md, is compared with a shop's own traffic."""

import contextlib
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from aiohttp import web

from loyalty_service.domain.errors import BookingUnknownError, LoyaltyError
from loyalty_service.domain.findings import ContractLine, ContractState
from loyalty_service.domain.member import Identity
from loyalty_service.domain.merchant import Merchant
from loyalty_service.domain.ports import Booking
from loyalty_service.domain.verification import LOOPBACK, Verification
from loyalty_service.trifft.client import TrifftProvider
from sandbox.trifft import Fault, Member, Movement, Project
from tests.loyalty_service.trifft.servers import MakeMerchant, StartAnswering, fetch

PAGE = Path(__file__).parent.parent.parent.parent / "docs" / "assumptions.md"
ROW = re.compile(r"^\| `([a-z_]+)` \|", re.MULTILINE)
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
BY_EMAIL = Identity(kind="email", value="jana@example.com")
BY_ID = Identity(kind="member_id", value="jana")
BOOKING = Booking(member_id="jana", points=100, note="", reference="A-1")
CONFIRMED, CONTRADICTED, NOT_SEEN = ContractState


def read_contract(provider: TrifftProvider, merchant: Merchant) -> dict[str, ContractLine]:
    return {line.assumption: line for line in provider.get_findings(merchant).contract}


def list_ids(provider: TrifftProvider, merchant: Merchant, state: ContractState) -> set[str]:
    return {name for name, line in read_contract(provider, merchant).items() if line.state is state}


async def call(provider: TrifftProvider, merchant: Merchant, operation: str) -> None:
    """Call TRIFFT as the service does. Whether it fails does not matter."""
    with contextlib.suppress(LoyaltyError, BookingUnknownError):
        match operation:
            case "find_member":
                await fetch(provider, merchant, BY_EMAIL)
            case "get_member" | "list_coupons":
                await fetch(provider, merchant, BY_ID)
            case "list_movements":
                since = datetime.now(UTC) - timedelta(hours=1)
                await provider.list_movements(merchant, "jana", since=since, timeout_s=30)
            case "probe":
                await provider.probe(merchant, timeout_s=30)
            case "credit":
                await provider.credit(merchant, BOOKING, timeout_s=30)
            case _:
                await provider.debit(merchant, BOOKING, timeout_s=30)


def make_proof(verified_by: str, *, is_current: bool) -> Verification:
    return Verification(verify_time=NOON, verified_by=verified_by, member=None, is_current=is_current)


OPERATIONS = {
    "probe": ("probe", '[probe]\npath = "/v1/points"'),
    "find_member": ("find", '[find_member]\npath = "/v1/members"'),
    "get_member": ("get", '[get_member]\npath = "/v1/member/{member_id}/all"'),
    "list_coupons": ("coupons", '[list_coupons]\npath = "/v1/member/{member_id}/coupons"'),
    "credit": ("credit", '[credit]\npath = "/v1/member/{member_id}/credit"'),
    "debit": ("debit", '[debit]\npath = "/v1/member/{member_id}/debit"'),
    "list_movements": ("movements", '[list_movements]\npath = "/v1/member/{member_id}/movements"'),
}


def test_page_and_code_have_the_same_assumptions(provider: TrifftProvider, merchant: Merchant) -> None:
    _, _, rest = PAGE.read_text(encoding="utf-8").partition("## TRIFFT")
    table, _, _ = rest.partition("## Gorgias")
    assert sorted(ROW.findall(table)) == sorted(read_contract(provider, merchant))


async def test_nothing_is_seen_before_the_first_request(provider: TrifftProvider, merchant: Merchant) -> None:
    assert list_ids(provider, merchant, NOT_SEEN) == set(read_contract(provider, merchant))


async def test_answers_that_fit_confirm_their_assumptions(
    provider: TrifftProvider, merchant: Merchant, jana: Member
) -> None:
    jana.overrides = {"wallets": [{"id": "primary", "points": 5}]}
    jana.movements = [Movement(change=Decimal(100), created_at=1796000000, note="Order 1001")]
    for operation in OPERATIONS:
        await call(provider, merchant, operation)
    assert list_ids(provider, merchant, CONFIRMED) == {*OPERATIONS, "member", "details", "wallet", "coupon", "status"}
    assert list_ids(provider, merchant, CONTRADICTED) == set()


@pytest.mark.parametrize("operation", OPERATIONS)
async def test_wrong_path_contradicts_its_operation_and_names_the_line(
    provider: TrifftProvider, make_merchant: MakeMerchant, operation: str
) -> None:
    """A 404 may also mean a missing member, so a single one proves nothing."""
    _, profile = OPERATIONS[operation]
    merchant = make_merchant(profile=profile)
    for _ in range(3):
        await call(provider, merchant, operation)
    assert list_ids(provider, merchant, CONTRADICTED) == {operation}
    path = profile.partition("path = ")[2]
    assert f"[{operation}] path = {path} found HTTP 404" in read_contract(provider, merchant)[operation].problem


@pytest.mark.parametrize("operation", OPERATIONS)
async def test_first_or_third_unreadable_answer_contradicts_its_operation(
    provider: TrifftProvider, merchant: Merchant, acme: Project, operation: str
) -> None:
    """After an answer that fits, a single page of a proxy's says nothing about TRIFFT.

    The next answer that fits confirms.
    """
    html = Fault(kind="html", operation=OPERATIONS[operation][0])  # type: ignore[arg-type]
    acme.faults.set(html)
    await call(provider, merchant, operation)
    assert list_ids(provider, merchant, CONTRADICTED) == {operation}
    acme.faults.clear()
    await call(provider, merchant, operation)
    assert read_contract(provider, merchant)[operation].state is CONFIRMED

    acme.faults.set(html)
    for _ in range(2):
        await call(provider, merchant, operation)
    assert read_contract(provider, merchant)[operation].state is CONFIRMED
    await call(provider, merchant, operation)
    assert "found a body that is not of a JSON type" in read_contract(provider, merchant)[operation].problem


async def test_missing_member_does_not_contradict_the_path(provider: TrifftProvider, merchant: Merchant) -> None:
    await fetch(provider, merchant, BY_ID)
    for _ in range(4):
        with contextlib.suppress(LoyaltyError):
            await fetch(provider, merchant, Identity(kind="member_id", value="gone"))
    assert read_contract(provider, merchant)["get_member"].state is CONFIRMED


async def test_refusal_because_of_the_balance_contradicts_nothing(
    provider: TrifftProvider, merchant: Merchant, jana: Member
) -> None:
    jana.wallet = False
    for _ in range(3):
        await call(provider, merchant, "credit")
    assert list_ids(provider, merchant, CONTRADICTED) == set()


async def test_refusal_confirms_the_shape_of_errors_and_the_named_role(
    provider: TrifftProvider, make_merchant: MakeMerchant, acme: Project
) -> None:
    merchant = make_merchant(token=acme.get_token("read"))
    await call(provider, merchant, "credit")
    assert list_ids(provider, merchant, CONFIRMED) == {"error", "role"}


async def test_another_shape_of_errors_contradicts_the_assumption(
    provider: TrifftProvider, make_merchant: MakeMerchant, acme: Project
) -> None:
    merchant = make_merchant(token=acme.get_token("read"), profile='[error]\nmessage = "error.text"')
    await call(provider, merchant, "credit")
    contract = read_contract(provider, merchant)
    assert contract["error"].problem == '[error] message = "error.text" found nothing in HTTP 403'
    assert contract["role"].problem == '[error] message = "error.text" named no role in HTTP 403'


@pytest.mark.parametrize(
    "answer",
    [
        web.Response(status=403, text="Forbidden"),
        web.Response(status=502, text='{"message": "Bad Gateway"}', content_type="application/json"),
    ],
    ids=["no JSON", "a proxy's"],
)
async def test_refusal_by_another_server_says_nothing_about_errors(
    provider: TrifftProvider, make_merchant: MakeMerchant, start_answering: StartAnswering, answer: web.Response
) -> None:
    merchant = make_merchant(await start_answering(answer))
    await call(provider, merchant, "find_member")
    assert {read_contract(provider, merchant)[name].state for name in ("error", "role")} == {NOT_SEEN}


async def test_receipt_with_other_points_contradicts_the_scale_until_one_fits(
    provider: TrifftProvider, merchant: Merchant, jana: Member
) -> None:
    jana.receipt_overrides = {"points": 1}
    await call(provider, merchant, "credit")
    assert list_ids(provider, merchant, CONTRADICTED) == {"scale"}
    assert '[credit] answered_points = "points"' in read_contract(provider, merchant)["scale"].problem
    jana.receipt_overrides = {}
    await call(provider, merchant, "credit")
    assert read_contract(provider, merchant)["scale"].state is NOT_SEEN, "an answer that fits is no proof"


@pytest.mark.parametrize(
    ("proof", "state"),
    [
        (make_proof("Ana", is_current=True), CONFIRMED),
        (make_proof("Ana", is_current=False), NOT_SEEN),
        (make_proof(LOOPBACK, is_current=True), NOT_SEEN),
    ],
)
def test_valid_proof_confirms_the_scale(
    provider: TrifftProvider, merchant: Merchant, proof: Verification, state: ContractState
) -> None:
    proven = msgspec.structs.replace(merchant, verification=proof)
    assert read_contract(provider, proven)["scale"].state is state


async def test_unreadable_detail_contradicts_only_the_details(
    provider: TrifftProvider, merchant: Merchant, acme: Project, jana: Member
) -> None:
    acme.settings.rate_limit = False
    jana.overrides = {"birthday": "12.3.1990"}
    for _ in range(20):
        await fetch(provider, merchant, BY_EMAIL)
    assert list_ids(provider, merchant, CONTRADICTED) == {"details"}
    contract = read_contract(provider, merchant)
    assert '[member] birthday = "birthday"' in contract["details"].problem
    assert contract["member"].state is CONFIRMED


async def test_unknown_status_contradicts_the_status_words(
    provider: TrifftProvider, merchant: Merchant, jana: Member
) -> None:
    jana.overrides = {"status": "suspended"}
    await fetch(provider, merchant, BY_EMAIL)
    words = "in no line of [member] active_states, blocked_states, anonymised_states: 'suspended'"
    assert read_contract(provider, merchant)["status"].problem == words

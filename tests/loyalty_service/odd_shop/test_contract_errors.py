"""The error for a wire profile that does not fit names the line, and quotes nothing of TRIFFT's answer."""

import pytest

from protos.loyalty.v1 import loyalty_pb2 as pb
from sandbox.trifft.faults import Fault
from tests.loyalty_service.odd_shop.shop import OddShop
from tests.loyalty_service.running import catch_failure

# One service serves all tests, so they share its event loop.
pytestmark = pytest.mark.asyncio(loop_scope="module")

BY_ID = {"member_id": "jana"}
BY_EMAIL = {"email": "jana@example.com"}
NO_ID = "found no text of 1 to 128 printable characters"


@pytest.mark.parametrize(
    ("profile", "identity", "operation", "problem"),
    [
        ('[member]\nmember_id = "uuid"', BY_ID, "get_member", f'[member] member_id = "uuid" {NO_ID}'),
        ('[member]\nmember_id = "tier"', BY_EMAIL, "find_member", f'[member] member_id = "tier" {NO_ID}'),
        (
            '[member]\nmember_id = "length(points)"',
            BY_ID,
            "get_member",
            '[member] member_id = "length(points)" found a value that it cannot work with',
        ),
        (
            '[member]\nmember_id = "support_id"',
            BY_ID,
            "get_member",
            '[member] member_id = "support_id" found a member that was not asked for',
        ),
        ('[find_member]\nitems = "rows"', BY_EMAIL, "find_member", '[find_member] items = "rows" found no list'),
        (
            "[member]\nemail = 'params.\"e-mail\" || params'",
            BY_EMAIL,
            "find_member",
            '[member] email = "params.\\"e-mail\\" || params" found what cannot be compared',
        ),
        (
            '[find_member]\npath = "/v1/members"',
            BY_EMAIL,
            "find_member",
            '[find_member] path = "/v1/members" found HTTP 404',
        ),
        (
            '[envelope]\nis_wrapped = "contains(id, `1`)"',
            BY_ID,
            "get_member",
            '[envelope] is_wrapped = "contains(id, `1`)" found a value that it cannot work with',
        ),
    ],
)
async def test_line_that_does_not_fit_is_named(
    shop: OddShop, profile: str, identity: dict[str, str], operation: str, problem: str
) -> None:
    await shop.write_profile(profile)
    failure = await catch_failure(shop.fetch(**identity))
    assert (failure.reason, failure.message) == (
        "PROVIDER_CONTRACT",
        f"TRIFFT's answer to {operation} cannot be read: {problem}",
    )


@pytest.mark.parametrize(
    ("fault", "found"),
    [
        (Fault(kind="html", operation="get"), "a body that is not of a JSON type"),
        (Fault(kind="half_json", operation="get"), "no JSON"),
        (Fault(kind="status", operation="get", status=400), "HTTP 400"),
    ],
    ids=lambda value: value.kind if isinstance(value, Fault) else None,
)
async def test_error_about_an_unreadable_answer_names_its_path(shop: OddShop, fault: Fault, found: str) -> None:
    shop.project.faults.set(fault)
    failure = await catch_failure(shop.fetch(**BY_ID))
    path = '[get_member] path = "/v1/member/{member_id}"'
    assert failure.message == f"TRIFFT's answer to get_member cannot be read: {path} found {found}"
    assert await shop.check() == {}, "the fault may pass by itself"


async def test_check_names_a_line_that_can_read_no_member(shop: OddShop) -> None:
    await shop.write_profile('[member]\nmember_id = "uuid"')
    for identity in (BY_ID, BY_EMAIL):
        await catch_failure(shop.fetch(**identity))
    assert await shop.check() == {"member.member_id": 2}


async def test_award_with_an_unreadable_receipt_names_the_line(shop: OddShop) -> None:
    await shop.write_profile('[credit]\nanswered_reference = "uuid"')
    award = (await shop.award()).award
    found = await shop.client.loyalty.GetAward(
        pb.GetAwardRequest(merchant_id=shop.merchant_id, award_id=award.award_id)
    )
    assert award.state == pb.AWARD_STATE_UNKNOWN
    assert found.changes[-1].why == (
        f'sent, and TRIFFT\'s answer to credit cannot be read: [credit] answered_reference = "uuid" {NO_ID}'
    )


async def test_award_with_other_points_in_its_receipt_names_the_line(shop: OddShop) -> None:
    await shop.write_profile('[credit]\nanswered_points = "balance"')
    award = (await shop.award()).award
    found = await shop.client.loyalty.GetAward(
        pb.GetAwardRequest(merchant_id=shop.merchant_id, award_id=award.award_id)
    )
    assert found.award.needs_person
    assert found.changes[-1].why == (
        'sent, and TRIFFT\'s answer names other points ([credit] answered_points = "balance")'
    )

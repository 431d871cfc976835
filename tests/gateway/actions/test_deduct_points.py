"""`POST /gorgias/actions/deduct-points`: removes points as an award adds them, where the shop allows it."""

from typing import Any

import grpc
import pytest

from gateway.errors import HTTP_STATUS, AwardTokenError, NoTokenReason, RequestError
from gateway.wording.answers.award import say_award_refusal
from gateway.wording.directions import REMOVE
from gateway.wording.phrases import TAG_ADVICE
from gateway.wording.shop import DEFAULT_SHOP
from protos.loyalty.v1 import loyalty_pb2 as pb
from tests.gateway.actions.outcomes import make_deduction, make_reversal
from tests.gateway.actions.test_award_limits import make_limit
from tests.gateway.edge.running import JANA, NOW, PETER, Gateway
from tests.gateway.edge.scripted import Failure, ScriptedLoyalty
from tests.gateway.edge.shared import Shop
from tests.gateway.widget.test_view import make_snapshot
from tests.gateway.wording.test_answers import CODE, MAX_CHARS, make_error

APPLIED = pb.AWARD_STATE_APPLIED
_MORE = "To remove more: close this window, add or remove a tag, then try again."
_ALREADY = "Nothing new was removed. Ana already removed 50 points at 13:02 (A-12)."
_DOUBT = "We do not know yet whether the 50 points were removed. Do not remove them again."
_OFF = "Not removed: this shop does not let support remove points. Ask a manager."


@pytest.fixture
def shop(shop: Shop) -> Shop:
    """A shop that lets support remove points."""
    shop.scripted.merchant.max_points_per_deduction = 200
    return shop


async def test_deduction_applied(gateway: Gateway, scripted: ScriptedLoyalty) -> None:
    scripted.award = make_deduction(APPLIED, balance=pb.Wallet(points_balance=1190, points_balance_exact="1190"))
    response = await gateway.press_deduct(note="Twice by mistake", agent_name="Ana")
    assert response.status == 200
    assert await response.json() == {
        "status": "applied",
        "message": "50 points removed from Jana Nováková. Balance 1,190. Reason: Correction. Award A-12.",
        "award_id": "A-12",
    }
    [request] = scripted.award_requests
    assert (request.debit, request.points, request.reason) == (True, 50, "Correction")
    assert (request.merchant_id, request.member_id, request.ticket_id) == (gateway.merchant_id, "member-1", "4711")
    assert (request.note, request.claimed_agent_name, request.ticket_verified) == ("Twice by mistake", "Ana", True)


async def test_award_is_no_deduction(gateway: Gateway, scripted: ScriptedLoyalty) -> None:
    scripted.award = make_deduction(APPLIED, debit=False)
    await gateway.press()
    assert [request.debit for request in scripted.award_requests] == [False]


ON_RECORD: list[tuple[pb.AwardPointsResponse, str, str]] = [
    (
        make_deduction(APPLIED, delayed=True),
        "applied",
        (
            "50 points removed. TRIFFT will book them later; the balance does not show them yet. "
            "Reason: Correction. Award A-12."
        ),
    ),
    (make_deduction(APPLIED, replayed=True), "replayed", f"{_ALREADY} {_MORE}"),
    (
        make_deduction(APPLIED, replayed=True, claimed_agent_name="", points=1),
        "replayed",
        f"Nothing new was removed. 1 point was already removed at 13:02 (A-12). {_MORE}",
    ),
    (make_deduction(APPLIED, replayed=True, request_id="another-panel"), "replayed", f"{_ALREADY} {_MORE}"),
    (
        make_deduction(pb.AWARD_STATE_PENDING),
        "checking",
        f"{_DOUBT} A note will appear in this ticket. Award A-12.",
    ),
    (
        make_deduction(pb.AWARD_STATE_UNKNOWN, points=1),
        "checking",
        (
            "We do not know yet whether the 1 point was removed. Do not remove it again. "
            "A note will appear in this ticket. Award A-12."
        ),
    ),
]


async def test_deduction_on_record_is_a_200(
    gateway: Gateway, scripted: ScriptedLoyalty, subtests: pytest.Subtests
) -> None:
    for response, status, message in ON_RECORD:
        with subtests.test(response=response, status=status, message=message):
            scripted.award = response
            answer = await gateway.press_deduct()
            assert (answer.status, await answer.json()) == (
                200,
                {"status": status, "message": message, "award_id": "A-12"},
            )


UNDONE_SINCE: list[tuple[pb.AwardState.ValueType, str]] = [
    (APPLIED, f"{_ALREADY} Award A-13 gave them back. {_MORE}"),
    (pb.AWARD_STATE_UNKNOWN, f"{_ALREADY} We do not know yet whether award A-13 gave them back."),
]


async def test_deduction_that_was_undone_since_is_reported_as_undone(
    gateway: Gateway, scripted: ScriptedLoyalty, subtests: pytest.Subtests
) -> None:
    for state, message in UNDONE_SINCE:
        with subtests.test(state=state, message=message):
            scripted.award = make_deduction(APPLIED, replayed=True, reversed_by="A-13")
            scripted.on_record = {"A-13": make_reversal(state, award_id="A-13", reverses="A-12", debit=False).award}
            body = await (await gateway.press_deduct()).json()
            assert (body["status"], body["message"]) == ("replayed", message)


REFUSED: list[tuple[Failure, str]] = [
    (
        make_limit("per_ticket", 500, 380),
        (
            "Not removed: 380 of 500 points for this ticket are already removed. "
            "You can remove up to 120. For more, ask a manager."
        ),
    ),
    (
        make_limit("per_agent_day", 300, 300),
        "Not removed: 300 of your 300 points for today are already removed. For more, ask a manager.",
    ),
    (make_limit("per_deduction", 60, 0), "Not removed. Enter whole points from 1 to 60, for example 60."),
    (make_limit("per_deduction", 900, 0), "Not removed. Enter whole points from 1 to 200, for example 100."),
    (make_limit("per_deduction", 0, 0), _OFF),
    (
        make_limit("per_moon", 50, 0),
        "Not removed: a limit of this shop does not allow it. For more, ask a manager.",
    ),
    (
        Failure(grpc.StatusCode.ALREADY_EXISTS, "REQUEST_ID_REUSED", {"award_id": "A-7"}),
        f"Not removed: this panel was already used for award A-7. {_MORE}",
    ),
    (
        Failure(grpc.StatusCode.FAILED_PRECONDITION, "SEVERAL_WALLETS"),
        "Not removed: this member has several wallets. Points cannot be removed here.",
    ),
    (
        Failure(grpc.StatusCode.FAILED_PRECONDITION, "STATUS_UNKNOWN", {"status": "suspended"}),
        "Not removed: TRIFFT says this member is 'suspended'. Points cannot be removed here.",
    ),
    (
        Failure(grpc.StatusCode.FAILED_PRECONDITION, "AWARD_IN_DOUBT", {"award_id": "A-7"}),
        "Not removed. We are still checking award A-7 for this customer. This can take 20 minutes or more.",
    ),
    (
        Failure(grpc.StatusCode.UNAVAILABLE, "PROVIDER_TIMEOUT"),
        "Not removed. TRIFFT is not answering, nothing was changed. Try again in a few minutes.",
    ),
]


async def test_deduction_refused_says_so(
    gateway: Gateway, scripted: ScriptedLoyalty, subtests: pytest.Subtests
) -> None:
    for failure, message in REFUSED:
        with subtests.test(failure=failure, message=message):
            scripted.award = failure
            body = await (await gateway.press_deduct()).json()
            assert (body["message"], body["reason"]) == (message, failure.reason)


NOT_BOOKED: list[tuple[pb.AwardPointsResponse, str]] = [
    (
        make_deduction(pb.AWARD_STATE_REJECTED, rejection_reason=pb.PROVIDER_REFUSED),
        (
            "Not removed. TRIFFT refuses to take these points. The balance may be too low. "
            "Nothing was changed. Ask a manager."
        ),
    ),
    (
        make_deduction(pb.AWARD_STATE_REJECTED, rejection_reason=pb.PROVIDER_THROTTLED),
        "Not removed. TRIFFT is busy. Try again in 1 minute.",
    ),
    (
        make_deduction(pb.AWARD_STATE_NOT_APPLIED),
        f"Not removed: award A-12 was checked, and its points were never removed. {TAG_ADVICE}",
    ),
]


async def test_deduction_that_was_not_booked_says_so(
    gateway: Gateway, scripted: ScriptedLoyalty, subtests: pytest.Subtests
) -> None:
    for response, message in NOT_BOOKED:
        with subtests.test(response=response, message=message):
            scripted.award = response
            body = await (await gateway.press_deduct()).json()
            assert (body["message"], body["award_id"]) == (message, "A-12")


async def test_deduction_that_may_have_been_sent_is_not_called_a_failure(
    gateway: Gateway, scripted: ScriptedLoyalty
) -> None:
    scripted.award = Failure(grpc.StatusCode.INTERNAL, "INTERNAL_ERROR")
    body = await (await gateway.press_deduct()).json()
    assert (body["status"], body["message"].startswith(f"{_DOUBT} If a note appears")) == ("checking", True)


@pytest.mark.parametrize("reason", ["", "  "])
@pytest.mark.parametrize(
    ("reasons", "advice"),
    [
        ([], "Type a reason, at most 100 characters."),
        (["Fraud", "Correction"], "Type one of these reasons, or its first letters: Fraud, Correction."),
    ],
)
async def test_deduction_without_a_reason_is_not_sent(
    gateway: Gateway, scripted: ScriptedLoyalty, reasons: list[str], advice: str, reason: str
) -> None:
    scripted.merchant.award_reasons.extend(reasons)
    response = await gateway.press_deduct(reason=reason)
    body = await response.json()
    assert (response.status, body["message"]) == (400, f"Not removed. {advice}")
    assert scripted.award_requests == []


async def test_deduction_for_an_unknown_reason(gateway: Gateway, scripted: ScriptedLoyalty) -> None:
    scripted.merchant.award_reasons.append("Fraud")
    scripted.award = Failure(grpc.StatusCode.INVALID_ARGUMENT, "BAD_VALUE", field_name="reason")
    body = await (await gateway.press_deduct(reason="Because")).json()
    assert body["message"] == "Not removed. Type one of these reasons, or its first letters: Fraud."


@pytest.mark.parametrize(
    ("merchant", "message"),
    [
        ({"max_points_per_deduction": 200}, "Not removed. Enter whole points from 1 to 200, for example 100."),
        ({"max_points_per_deduction": 700}, "Not removed. Enter whole points from 1 to 500, for example 100."),
        (
            {"max_points_per_deduction": 700, "max_points_per_ticket": 0, "max_points_per_award": 30},
            "Not removed. Enter whole points from 1 to 700, for example 100.",
        ),
        ({}, _OFF),
    ],
)
async def test_malformed_points_are_answered_with_the_most_of_one_deduction(
    gateway: Gateway, scripted: ScriptedLoyalty, merchant: dict[str, Any], message: str
) -> None:
    scripted.merchant = pb.Merchant(time_zone="UTC", locale="en", **merchant)
    body = await (await gateway.press_deduct(points="0")).json()
    assert body["message"] == message


def test_malformed_points_in_a_shop_that_cannot_be_read_are_not_called_forbidden() -> None:
    error = RequestError("points must be a whole number from 1", field="points")
    message = say_award_refusal(error, DEFAULT_SHOP, NOW, direction=REMOVE)
    assert message == "Not removed. Enter whole points, for example 100."


async def test_token_of_one_button_is_refused_by_the_others(gateway: Gateway, scripted: ScriptedLoyalty) -> None:
    """A panel's tokens only add, only remove or only undo points."""
    scripted.award = make_deduction(APPLIED)
    award, deduct = (gateway.tokens.make("member-1", debit=debit) for debit in (False, True))
    undo = gateway.tokens.make_undo("A-12")
    presses = [gateway.press_deduct(deduct_token=token) for token in (award, undo)]
    presses += [gateway.press(award_token=token) for token in (deduct, undo)]
    presses += [gateway.press_undo(undo_token=token) for token in (award, deduct)]
    for press in presses:
        response = await press
        assert (response.status, (await response.json())["reason"]) == (400, "AWARD_TOKEN")
    assert (scripted.award_requests, scripted.reversal_requests) == ([], [])
    lent = await gateway.press_deduct(deduct_token="", award_token=deduct)
    assert lent.status == 400


NO_TOKENS: list[tuple[str, str]] = [
    ("no-member", "Not removed: there is no loyalty member on this ticket."),
    (
        NoTokenReason.SEVERAL_MEMBERS,
        "Not removed: several members have addresses of this customer. Press Link to member first.",
    ),
    ("no-email", "Not removed: there is no address by which a member can be found."),
    (
        NoTokenReason.UNREADABLE_EMAIL,
        "Not removed: the e-mail on this ticket cannot be read, so no member can be found.",
    ),
    (
        NoTokenReason.NO_POINTS,
        "Not removed: this member's points cannot be changed. The panel's first line says why.",
    ),
    ("", f"Not removed: points cannot be removed with this panel. {TAG_ADVICE}"),
]


async def test_panel_without_a_token_says_why(gateway: Gateway, subtests: pytest.Subtests) -> None:
    for word, message in NO_TOKENS:
        with subtests.test(word=word, message=message):
            assert (await (await gateway.press_deduct(deduct_token=word)).json())["message"] == message


async def test_button_that_the_shop_has_turned_off_says_so(gateway: Gateway, scripted: ScriptedLoyalty) -> None:
    """The button stays in Gorgias until the shop is installed again, and its panels have no token for it any more."""
    scripted.merchant.max_points_per_deduction = 0
    assert (await (await gateway.press_deduct(deduct_token="")).json())["message"] == _OFF


def test_panel_without_a_token_in_a_shop_that_cannot_be_read_is_not_called_forbidden() -> None:
    error = AwardTokenError("none", is_absent=True)
    message = say_award_refusal(error, DEFAULT_SHOP, NOW, direction=REMOVE)
    assert message == f"Not removed: points cannot be removed with this panel. {TAG_ADVICE}"


async def test_deduction_and_award_of_one_panel_are_two(gateway: Gateway, scripted: ScriptedLoyalty) -> None:
    """A double click on either button is one request. Another panel makes another request."""
    scripted.snapshot = make_snapshot()
    scripted.award = make_deduction(APPLIED)
    panel = await (await gateway.get_widget()).json()
    for _ in range(2):
        await gateway.press(award_token=panel["award_token"])
        await gateway.press_deduct(deduct_token=panel["deduct_token"])
    await gateway.press_deduct()
    ids = [request.request_id for request in scripted.award_requests]
    assert (ids[0], ids[1]) == (ids[2], ids[3])
    assert len(set(ids)) == 3


async def test_deduction_on_another_customers_ticket_is_refused(gateway: Gateway, scripted: ScriptedLoyalty) -> None:
    response = await gateway.press_deduct(deduct_token=gateway.tokens.make("member-1", PETER, debit=True))
    body = await response.json()
    assert (response.status, body["reason"]) == (409, "OTHER_CUSTOMER")
    assert body["message"].startswith("Not removed: this ticket now belongs to another customer.")
    assert scripted.award_requests == []


async def test_panel_can_remove_points_where_the_shop_allows_it_and_the_member_gets_points(
    gateway: Gateway, scripted: ScriptedLoyalty
) -> None:
    scripted.snapshot = make_snapshot()
    panel = await (await gateway.get_widget()).json()
    [row] = panel["add_points"]
    assert row == {"award_token": panel["award_token"], "deduct_token": panel["deduct_token"]}
    read = gateway.tokens.parse(panel["deduct_token"], debit=True)
    assert (read.member_id, read.owner.has_email(JANA)) == (scripted.snapshot.member.member_id, True)
    scripted.snapshot.member.status = pb.MEMBER_STATUS_BLOCKED
    blocked = await (await gateway.get_widget()).json()
    assert (blocked["add_points"], blocked["deduct_token"]) == ([], NoTokenReason.NO_POINTS)


async def test_panel_of_a_shop_that_forbids_deductions_has_no_token_for_them(
    gateway: Gateway, scripted: ScriptedLoyalty
) -> None:
    scripted.merchant.max_points_per_deduction = 0
    scripted.snapshot = make_snapshot()
    panel = await (await gateway.get_widget()).json()
    assert (panel["deduct_token"], panel["add_points"][0]["deduct_token"]) == ("", "")
    assert panel["award_token"]


async def test_last_try_of_a_deduction_is_shown_on_the_next_panel(gateway: Gateway, scripted: ScriptedLoyalty) -> None:
    scripted.snapshot = make_snapshot()
    member_id = scripted.snapshot.member.member_id
    scripted.award = make_limit("per_ticket", 500, 500)
    await gateway.press_deduct(deduct_token=gateway.tokens.make(member_id, debit=True), agent_name="Ana")
    [row] = (await (await gateway.get_widget()).json())["last_try"]
    assert row["line"] == (
        "Not removed at 13:55 (23 Nov, Ana, ticket 4711): 500 of 500 points for ticket 4711 are already removed. "
        "For more, ask a manager."
    )


@pytest.mark.parametrize("reason", [*HTTP_STATUS, "A_REASON_OF_NEXT_YEAR"])
def test_every_reason_reads_as_a_sentence(reason: str) -> None:
    message = say_award_refusal(make_error(reason, {"award_id": "A-7"}), DEFAULT_SHOP, NOW, direction=REMOVE)
    assert message.startswith(("Not removed. ", "Not removed: "))
    assert message.endswith(".")
    assert "added" not in message
    assert not CODE.search(message)
    assert len(message) <= MAX_CHARS


UNDONE: list[tuple[pb.ReverseAwardResponse, str | None, str]] = [
    (
        make_reversal(
            APPLIED, points=50, debit=False, balance=pb.Wallet(points_balance=1240, points_balance_exact="1240")
        ),
        "applied",
        "50 points given back to Jana Nováková. Balance 1,240. Award A-10483 undoes A-10482.",
    ),
    (
        make_reversal(APPLIED, points=50, debit=False, replayed=True),
        "replayed",
        "Already undone: Ben gave back 50 points at 13:02 (A-10483). Nothing was given back now.",
    ),
    (
        make_reversal(pb.AWARD_STATE_UNKNOWN, points=50, debit=False),
        "checking",
        (
            "We do not know yet whether the 50 points were given back. Do not give them back again. "
            "A note will appear in this ticket. Award A-10483."
        ),
    ),
    (
        make_reversal(pb.AWARD_STATE_REJECTED, debit=False, rejection_reason=pb.PROVIDER_REFUSED),
        None,
        "Not undone: TRIFFT refuses to give the points back. Nothing was changed. Ask a manager.",
    ),
    (
        make_reversal(pb.AWARD_STATE_NOT_APPLIED, debit=False),
        None,
        f"Not undone: award A-10483 was checked, and the points were never given back. {TAG_ADVICE}",
    ),
]


async def test_undo_of_a_deduction_gives_the_points_back(
    gateway: Gateway, scripted: ScriptedLoyalty, subtests: pytest.Subtests
) -> None:
    for reversal, status, message in UNDONE:
        with subtests.test(reversal=reversal, status=status, message=message):
            scripted.reversal = reversal
            body = await (await gateway.press_undo()).json()
            assert (body["message"], body["status"] if status else None) == (message, status)

"""Every refusal is short and in plain words, and begins with what happened."""

import re
from typing import Any

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import HTTP_STATUS, LoyaltyCallError
from gateway.wording.answers.award import say_award, say_award_refusal
from gateway.wording.answers.facts import say_note_place
from gateway.wording.answers.undo import say_undo, say_undo_refusal
from gateway.wording.phrases import TAG_ADVICE
from gateway.wording.shop import DEFAULT_SHOP
from protos.loyalty.v1 import loyalty_pb2 as pb
from tests.gateway.actions.outcomes import make_response, make_reversal
from tests.gateway.edge.running import NOW

CODE = re.compile(r"[A-Z]{2,}_|_|!|\bNone\b|\{|\bgRPC\b|\bHTTP\b")
MAX_CHARS = 200
APPLIED = pb.AWARD_STATE_APPLIED
_METADATA_KEYS = (
    "award_id",
    "attempt_time",
    "ticket_id",
    "limit",
    "maximum",
    "used",
    "left",
    "state",
    "expire_time",
    "status",
)


def make_error(reason: str, metadata: dict[str, str]) -> LoyaltyCallError:
    code = grpc.StatusCode.FAILED_PRECONDITION
    return LoyaltyCallError(reason, "inner words", code=code, metadata=metadata, is_answered=True)


@pytest.mark.parametrize("reason", [*HTTP_STATUS, "A_REASON_OF_NEXT_YEAR"])
def test_every_reason_reads_as_a_sentence(reason: str) -> None:
    error = make_error(reason, {"award_id": "A-7"})
    award = say_award_refusal(error, DEFAULT_SHOP, NOW)
    undo = say_undo_refusal(error, "A-7", DEFAULT_SHOP, NOW)
    assert award.startswith(("Not added. ", "Not added: "))
    assert undo.startswith(("Not undone. ", "Not undone: "))
    for message in (award, undo):
        assert message.endswith(".")
        assert not CODE.search(message)
        assert len(message) <= MAX_CHARS


@pytest.mark.parametrize(
    ("reason", "metadata", "message"),
    [
        ("MEMBER_BLOCKED", {}, "Not added: this member is blocked in TRIFFT."),
        (
            "STATUS_UNKNOWN",
            {"status": "suspended"},
            "Not added: TRIFFT says this member is 'suspended'. Points cannot be added here.",
        ),
        (
            "STATUS_UNKNOWN",
            {"status": ""},
            "Not added: TRIFFT does not say whether this member is active. Points cannot be added here.",
        ),
        ("SEVERAL_WALLETS", {}, "Not added: this member has several wallets. Points cannot be added here."),
    ],
)
def test_member_who_may_get_no_points_is_told_why(reason: str, metadata: dict[str, str], message: str) -> None:
    assert say_award_refusal(make_error(reason, metadata), DEFAULT_SHOP, NOW) == message


@pytest.mark.parametrize(
    ("attempt_time", "started"),
    [
        ("2026-11-23T12:02:00.000Z", " (started 12:02 UTC)"),
        ("2026-11-21T12:02:00.000Z", " (started 21 Nov 2026)"),
        ("", ""),
        ("soon", ""),
    ],
)
def test_award_in_doubt_names_its_start(attempt_time: str, started: str) -> None:
    error = make_error("AWARD_IN_DOUBT", {"award_id": "A-10482", "attempt_time": attempt_time})
    checking = f"We are still checking award A-10482 for this customer{started}. This can take 20 minutes or more."
    note = say_note_place("4718", "4711")
    assert say_award_refusal(error, DEFAULT_SHOP, NOW, note=note) == (
        f"Not added. {checking} A note will appear in ticket 4718."
    )
    assert say_undo_refusal(error, "A-7", DEFAULT_SHOP, NOW) == f"Not undone. {checking}"


@pytest.mark.parametrize("reason", [*HTTP_STATUS, "A_REASON_OF_NEXT_YEAR"])
def test_who_can_help_is_one_of_three(reason: str) -> None:
    """The agent can help by a tag or by waiting. If a manager or an administrator must help, a tag is no advice."""
    error = make_error(reason, {"award_id": "A-7"})
    for message in (say_award_refusal(error, DEFAULT_SHOP, NOW), say_undo_refusal(error, "A-7", DEFAULT_SHOP, NOW)):
        sentences = message.lower()
        others = [who for who in ("ask a manager.", "please tell your administrator") if who in sentences]
        assert len(others) <= 1
        assert not (others and "tag" in sentences)
        assert "tag" not in sentences or TAG_ADVICE in message or "add or remove a tag, then try again." in sentences


@pytest.mark.parametrize(
    ("name", "support_id", "whom"),
    [
        ("Jana Nováková", "JN-4821", "Jana Nováková"),
        ("", "JN-4821", "member JN-4821"),
        (" \u202e", " JN-4821\n", "member JN-4821"),
        ("", "", "this member"),
    ],
)
def test_member_without_a_name_is_called_by_support_id(name: str, support_id: str, whom: str) -> None:
    fields: dict[str, Any] = {"member_id": "bf428af0-bf06-4bc4-a91b-91b5bda6e211", "member_support_id": support_id}
    award, reversal = make_response(APPLIED, **fields), make_reversal(APPLIED, member_name=name, **fields)
    award.member_name = name
    given = say_award(award, "", None, DEFAULT_SHOP, NOW)
    taken = say_undo(reversal, DEFAULT_SHOP, NOW)
    assert given == f"100 points added for {whom}. Award A-10482."
    assert taken == f"100 points taken back from {whom}. Award A-10483 undoes A-10482."


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"reason": "Late delivery", "balance": pb.Wallet(points_balance=1340, points_balance_exact="1340")},
            "100 points added for Jana Nováková. Balance 1,340. Reason: Late delivery. Award A-10482.",
        ),
        (
            {"points": 1, "delayed": True, "reason": "Goodwill"},
            (
                "1 point added. TRIFFT will book it later; the balance does not show it yet. "
                "Reason: Goodwill. Award A-10482."
            ),
        ),
        (
            {"delayed": True},
            "100 points added. TRIFFT will book them later; the balance does not show them yet. Award A-10482.",
        ),
    ],
)
def test_answer_about_added_points_explains_the_balance(fields: dict[str, Any], message: str) -> None:
    assert say_award(make_response(APPLIED, **fields), "", None, DEFAULT_SHOP, NOW) == message


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "Already undone: Ben took back 100 points at 12:02 UTC (A-10483). Nothing was taken back now."),
        (
            {"claimed_agent_name": "", "points": 1},
            "Already undone: 1 point was taken back at 12:02 UTC (A-10483). Nothing was taken back now.",
        ),
    ],
)
def test_repeated_undo_says_that_it_is_done(fields: dict[str, Any], message: str) -> None:
    reversal = make_reversal(APPLIED, replayed=True, **fields)
    assert say_undo(reversal, DEFAULT_SHOP, NOW) == message


@given(st.sampled_from(sorted(HTTP_STATUS)), st.dictionaries(st.sampled_from(_METADATA_KEYS), st.text(max_size=12)))
def test_details_that_cannot_be_read_are_left_out(reason: str, metadata: dict[str, str]) -> None:
    """A newer loyalty service may send other details. The agent gets an answer all the same."""
    error = make_error(reason, metadata)
    assert say_award_refusal(error, DEFAULT_SHOP, NOW).startswith("Not added")
    assert say_undo_refusal(error, "A-7", DEFAULT_SHOP, NOW).startswith("Not undone")

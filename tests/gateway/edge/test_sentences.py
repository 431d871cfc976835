"""How every refusal reads, whatever its reason: short, in plain words, what happened first."""

import re

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.actions.award_replies import render_award_refusal
from gateway.actions.undo_replies import render_undo_refusal
from gateway.errors import HTTP_STATUS, LoyaltyCallError
from gateway.merchants import DEFAULT_SHOP
from tests.gateway.edge.running import NOW

_CODE = re.compile(r"[A-Z]{2,}_|_|!|\bNone\b|\{|\bgRPC\b|\bHTTP\b")
_MAX_CHARS = 200
_METADATA_KEYS = ("award_id", "limit", "maximum", "used", "left", "state", "expire_time", "status")


def make_error(reason: str, metadata: dict[str, str]) -> LoyaltyCallError:
    code = grpc.StatusCode.FAILED_PRECONDITION
    return LoyaltyCallError(reason, "inner words", code=code, metadata=metadata, is_answered=True)


@pytest.mark.parametrize("reason", [*HTTP_STATUS, "A_REASON_OF_NEXT_YEAR"])
def test_every_reason_reads_as_a_sentence(reason: str) -> None:
    error = make_error(reason, {"award_id": "A-7"})
    award = render_award_refusal(error, DEFAULT_SHOP, NOW).message
    undo = render_undo_refusal(error, "A-7", DEFAULT_SHOP, NOW).message
    assert award.startswith(("Not added. ", "Not added: "))
    assert undo.startswith(("Not undone. ", "Not undone: "))
    for message in (award, undo):
        assert message.endswith(".")
        assert not _CODE.search(message)
        assert len(message) <= _MAX_CHARS


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
    assert render_award_refusal(make_error(reason, metadata), DEFAULT_SHOP, NOW).message == message


@given(st.sampled_from(sorted(HTTP_STATUS)), st.dictionaries(st.sampled_from(_METADATA_KEYS), st.text(max_size=12)))
def test_details_that_cannot_be_read_are_left_out(reason: str, metadata: dict[str, str]) -> None:
    """A newer loyalty service may say more, less, or otherwise: the agent is answered all the same."""
    error = make_error(reason, metadata)
    assert render_award_refusal(error, DEFAULT_SHOP, NOW).status == "refused"
    assert render_undo_refusal(error, "A-7", DEFAULT_SHOP, NOW).status == "refused"

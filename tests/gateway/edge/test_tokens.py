"""The two tokens of a panel: how long they live, through which rotations, and that neither passes for the other."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.actions.award_replies import render_award_refusal
from gateway.actions.token import AwardTokens
from gateway.actions.undo_replies import render_undo_refusal
from gateway.errors import AwardTokenError
from gateway.merchants import DEFAULT_SHOP

OLD = AwardTokenError("old", made_time=datetime(2026, 10, 20, 12, tzinfo=UTC))
NOW = datetime(2026, 11, 23, 12, 55, tzinfo=UTC)
TOKENS = AwardTokens([b"k" * 32], life_s=86_400)


def test_tokens_live_as_long_as_they_may() -> None:
    award, undo = TOKENS.make("acme", "member-1"), TOKENS.make_undo("acme", "A-7")
    made = datetime.now(UTC)
    just_in_time, late = made + timedelta(hours=23), made + timedelta(hours=25)
    assert TOKENS.parse(award, "acme", just_in_time).member_id == "member-1"
    assert TOKENS.parse_undo(undo, "acme", just_in_time).award_id == "A-7"
    with pytest.raises(AwardTokenError) as old_award:
        TOKENS.parse(award, "acme", late)
    with pytest.raises(AwardTokenError) as old_undo:
        TOKENS.parse_undo(undo, "acme", late)
    assert None not in {old_award.value.made_time, old_undo.value.made_time}


def test_old_panel_names_its_day() -> None:
    refresh = "this panel is from 20 Oct. Add a tag to the ticket to refresh it, then try again."
    assert render_award_refusal(OLD, DEFAULT_SHOP).message == f"Not added: {refresh}"
    assert render_undo_refusal(OLD, "", DEFAULT_SHOP, NOW).message == f"Not undone: {refresh}"


def test_request_id_outlives_a_rotation() -> None:
    """Two clicks on one panel stay one award, and one undo, when the secret keys are rotated between them."""
    before, after = AwardTokens([b"a" * 32], life_s=60), AwardTokens([b"b" * 32, b"a" * 32], life_s=60)
    award, undo, now = before.make("acme", "member-1"), before.make_undo("acme", "A-7"), datetime.now(UTC)
    first = before.parse(award, "acme", now).make_request_id("4711", "ana")
    assert after.parse(award, "acme", now).make_request_id("4711", "ana") == first
    first = before.parse_undo(undo, "acme", now).make_request_id()
    assert after.parse_undo(undo, "acme", now).make_request_id() == first


def test_tokens_of_a_key_that_is_gone_are_refused() -> None:
    gone, now = AwardTokens([b"a" * 32], life_s=60), datetime.now(UTC)
    with pytest.raises(AwardTokenError):
        TOKENS.parse(gone.make("acme", "member-1"), "acme", now)
    with pytest.raises(AwardTokenError):
        TOKENS.parse_undo(gone.make_undo("acme", "A-7"), "acme", now)


@given(st.text(st.characters(codec="utf-8"), max_size=40), st.text(st.characters(codec="utf-8"), max_size=40))
def test_token_brings_back_what_it_was_made_of_and_is_none_of_the_other_kind(merchant_id: str, subject: str) -> None:
    now = datetime.now(UTC)
    award, undo = TOKENS.make(merchant_id, subject), TOKENS.make_undo(merchant_id, subject)
    assert TOKENS.parse(award, merchant_id, now).member_id == subject
    assert TOKENS.parse_undo(undo, merchant_id, now).award_id == subject
    with pytest.raises(AwardTokenError):
        TOKENS.parse(undo, merchant_id, now)
    with pytest.raises(AwardTokenError):
        TOKENS.parse_undo(award, merchant_id, now)


@given(st.text(max_size=200))
def test_whatever_is_no_token_of_ours_is_refused(text: str) -> None:
    """Also text that cannot be said in UTF-8."""
    with pytest.raises(AwardTokenError):
        TOKENS.parse_undo(text, "acme", datetime.now(UTC))

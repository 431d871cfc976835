"""The tokens of a panel: their lifetime, key rotations, and that no kind passes for another."""

import hashlib
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import example, given
from hypothesis import strategies as st
from itsdangerous import TimestampSigner
from itsdangerous.encoding import base64_decode, base64_encode

from gateway.actions.token import AwardTokens
from gateway.customers.identity import FoundBy, Identity
from gateway.errors import AwardTokenError
from gateway.wording.answers.award import say_award_refusal
from gateway.wording.answers.undo import say_undo_refusal
from gateway.wording.phrases import TAG_ADVICE
from gateway.wording.shop import DEFAULT_SHOP
from runtime.addresses import make_email_key
from tests.gateway.edge.running import JANA, NOW, make_time

OLD = AwardTokenError("old", made_time=datetime(2026, 10, 20, 12, tzinfo=UTC))
KEY = b"k" * 32
TOKENS = AwardTokens([KEY], life_s=86_400)
FOUND: Any = {"found_by": Identity(FoundBy.EMAIL, JANA), "fetch_time": make_time(NOW)}


def test_tokens_expire_after_their_lifetime() -> None:
    award, undo = TOKENS.make("acme", "member-1", **FOUND), TOKENS.make_undo("acme", "A-7", **FOUND)
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
    refresh = f"this panel is from 20 Oct. {TAG_ADVICE}"
    assert say_award_refusal(OLD, DEFAULT_SHOP, NOW) == f"Not added: {refresh}"
    assert say_undo_refusal(OLD, "", DEFAULT_SHOP, NOW) == f"Not undone: {refresh}"


def test_request_id_outlives_a_rotation() -> None:
    """Two clicks on one panel stay one request if the secret keys are rotated between them."""
    before, after = AwardTokens([b"a" * 32], life_s=60), AwardTokens([b"b" * 32, b"a" * 32], life_s=60)
    award, undo, now = (
        before.make("acme", "member-1", **FOUND),
        before.make_undo("acme", "A-7", **FOUND),
        datetime.now(UTC),
    )
    first = before.parse(award, "acme", now).make_request_id("4711", "ana")
    assert after.parse(award, "acme", now).make_request_id("4711", "ana") == first
    deduct = before.make("acme", "member-1", **FOUND, debit=True)
    first = before.parse(deduct, "acme", now, debit=True).make_request_id("4711", "ana")
    assert after.parse(deduct, "acme", now, debit=True).make_request_id("4711", "ana") == first
    first = before.parse_undo(undo, "acme", now).make_request_id()
    assert after.parse_undo(undo, "acme", now).make_request_id() == first


def test_tokens_of_a_key_that_is_gone_are_refused() -> None:
    gone, now = AwardTokens([b"a" * 32], life_s=60), datetime.now(UTC)
    with pytest.raises(AwardTokenError):
        TOKENS.parse(gone.make("acme", "member-1", **FOUND), "acme", now)
    with pytest.raises(AwardTokenError):
        TOKENS.parse_undo(gone.make_undo("acme", "A-7", **FOUND), "acme", now)


@given(st.text(st.characters(codec="utf-8"), max_size=40), st.text(st.characters(codec="utf-8"), max_size=40))
def test_token_holds_its_parts_and_is_refused_as_another_kind(merchant_id: str, subject: str) -> None:
    now = datetime.now(UTC)
    award, undo = TOKENS.make(merchant_id, subject, **FOUND), TOKENS.make_undo(merchant_id, subject, **FOUND)
    deduct = TOKENS.make(merchant_id, subject, **FOUND, debit=True)
    assert TOKENS.parse(award, merchant_id, now).member_id == subject
    assert TOKENS.parse(deduct, merchant_id, now, debit=True).member_id == subject
    assert TOKENS.parse_undo(undo, merchant_id, now).award_id == subject
    for foreign in (undo, deduct):
        with pytest.raises(AwardTokenError):
            TOKENS.parse(foreign, merchant_id, now)
    for foreign in (undo, award):
        with pytest.raises(AwardTokenError):
            TOKENS.parse(foreign, merchant_id, now, debit=True)
    for foreign in (award, deduct):
        with pytest.raises(AwardTokenError):
            TOKENS.parse_undo(foreign, merchant_id, now)


@given(st.text(max_size=200))
def test_any_other_text_is_refused_as_a_token(text: str) -> None:
    """The texts include some that UTF-8 cannot encode."""
    with pytest.raises(AwardTokenError):
        TOKENS.parse_undo(text, "acme", datetime.now(UTC))


def test_panel_knows_its_address_in_every_spelling_and_when_its_data_was_read() -> None:
    now, time = datetime.now(UTC), Timestamp(seconds=1_795_438_500, nanos=123_456_789)
    panel = TOKENS.parse(
        TOKENS.make("acme", "member-1", found_by=Identity(FoundBy.EMAIL, "Jana@b\u00fccher.example"), fetch_time=time),
        "acme",
        now,
    )
    assert panel.fetch_time_ns == 1_795_438_500_123_456_789
    assert panel.owner.has_email("jana@xn--bcher-kva.example")
    assert not panel.owner.has_email("jana@bucher.example")


@given(st.text(st.characters(codec="utf-8"), max_size=12), st.text(st.characters(codec="utf-8"), max_size=12))
@example("stra\u00dfe@x.example", "strasse@x.example")
@example("", " ")
def test_panel_of_one_address_matches_no_other(one: str, other: str) -> None:
    now = datetime.now(UTC)
    award = TOKENS.parse(
        TOKENS.make("acme", "member-1", **FOUND | {"found_by": Identity(FoundBy.EMAIL, one)}), "acme", now
    )
    undo = TOKENS.parse_undo(
        TOKENS.make_undo("acme", "A-7", **FOUND | {"found_by": Identity(FoundBy.EMAIL, one)}), "acme", now
    )
    is_same = make_email_key(one) == make_email_key(other)
    assert award.owner.has_email(other) is undo.owner.has_email(other) is is_same
    assert award.owner.has_email(one)


def read_payload(token: str) -> bytes:
    return base64_decode(token.partition(".")[0])


def test_panel_does_not_reveal_its_address() -> None:
    """Nor does it reveal whether two shops, or one shop under other keys, have the same customer."""
    other_keys = AwardTokens([b"o" * 32], life_s=60)
    made = [TOKENS.make("acme", "m", **FOUND), TOKENS.make_undo("acme", "m", **FOUND)]
    made += [TOKENS.make("bloom", "m", **FOUND), other_keys.make("acme", "m", **FOUND)]
    payloads = [read_payload(token) for token in made]
    for payload in payloads:
        for part in (b"jana", b"example", hashlib.sha256(JANA.encode()).hexdigest()[:40].encode()):
            assert part not in payload
    hashes = [msgspec.json.decode(payload)[3][1] for payload in payloads]
    assert len(set(hashes)) == len(hashes)
    assert msgspec.json.decode(read_payload(TOKENS.make("acme", "m", **FOUND)))[3][1] == hashes[0]


def test_token_of_another_shop_is_refused() -> None:
    now = datetime.now(UTC)
    with pytest.raises(AwardTokenError):
        TOKENS.parse(TOKENS.make("bloom", "member-1", **FOUND), "acme", now)
    with pytest.raises(AwardTokenError):
        TOKENS.parse_undo(TOKENS.make_undo("bloom", "A-7", **FOUND), "acme", now)


@pytest.mark.parametrize(
    "payload",
    [
        ["acme", "member-1", "nonce"],
        ["acme", "member-1", "nonce", ["iris", "0" * 40], 1],
        ["acme", "member-1", "nonce", ["email", "0" * 40]],
        {"shop": "acme"},
    ],
)
def test_panel_of_another_version_is_an_old_panel(payload: object) -> None:
    """Such a panel is from before panels stored their address, or from a newer process."""
    signer = TimestampSigner(KEY, key_derivation="none", digest_method=hashlib.sha256)
    token = signer.sign(base64_encode(msgspec.json.encode(payload))).decode()
    with pytest.raises(AwardTokenError) as caught:
        TOKENS.parse(token, "acme", datetime.now(UTC))
    said = say_award_refusal(caught.value, DEFAULT_SHOP, NOW)
    assert re.fullmatch(r"Not added: this panel is from \d+ \w+\. Add or remove a tag, then try again\.", said)

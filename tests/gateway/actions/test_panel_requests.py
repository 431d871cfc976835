"""A panel's token: its request_id, which nobody else can make, and its address, across key rotations."""

import re
from datetime import UTC, datetime

import pytest

from gateway.actions.token import AwardTokens
from gateway.customers.identity import FoundBy, Identity
from tests.gateway.edge.running import JANA, NOW, make_time

TOKENS = AwardTokens([b"k" * 32], life_s=60)


@pytest.mark.parametrize(
    ("ticket_id", "agent"), [("47111", "2@shop.example"), ("4711", "2@shop.example"), ("4711", "12@shop.exampl")]
)
def test_request_ids_differ_where_the_joined_parts_read_alike(ticket_id: str, agent: str) -> None:
    token = TOKENS.make("acme", "member-1", found_by=Identity(FoundBy.EMAIL, JANA), fetch_time=make_time(NOW))
    panel = TOKENS.parse(token, "acme", datetime.now(UTC))
    one, other = panel.make_request_id(ticket_id, agent), panel.make_request_id("4711", "12@shop.example")
    assert one != other
    assert re.fullmatch("[0-9a-f]{40}", one), "long enough to avoid chance collisions"


def test_request_id_needs_the_key_of_its_kind_of_token(monkeypatch: pytest.MonkeyPatch) -> None:
    """A person who reads a panel's nonce still cannot compute its request_id."""
    monkeypatch.setattr("gateway.actions.token.secrets.token_urlsafe", lambda _: "one-nonce-for-all")
    now, found = datetime.now(UTC), {"found_by": Identity(FoundBy.EMAIL, JANA), "fetch_time": make_time(NOW)}
    panels = []
    for tokens in (TOKENS, AwardTokens([b"o" * 32], life_s=60)):
        for debit in (False, True):
            token = tokens.make("acme", "member-1", debit=debit, **found)  # type: ignore[arg-type]
            panels.append(tokens.parse(token, "acme", now, debit=debit))
    assert {panel.nonce for panel in panels} == {"one-nonce-for-all"}
    assert len({panel.make_request_id("4711", "ana@shop.example") for panel in panels}) == len(panels)


def test_panel_from_before_a_rotation_knows_its_address() -> None:
    before, after = AwardTokens([b"a" * 32], life_s=60), AwardTokens([b"b" * 32, b"a" * 32], life_s=60)
    token = before.make("acme", "member-1", found_by=Identity(FoundBy.EMAIL, JANA), fetch_time=make_time(NOW))
    owner = after.parse(token, "acme", datetime.now(UTC)).owner
    assert (owner.has_email(JANA), owner.has_email("zoe@example.com")) == (True, False)


def test_undo_panel_without_a_member_names_none() -> None:
    """An older release made the token. The award's number is not taken for a member."""
    token = TOKENS.make_undo("acme", "A-7", found_by=Identity(FoundBy.EMAIL, JANA), fetch_time=make_time(NOW))
    panel = TOKENS.parse_undo(token, "acme", datetime.now(UTC))
    assert (panel.award_id, panel.member_id) == ("A-7", "")

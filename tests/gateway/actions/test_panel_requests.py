"""The request_id of a panel: another one for each of its parts, wherever one part ends and the next begins."""

import re
from datetime import UTC, datetime

import pytest

from gateway.actions.token import AwardTokens
from tests.gateway.edge.running import JANA, NOW, make_time

TOKENS = AwardTokens([b"k" * 32], life_s=60)


@pytest.mark.parametrize(
    ("ticket_id", "agent"), [("47111", "2@shop.example"), ("4711", "2@shop.example"), ("4711", "12@shop.exampl")]
)
def test_other_parts_are_another_request_though_they_read_alike_together(ticket_id: str, agent: str) -> None:
    token = TOKENS.make("acme", "member-1", email=JANA, fetch_time=make_time(NOW))
    panel = TOKENS.parse(token, "acme", datetime.now(UTC))
    one, other = panel.make_request_id(ticket_id, agent), panel.make_request_id("4711", "12@shop.example")
    assert one != other
    assert re.fullmatch("[0-9a-f]{40}", one), "long enough that no two are the same by chance"

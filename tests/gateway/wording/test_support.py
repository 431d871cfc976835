"""The awards that support gave, one per line, and the one that can be undone."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import babel
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.widget.undo import Undo, find_undoable
from gateway.widget.view import Line, render_member
from gateway.wording.panel.support import list_award_lines, say_undo_row
from gateway.wording.shop import DEFAULT_SHOP, Shop
from protos.loyalty.v1 import loyalty_pb2 as pb
from tests.gateway.widget.test_view import CONTROLS, NOW, SHOP, make_snapshot

MADE = datetime(2026, 11, 21, 22, 59, tzinfo=UTC)
MINUS = "\N{MINUS SIGN}"
TEXTS = st.text(max_size=400)


def make_award(
    number: int = 10482,
    *,
    made: datetime = MADE,
    until: datetime | None = None,
    **changes: Any,  # noqa: ANN401 - any field of the message
) -> pb.Award:
    fields: dict[str, Any] = {
        "award_id": f"A-{number}",
        "points": 100,
        "ticket_id": "4711",
        "claimed_agent_name": "Ana K.",
        "claimed_agent_email": "ana@acme.example",
        "state": pb.AWARD_STATE_APPLIED,
        "debit": "reverses" in changes,
    }
    award = pb.Award(**(fields | changes))
    award.create_time.FromDatetime(made)
    if until is not None:
        award.reverse_expire_time.FromDatetime(until)
    return award


def render(*awards: pb.Award, shop: Shop = SHOP, now: datetime = NOW) -> list[str]:
    return list_award_lines(awards, shop, now)


def find(*awards: pb.Award) -> str:
    found = find_undoable(awards, NOW)
    return found.award_id if found else ""


@pytest.mark.parametrize(
    ("award", "line"),
    [
        (make_award(), "+100, 21 Nov, Ana K., ticket 4711, A-10482"),
        (
            make_award(state=pb.AWARD_STATE_UNKNOWN),
            "+100, being checked, 21 Nov, Ana K., ticket 4711, A-10482",
        ),
        (make_award(points=12500), "+12,500, 21 Nov, Ana K., ticket 4711, A-10482"),
        (make_award(ticket_id=""), "+100, 21 Nov, Ana K., A-10482"),
        (make_award(claimed_agent_name=""), "+100, 21 Nov, ana, ticket 4711, A-10482"),
        (make_award(claimed_agent_name=" \u200e"), "+100, 21 Nov, ana, ticket 4711, A-10482"),
        (make_award(claimed_agent_name="", claimed_agent_email=""), "+100, 21 Nov, ticket 4711, A-10482"),
        (make_award(claimed_agent_name="דנה כהן"), "+100, 21 Nov, \u2068דנה כהן\u2069, ticket 4711, A-10482"),
        (
            make_award(reason="Late delivery"),
            '+100, 21 Nov, Ana K., ticket 4711, "Late delivery", A-10482',
        ),
        (make_award(reason="הנחה"), '+100, 21 Nov, Ana K., ticket 4711, "\u2068הנחה\u2069", A-10482'),
        (make_award(reason="R" * 60), f'+100, 21 Nov, Ana K., ticket 4711, "{"R" * 31}…", A-10482'),
        (
            make_award(claimed_agent_name="A" * 30 + "👩\u200d💻"),
            f"+100, 21 Nov, {'A' * 30}…, ticket 4711, A-10482",
        ),
        (make_award(claimed_agent_name="👩\u200d💻 Ana"), "+100, 21 Nov, 👩\u200d💻 Ana, ticket 4711, A-10482"),
        (make_award(claimed_agent_name="می\u200cکنم"), "+100, 21 Nov, \u2068می\u200cکنم\u2069, ticket 4711, A-10482"),
        (make_award(claimed_agent_name="山田 花子"), "+100, 21 Nov, 山田 花子, ticket 4711, A-10482"),
        (make_award(claimed_agent_name="A" * 33), f"+100, 21 Nov, {'A' * 31}…, ticket 4711, A-10482"),
        (make_award(ticket_id="7" * 64), f"+100, 21 Nov, Ana K., ticket {'7' * 19}…, A-10482"),
        (
            make_award(made=datetime(2025, 12, 31, 22, 59, tzinfo=UTC)),
            "+100, 31 Dec 2025, Ana K., ticket 4711, A-10482",
        ),
        (make_award(made=datetime(2025, 12, 31, 23, tzinfo=UTC)), "+100, 1 Jan, Ana K., ticket 4711, A-10482"),
    ],
)
def test_award_is_one_line(award: pb.Award, line: str) -> None:
    assert render(award) == [line]


@pytest.mark.parametrize(
    ("state", "reversal", "reversed_award"),
    [
        (pb.AWARD_STATE_APPLIED, "undoes A-1", "undone"),
        (pb.AWARD_STATE_UNKNOWN, "undoes A-1, being checked", "undo being checked"),
    ],
)
def test_line_of_either_award_shows_the_undo(state: pb.AwardState, reversal: str, reversed_award: str) -> None:
    assert render(make_award(2, state=state, reverses="A-1"), make_award(1, reversed_by="A-2")) == [
        f"{MINUS}100, {reversal}, 21 Nov, Ana K., ticket 4711, A-2",
        f"+100, {reversed_award}, 21 Nov, Ana K., ticket 4711, A-1",
    ]


def test_deduction_has_a_minus_and_its_undo_a_plus() -> None:
    deduction, reversal = make_award(1, debit=True, reversed_by="A-2"), make_award(2, reverses="A-1", debit=False)
    assert render(reversal, deduction) == [
        "+100, undoes A-1, 21 Nov, Ana K., ticket 4711, A-2",
        f"{MINUS}100, undone, 21 Nov, Ana K., ticket 4711, A-1",
    ]


def test_deduction_can_be_undone_as_an_award_can() -> None:
    deduction = make_award(2, debit=True, until=SOON)
    assert find(deduction, make_award(1, until=SOON)) == "A-2"
    assert say_undo_row(deduction, SHOP).startswith(f"Undo {MINUS}100, ticket 4711, A-2, until ")


def test_undo_in_doubt_is_shown_as_being_checked() -> None:
    assert render(make_award(1, reversed_by="A-2")) == ["+100, undo being checked, 21 Nov, Ana K., ticket 4711, A-1"]


def test_days_and_numbers_are_the_shops() -> None:
    shop = Shop(zone=ZoneInfo("Asia/Tokyo"), locale=babel.Locale("sk"))
    [line] = render(make_award(points=1240), shop=shop)
    assert line.startswith("+1\N{NO-BREAK SPACE}240, 22 Nov, ")


@example(name="0\u20280", email="0\u20290", ticket="0\u20280", reason="\u2069", points=1)
@example(name="א\u2069", email="", ticket="٣\u2068", reason="\u2067ע", points=1)
@given(name=TEXTS, email=TEXTS, ticket=TEXTS, reason=TEXTS, points=st.integers(1, 1_000_000))
def test_any_claimed_text_is_one_short_line(name: str, email: str, ticket: str, reason: str, points: int) -> None:
    award = make_award(
        claimed_agent_name=name, claimed_agent_email=email, ticket_id=ticket, reason=reason, points=points
    )
    [line] = render(award)
    assert len(line) <= 150
    assert len(line.splitlines()) == 1
    assert set(CONTROLS).isdisjoint(re.sub("\u2068[^\u2068\u2069]*\u2069", "", line))
    assert line.startswith("+")
    assert line.endswith(", A-10482")


def test_awards_are_a_row_each_and_lines_of_one_text_newest_first() -> None:
    awards = pb.SupportAwards(awards=[make_award(2), make_award(1)])
    view = render_member(make_snapshot(given_by_support=awards), "token", SHOP, NOW)
    lines = ["+100, 21 Nov, Ana K., ticket 4711, A-2", "+100, 21 Nov, Ana K., ticket 4711, A-1"]
    assert view.support_awards == [Line(line) for line in lines]
    assert view.support_awards_text == "\n".join(lines)


@pytest.mark.parametrize("changes", [{}, {"given_by_support": pb.SupportAwards()}], ids=["not known", "none"])
def test_unknown_or_absent_awards_leave_no_lines(changes: dict[str, Any]) -> None:
    view = render_member(make_snapshot(**changes), "token", SHOP, NOW)
    assert (list(view.support_awards), view.support_awards_text) == ([], "–")


def test_old_data_keeps_its_awards() -> None:
    awards = pb.SupportAwards(awards=[make_award()])
    snapshot = make_snapshot(given_by_support=awards, stale_reason=pb.PROVIDER_TIMEOUT)
    view = render_member(snapshot, "token", SHOP, NOW)
    assert (view.stale, view.support_awards_text) == (True, "+100, 21 Nov, Ana K., ticket 4711, A-10482")


SOON = NOW + timedelta(minutes=25)


@pytest.mark.parametrize(
    ("awards", "undoable"),
    [
        ([], ""),
        ([make_award(1)], ""),
        ([make_award(1, until=SOON)], "A-1"),
        ([make_award(1, until=NOW)], ""),
        ([make_award(1, until=NOW + timedelta(seconds=1))], "A-1"),
        ([make_award(2, until=SOON), make_award(1, until=SOON)], "A-2"),
        ([make_award(3, reverses="A-2"), make_award(2, reversed_by="A-3"), make_award(1, until=SOON)], ""),
        (
            [
                make_award(4, until=SOON),
                make_award(3, reverses="A-2"),
                make_award(2, reversed_by="A-3"),
                make_award(1, until=SOON),
            ],
            "A-4",
        ),
        ([make_award(3, reverses="A-1"), make_award(2, until=SOON), make_award(1, reversed_by="A-3")], "A-2"),
        ([make_award(2, until=NOW), make_award(1, until=SOON)], ""),
        ([make_award(2, reverses="A-1")], ""),
        ([make_award(2, state=pb.AWARD_STATE_UNKNOWN), make_award(1, until=SOON)], ""),
    ],
    ids=[
        "none",
        "too late or undone",
        "in time",
        "over",
        "the last second",
        "newest",
        "newest undone",
        "one after that",
        "older undone",
        "newest too late",
        "undo only",
        "one in doubt",
    ],
)
def test_newest_award_can_be_undone_and_no_older_one(awards: list[pb.Award], undoable: str) -> None:
    assert find(*awards) == undoable


@pytest.mark.parametrize(
    ("shop", "changes", "title"),
    [
        (SHOP, {}, "Undo +100, ticket 4711, A-10482, until 14:32 CET"),
        (SHOP, {"points": 1240, "ticket_id": ""}, "Undo +1,240, A-10482, until 14:32 CET"),
        (SHOP, {"ticket_id": "א-1"}, "Undo +100, ticket \u2068א-1\u2069, A-10482, until 14:32 CET"),
        (DEFAULT_SHOP, {}, "Undo +100, ticket 4711, A-10482, until 13:32 UTC"),
    ],
)
def test_undo_names_its_award_and_its_end(shop: Shop, changes: dict[str, Any], title: str) -> None:
    made = datetime(2026, 11, 23, 13, 2, tzinfo=UTC)
    award = make_award(made=made, until=made + timedelta(minutes=30), **changes)
    assert say_undo_row(award, shop) == title


def test_undo_is_there_in_both_shapes() -> None:
    award = make_award(until=SOON)
    view = render_member(make_snapshot(), "token", SHOP, NOW, undo=Undo(award=award, token="bound"))
    [row] = view.undo
    assert (row.undo_token, row.title) == (view.undo_token, view.undo_text)
    assert view.undo_token == "bound"

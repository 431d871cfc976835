"""How a manager reads awards, and how a person settles one."""

import getpass
import socket
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest

from protos.loyalty.v1 import loyalty_pb2 as pb
from tests.gateway.cli.books import NOON, Refusal, make_award, make_timestamp
from tests.gateway.cli.desk import Desk

MEMBER_ID = "bf428af0-bf06-4bc4-a91b-91b5bda6e211"
WAITING = make_award(12, state=pb.AWARD_STATE_UNKNOWN, needs_person=True, member_support_id="JN-4821")
GIVEN = make_award(7, reversed_by="A-8", reason="Late parcel", note="sorry", ticket_verified=True)
REVERSAL = make_award(8, reverses="A-7")
REFUSED = make_award(
    5, state=pb.AWARD_STATE_REJECTED, rejection_reason=pb.PROVIDER_UNAVAILABLE, retryable=True, ticket_id=""
)


def test_list_shows_what_an_award_is_and_what_it_belongs_to(desk: Desk) -> None:
    desk.books.awards = [WAITING, REVERSAL, GIVEN, REFUSED]
    rows = {line.split()[0]: " ".join(line.split()) for line in desk.award("list").out.splitlines() if "A-" in line}
    assert rows == {
        "A-12": "A-12 unknown, waits for a person +100 JN-4821 member-1 4711 Ana K. 2026-11-23 13:12:00 CET",
        "A-8": "A-8 applied, reverses A-7 -100 member-1 4711 Ana K. 2026-11-23 13:08:00 CET",
        "A-7": "A-7 applied, reversal A-8 +100 member-1 4711 Ana K. Late parcel sorry 2026-11-23 13:07:00 CET",
        "A-5": "A-5 rejected +100 member-1 Ana K. 2026-11-23 13:05:00 CET",
    }


def test_list_on_a_narrow_terminal_breaks_no_number_and_no_id(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"FORCE_COLOR": "1", "COLUMNS": "60", "TERM": "xterm"}.items():
        monkeypatch.setenv(name, value)
    desk.books.awards = [WAITING, GIVEN]
    assert desk.award("list").out.splitlines() == [
        "A-12  +100  unknown, waits for a person",
        "  2026-11-23 13:12:00 CET · ticket 4711 · by Ana K.",
        "  member JN-4821, TRIFFT's id member-1",
        "A-7  +100  applied, reversal A-8",
        "  2026-11-23 13:07:00 CET · ticket 4711 · by Ana K.",
        "  member member-1",
        "  Late parcel · sorry",
    ]


def test_json_has_signed_points_dates_in_the_shops_zone_and_null_for_absent_values(desk: Desk) -> None:
    desk.books.awards = [REVERSAL]
    [reversal] = desk.award("list", "--json").data
    assert (reversal["points"], reversal["balance_change"]) == (-100, -100)
    assert reversal["create_time"] == "2026-11-23T13:08:00.000+01:00"
    assert "" not in reversal.values()
    assert [name for name in ("note", "reason", "reversed_by", "balance") if reversal[name] is not None] == []


def test_deduction_is_negative_and_its_reversal_is_not(desk: Desk) -> None:
    deduction = make_award(3, debit=True, points=50, reversed_by="A-4", reason="Correction")
    desk.books.awards = [make_award(4, reverses="A-3", debit=False, points=50), deduction]
    listed = [" ".join(line.split()) for line in desk.award("list").out.splitlines()]
    assert [line for line in listed if line.startswith("A-4 applied, reverses A-3 +50 ")]
    assert [line for line in listed if line.startswith("A-3 applied, reversal A-4 -50 ")]
    rows = desk.award("list", "--json").data
    assert [(row["points"], row["balance_change"], row["debit"]) for row in rows] == [(50, 50, False), (-50, -50, True)]
    assert "Points -50" in " ".join(desk.award("show", "A-3").out.split())
    assert desk.award("show", "A-3", "--json").data["points"] == -50


def test_times_of_a_shop_whose_zone_is_unknown_here_are_utc(desk: Desk) -> None:
    desk.books.merchant.time_zone = "Mars/Base"
    desk.books.awards = [GIVEN]
    assert "2026-11-23 12:07:00 UTC" in desk.award("list").out


def test_list_loads_the_newest_hundred_and_says_how_to_see_more(desk: Desk) -> None:
    desk.books.awards = [make_award(number) for number in range(250, 0, -1)]
    listed = desk.award("list", "--json")
    assert [one["award_id"] for one in listed.data] == [f"A-{number}" for number in range(250, 150, -1)]
    assert listed.err.count("\n") == 1
    assert "--limit 1000" in listed.err
    assert "award export acme" in listed.err
    assert len(desk.books.filters) == 1


def test_list_of_all_has_no_hint(desk: Desk) -> None:
    desk.books.awards = [make_award(number) for number in range(100, 0, -1)]
    assert desk.award("list").err == ""


def test_list_longer_than_a_page_is_read_page_by_page_up_to_its_limit(desk: Desk) -> None:
    desk.books.awards = [make_award(number) for number in range(1500, 0, -1)]
    assert len(desk.award("list", "--limit", "1200", "--json").data) == 1200
    pages = [request for request in desk.books.requests if isinstance(request, pb.ListAwardsRequest)]
    assert [page.page_size for page in pages] == [1000, 200]


@pytest.mark.parametrize("command", [("list",), ("totals", "--by", "day"), ("export", "--to", "-")])
def test_each_command_about_several_awards_takes_every_filter(desk: Desk, command: tuple[str, ...]) -> None:
    filters = (
        *("--agent", " ana@shop.example ", "--member", MEMBER_ID, "--ticket", "#4711", "--needs-person"),
        *("--state", "unknown", "--state", "not-applied", "--from", "2026-11-23T12:00:00+01:00"),
        *("--before", "2026-11-24T00:00:00.5Z"),
    )
    assert desk.award(*command, *filters).code == 0
    assert desk.books.filters == [
        pb.AwardFilter(
            from_time=make_timestamp(datetime(2026, 11, 23, 11, tzinfo=UTC)),
            before_time=make_timestamp(datetime(2026, 11, 24, 0, 0, 0, 500_000, tzinfo=UTC)),
            claimed_agent="ana@shop.example",
            member_id=MEMBER_ID,
            ticket_id="4711",
            states=[pb.AWARD_STATE_UNKNOWN, pb.AWARD_STATE_NOT_APPLIED],
            needs_person=True,
        )
    ]


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("jana@example.com", {"member_id": MEMBER_ID}),
        ("JN-4821", {"member_id": MEMBER_ID}),
        ("ZO-1", {"member_support_id": "ZO-1"}),
        ("not-a-uuid", {"member_id": "not-a-uuid"}),
    ],
    ids=["e-mail", "support ID", "support ID of one who is gone", "an id of another form"],
)
def test_member_of_a_filter_may_be_named_as_people_do(desk: Desk, text: str, asked: dict[str, Any]) -> None:
    desk.books.members = {"jana@example.com": MEMBER_ID, "JN-4821": MEMBER_ID}
    desk.books.awards = [make_award(3, member_support_id="ZO-1")]
    assert desk.award("list", "--member", text).code == 0
    assert desk.books.filters[-1] == pb.AwardFilter(**asked)


@pytest.mark.parametrize(("email", "count"), [("nobody@example.com", "no"), ("twins@example.com", "more than one")])
def test_unknown_member_of_a_filter_is_asked_for_by_id(desk: Desk, email: str, count: str) -> None:
    desk.books.members = {"twins@example.com": "several"}
    refused = desk.award("list", "--member", email)
    words = f"trifft-gorgias: acme has {count} member with this --member: give TRIFFT's id of the member\n"
    assert (refused.code, refused.err) == (1, words)
    assert desk.books.filters == []


def test_time_of_a_filter_without_an_offset_is_the_shops(desk: Desk) -> None:
    desk.award("list", "--from", "2026-11-25T05:13:00", "--before", "2026-11-25T06:00")
    [asked] = desk.books.filters
    assert asked.from_time.ToDatetime(tzinfo=UTC) == datetime(2026, 11, 25, 4, 13, tzinfo=UTC)
    assert asked.before_time.ToDatetime(tzinfo=UTC) == datetime(2026, 11, 25, 5, tzinfo=UTC)


def test_days_of_a_filter_are_the_shops(desk: Desk) -> None:
    """Summer time ends between them: the second day begins an hour later."""
    desk.award("list", "--from", "2026-10-25", "--before", "2026-10-26")
    [asked] = desk.books.filters
    assert asked.from_time.ToDatetime(tzinfo=UTC) == datetime(2026, 10, 24, 22, tzinfo=UTC)
    assert asked.before_time.ToDatetime(tzinfo=UTC) == datetime(2026, 10, 25, 23, tzinfo=UTC)


def test_days_of_a_shop_whose_zone_is_unknown_here_ask_for_times(desk: Desk) -> None:
    desk.books.merchant.time_zone = "Mars/Base"
    listed = desk.award("list", "--from", "2026-10-25")
    assert (listed.code, listed.err.count("\n"), "2026-11-23T00:00:00+01:00" in listed.err) == (1, 1, True)


def test_show_has_all_of_an_award_and_its_trail(desk: Desk) -> None:
    desk.books.awards = [GIVEN]
    desk.books.changes = [
        pb.AwardChange(
            change_time=make_timestamp(NOON), to_state=pb.AWARD_STATE_PENDING, actor="ana@shop.example", attempt=1
        ),
        pb.AwardChange(
            change_time=make_timestamp(NOON + timedelta(seconds=1)),
            from_state=pb.AWARD_STATE_PENDING,
            to_state=pb.AWARD_STATE_APPLIED,
            actor="loyalty_service",
            why="TRIFFT confirmed it",
            attempt=1,
        ),
    ]
    lines = [" ".join(line.split()) for line in desk.award("show", "a-7").out.splitlines()]
    assert "State applied, reversal A-8" in lines
    assert "Ticket 4711 (checked in Gorgias)" in lines
    assert "Agent (claimed) Ana K. <ana@shop.example>" in lines
    assert "Reason Late parcel" in lines
    assert "2026-11-23 13:00:00 CET pending 1 ana@shop.example" in lines
    assert "2026-11-23 13:00:01 CET pending → applied 1 loyalty_service TRIFFT confirmed it" in lines
    shown = desk.award("show", "A-7", "--json").data
    assert (shown["award_id"], shown["reversed_by"], shown["reverses"]) == ("A-7", "A-8", None)
    assert [(one["from_state"], one["to_state"]) for one in shown["changes"]] == [
        (None, "pending"),
        ("pending", "applied"),
    ]


def test_show_names_the_member_by_support_id_and_by_trifft_s(desk: Desk) -> None:
    desk.books.awards = [WAITING, REFUSED]
    shown = [" ".join(desk.award("show", award_id).out.split()) for award_id in ("A-12", "A-5")]
    assert "Member JN-4821, TRIFFT's id member-1 Tier" in shown[0]
    assert "Member member-1 Tier" in shown[1]
    assert desk.award("show", "A-12", "--json").data["member_support_id"] == "JN-4821"


def test_show_of_an_award_that_waits_says_how_to_settle_it(desk: Desk) -> None:
    desk.books.awards = [WAITING]
    settle = 'applied or not-applied: trifft-gorgias award settle acme A-12 applied --because "…"\n'
    assert settle in desk.award("show", "A-12").out


def test_show_of_an_award_in_doubt_says_since_when_and_what_comes(desk: Desk) -> None:
    desk.books.awards = [make_award(13, state=pb.AWARD_STATE_UNKNOWN)]
    shown = " ".join(desk.award("show", "A-13").out.split())
    assert "In doubt since 2026-11-23 13:13:00 CET" in shown
    assert "The service looks for it in TRIFFT until it is settled: within seconds if it was booked" in shown


def test_totals_have_a_line_for_each_and_one_for_all(desk: Desk) -> None:
    desk.books.sums = [
        pb.AwardSum(key="ana@shop.example", award_count=3, points=300, reversed_points=100),
        pb.AwardSum(key="", award_count=1, points=50, in_doubt_points=70, removed_points=30),
    ]
    rows = [line.split() for line in desk.award("totals", "--by", "agent").out.splitlines()]
    assert ["given", "by", "awards", "points", "taken", "back", "remain", "removed", "in", "doubt"] in rows
    assert ["ana@shop.example", "3", "300", "100", "200", "0", "0"] in rows
    assert ["–", "1", "50", "0", "50", "30", "70"] in rows
    assert ["all", "4", "350", "100", "250", "30", "70"] in rows
    totals = desk.award("totals", "--by", "reason", "--json").data
    assert totals[1] == {
        "key": None,
        "award_count": 1,
        "points": 50,
        "reversed_points": 0,
        "in_doubt_points": 70,
        "removed_points": 30,
    }
    asked = [request.group_by for request in desk.books.requests if isinstance(request, pb.SumAwardsRequest)]
    assert asked == [pb.AWARD_GROUPING_AGENT, pb.AWARD_GROUPING_REASON]


def test_totals_by_what_the_member_was_found_are_in_words_and_by_name_in_json(desk: Desk) -> None:
    keys = ("", "email", "link", "other_email", "phone", "voice")
    desk.books.sums = [pb.AwardSum(key=key, award_count=1, points=50) for key in keys]
    lines = desk.award("totals", "--by", "identified-by").out.splitlines()
    assert [line.split("  ")[0].strip() for line in lines if " 50 " in line] == [
        *("–", "e-mail", "link", "another e-mail", "phone", "voice")
    ]
    assert any("found by" in line for line in lines)
    data = desk.award("totals", "--by", "identified-by", "--json").data
    assert [one["key"] for one in data] == [None, *keys[1:]]
    assert {request.group_by for request in desk.books.requests if isinstance(request, pb.SumAwardsRequest)} == {
        pb.AWARD_GROUPING_IDENTIFIED_BY
    }


def test_award_shows_by_what_its_member_was_found(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    found = make_award(2, identified_by=pb.IDENTIFIED_BY_OTHER_EMAIL)
    desk.books.awards = [found, make_award(1)]
    shown, older = (" ".join(desk.award("show", award_id).out.split()) for award_id in ("A-2", "A-1"))
    assert "Found by another e-mail" in shown
    assert "Found by" not in older
    assert [row["identified_by"] for row in desk.award("list", "--json").data] == ["other_email", None]
    table = desk.award("list").out
    assert ("found by" in table, "another e-mail" in table) == (True, True)
    for name, value in {"FORCE_COLOR": "1", "COLUMNS": "60", "TERM": "xterm"}.items():
        monkeypatch.setenv(name, value)
    assert "member member-1 · found by: another e-mail" in desk.award("list").out
    assert desk.award("list").out.count("found by") == 1


def test_settle_records_finding_person_and_reason(desk: Desk) -> None:
    desk.books.awards = [make_award(12, state=pb.AWARD_STATE_UNKNOWN, needs_person=True)]
    settled = desk.award("settle", "A-12", "not-applied", "--because", " no movement in TRIFFT ")
    user = f"{getpass.getuser()}@{socket.gethostname()}"
    assert settled.out == f"A-12 is not applied now (+100 for member-1), says {user}.\n"
    assert desk.books.requests[-1] == pb.SettleAwardRequest(
        merchant_id="acme",
        award_id="A-12",
        outcome=pb.AWARD_STATE_NOT_APPLIED,
        because="no movement in TRIFFT",
        settled_by=user,
    )


def test_settle_of_an_award_with_that_outcome_claims_nothing(desk: Desk) -> None:
    """TRIFFT's own answer settled the award, so the person's words are not kept."""
    desk.books.awards = [make_award(12, state=pb.AWARD_STATE_APPLIED)]
    repeated = desk.award("settle", "A-12", "applied", "--because", "seen")
    assert (repeated.code, repeated.out) == (
        0,
        "A-12 was applied already (+100 for member-1): nothing was recorded.\n",
    )


def test_settle_for_another_person_names_them_and_the_login(desk: Desk) -> None:
    desk.books.awards = [make_award(12, state=pb.AWARD_STATE_UNKNOWN, needs_person=True)]
    settled = desk.award("settle", "A-12", "applied", "--because", "seen", "--as", "jo@shop.example", "--json")
    assert (settled.data["award_id"], settled.data["state"]) == ("A-12", "applied")
    [asked] = [request for request in desk.books.requests if isinstance(request, pb.SettleAwardRequest)]
    assert asked.settled_by == f"jo@shop.example ({getpass.getuser()}@{socket.gethostname()})"


def test_settle_of_an_award_with_another_outcome_is_one_line_with_advice(desk: Desk) -> None:
    desk.books.refusal = Refusal(
        grpc.StatusCode.FAILED_PRECONDITION,
        "AWARD_STATE",
        "award A-12 is rejected",
        {"award_id": "A-12", "state": "rejected"},
    )
    refused = desk.award("settle", "A-12", "applied", "--because", "seen")
    assert (refused.code, refused.out) == (1, "")
    said, advice = refused.err.removeprefix("trifft-gorgias: ").split(": ", 1)
    assert said == "award A-12 is rejected (AWARD_STATE)"
    assert advice == "what it is, and why: trifft-gorgias award show acme A-12\n"


def test_value_that_the_service_refuses_is_wrong_usage_of_its_option(desk: Desk) -> None:
    desk.books.refusal = Refusal(
        grpc.StatusCode.INVALID_ARGUMENT, "BAD_VALUE", "because must be at most 500 characters", field_name="because"
    )
    refused = desk.award("settle", "A-12", "applied", "--because", "x" * 501)
    assert (refused.code, refused.err) == (2, "trifft-gorgias: --because must be at most 500 characters\n")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["list", "--limit", "0"], "--limit must be 1 or more"),
        (["list", "--limit", "many"], "--limit"),
        (["list", "--agent", ""], "--agent is empty"),
        (["list", "--state", "lost"], "--state"),
        (["list", "--from", "yesterday"], "--from must be a day"),
        (["list", "--from", "2026-02-30"], "--from must be a day"),
        (["list", "--before", "2026-11-23T12"], "--before must be a day"),
        (["list", "--ticket", "#"], "--ticket is empty"),
        (["list", "--from", "2026-11-23", "--before", "2026-11-23"], "--from must be earlier than --before"),
        (["list", "--from", "0001-01-01"], "--from is out of range"),
        (["show", "12"], "AWARD must be"),
        (["show", "A-0"], "AWARD must be"),
        (["show"], "AWARD"),
        (["totals"], "--by"),
        (["totals", "--by", "hour"], "--by"),
        (["settle", "A-12", "applied"], "--because"),
        (["settle", "A-12", "applied", "--because", " "], "--because is empty"),
        (["settle", "A-12", "applied", "--because", "seen", "--as", ""], "--as is empty"),
        (["settle", "A-12", "perhaps", "--because", "seen"], "perhaps"),
        (["export"], "--to"),
        (["export", "--to", ""], "--to must be"),
        (["export", "--to", "--json"], "--to must be"),
        (["export", "--to", "-", "--format", "xlsx"], "--format"),
        (["export", "--to", "/nowhere/awards.csv"], "there is no folder /nowhere"),
        (["export", "--to", "/dev/null", "--force"], "is not a regular file"),
    ],
)
def test_usage_that_is_wrong_is_one_line_and_code_2(desk: Desk, arguments: list[str], words: str) -> None:
    refused = desk.award(*arguments)
    assert (refused.code, refused.out) == (2, "")
    assert words in refused.err
    assert refused.err.count("\n") == 1
    assert desk.books.filters == []

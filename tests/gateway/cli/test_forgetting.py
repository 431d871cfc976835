"""`member forget`: whom it finds, and what it says was forgotten or kept."""

import grpc
import pytest

from protos.loyalty.v1 import loyalty_pb2 as pb
from tests.gateway.cli.books import NOON, Refusal, make_timestamp
from tests.gateway.cli.desk import Desk

JANA = ("--email", "jana@example.com")


def find_requests(desk: Desk) -> list[pb.EraseMemberRequest]:
    return [one for one in desk.books.requests if isinstance(one, pb.EraseMemberRequest)]


@pytest.fixture
def jana(desk: Desk) -> Desk:
    desk.books.members["jana@example.com"] = "member-1"
    return desk


def test_nothing_is_forgotten_without_a_yes(jana: Desk) -> None:
    done = jana.run("member", "forget", "acme", *JANA)
    assert (done.code, done.out) == (2, "")
    assert "--yes" in done.err
    assert jana.books.requests == []


def test_command_that_names_no_person_is_wrong_usage(desk: Desk) -> None:
    done = desk.run("member", "forget", "acme", "--yes")
    assert (done.code, "--email" in done.err) == (2, True)


def test_answer_lists_forgotten_awards_and_records_of_others(jana: Desk) -> None:
    jana.books.erasure = pb.EraseMemberResponse(dropped_count=2, erased_award_count=3, pseudonym="erased-1a")
    done = jana.run("member", "forget", "acme", *JANA, "--support-id", "JN-4821", "--yes")
    assert (done.code, done.err) == (0, "")
    for words in ("2 entries", "3 awards have erased-1a", "forget them there first", "notes in\nGorgias' tickets"):
        assert words in done.out
    [request] = find_requests(jana)
    assert (request.member_id, [one.WhichOneof("identity") for one in request.identities]) == (
        "member-1",
        ["email", "support_id"],
    )
    assert "@" in request.erased_by


def test_awards_that_had_to_be_kept_are_named_with_the_reason(jana: Desk) -> None:
    jana.books.erasure = pb.EraseMemberResponse(
        kept_awards=[
            pb.KeptAward(award_id="A-1", reason=pb.KEPT_REASON_BESIDE_DOUBT),
            pb.KeptAward(award_id="A-2", reason=pb.KEPT_REASON_IN_DOUBT),
            pb.KeptAward(award_id="A-3", reason=pb.KEPT_REASON_REVERSIBLE, until_time=make_timestamp(NOON)),
        ]
    )
    done = jana.run("member", "forget", "acme", *JANA, "--yes")
    assert done.code == 1
    for words in (
        "Kept: A-1, of about the time of one that is being checked",
        "Kept: A-2, still being checked",
        "Kept: A-3, it can be undone until 2026-11-23 13:00:00 CET: run this again after that.",
    ):
        assert words in done.out
    as_json = jana.run("member", "forget", "acme", *JANA, "--yes", "--json")
    assert [one["reason"] for one in as_json.data["kept_awards"]] == ["beside_doubt", "in_doubt", "reversible"]
    assert as_json.data["kept_awards"][2]["until_time"] == "2026-11-23T13:00:00.000+01:00"


def test_unknown_person_is_forgotten_by_the_given_names_with_a_warning(desk: Desk) -> None:
    desk.books.erasure = pb.EraseMemberResponse(dropped_count=1)
    done = desk.run("member", "forget", "acme", *JANA, "--yes")
    assert (done.code, "no award was changed" in done.out, "1 entry" in done.out) == (0, True, True)
    [request] = find_requests(desk)
    assert (request.member_id, request.identities[0].email) == ("", "jana@example.com")


def test_given_member_id_is_not_looked_up(desk: Desk) -> None:
    done = desk.run("member", "forget", "acme", "--member", "member-9", *JANA, "--yes")
    assert done.code == 0
    [request] = desk.books.requests
    assert (request.member_id, len(request.identities)) == ("member-9", 2)


def test_names_of_several_people_are_told_apart_by_the_operator(jana: Desk) -> None:
    jana.books.members |= {"ZO-1": "member-2", "twins@example.com": "several"}
    for names in (("--email", "twins@example.com"), (*JANA, "--support-id", "ZO-1")):
        done = jana.run("member", "forget", "acme", *names, "--yes")
        assert (done.code, "--member" in done.err) == (1, True)
    assert find_requests(jana) == []


def test_loyalty_service_that_is_down_is_a_line(jana: Desk) -> None:
    jana.books.refusal = Refusal(grpc.StatusCode.UNAVAILABLE, "PROVIDER_UNAVAILABLE", "TRIFFT is down")
    done = jana.run("member", "forget", "acme", *JANA, "--yes")
    assert (done.code, done.out, "PROVIDER_UNAVAILABLE" in done.err) == (1, "", True)

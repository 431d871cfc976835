"""What `check` prints about awards that wait for a person."""

from typing import Any

import pytest

from protos.loyalty.v1 import loyalty_pb2 as pb
from tests.gateway.cli.books import make_award
from tests.gateway.cli.desk import Desk


@pytest.mark.parametrize(
    ("numbers", "detail"),
    [
        ([12], "1 award waits for a person: A-12"),
        ([15, 12], "2 awards wait for a person: A-15, A-12"),
        ([9, 8, 7, 6, 5, 4], "6 awards wait for a person: A-9, A-8, A-7, A-6, A-5 …"),
        (range(101, 0, -1), "more than 100 awards wait for a person: A-101, A-100, A-99, A-98, A-97 …"),
    ],
)
def test_check_names_awards_that_wait_for_a_person(desk: Desk, numbers: list[int], detail: str) -> None:
    desk.books.awards = [
        make_award(number, state=pb.AWARD_STATE_UNKNOWN, needs_person=True, ticket_id="") for number in numbers
    ]
    awards = check_awards(desk)
    assert (awards["state"], awards["detail"]) == ("failed", detail)
    assert f"trifft-gorgias award show acme A-{numbers[0]}" in awards["advice"]
    assert awards["advice"].endswith(f': trifft-gorgias award settle acme A-{numbers[0]} applied --because "…"')


def test_check_counts_awards_in_doubt_and_says_since_when(desk: Desk) -> None:
    desk.books.awards = [
        make_award(13, state=pb.AWARD_STATE_UNKNOWN),
        make_award(12, state=pb.AWARD_STATE_UNKNOWN),
        make_award(11),
    ]
    awards = check_awards(desk)
    words = "none waits for a person; 2 in doubt, since 2026-11-23 13:12:00 CET"
    assert (awards["state"], awards["detail"]) == ("ok", words)
    desk.books.awards.append(make_award(1, state=pb.AWARD_STATE_UNKNOWN, needs_person=True))
    words = "1 award waits for a person: A-1; 2 in doubt, since 2026-11-23 13:12:00 CET"
    assert check_awards(desk)["detail"] == words


def test_check_of_awards_is_ok_if_none_waits(desk: Desk) -> None:
    assert check_awards(desk) == {
        "name": "awards",
        "state": "ok",
        "detail": "none waits for a person",
        "advice": None,
    }


def check_awards(desk: Desk) -> dict[str, Any]:
    checks: list[dict[str, Any]] = desk.run("check", "acme", "--json").data["checks"]
    return next(check for check in checks if check["name"] == "awards")

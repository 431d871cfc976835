"""The panel's lines about a member's coming points, birthday and last movements."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import babel
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from gateway.cli.member_record import list_fields, render_snapshot
from gateway.wording.panel.details import list_detail_lines, list_movement_lines
from gateway.wording.shop import Shop
from protos.loyalty.v1 import loyalty_pb2 as pb
from tests.gateway.widget.test_view import SHOP

MINUS = "\N{MINUS SIGN}"
GERMAN = Shop(zone=ZoneInfo("Europe/Berlin"), locale=babel.Locale("de"))


def make_time(month: int, day: int, hour: int = 0) -> Timestamp:
    time = Timestamp()
    time.FromDatetime(datetime(2026, month, day, hour, tzinfo=UTC))
    return time


def make_member(**fields: Any) -> pb.Member:  # noqa: ANN401 - any field of the message
    return pb.Member(member_id="m", **fields)


def make_movement(change: str = "100", note: str = "Order 1001", *, time: Timestamp | None = None) -> pb.Movement:
    return pb.Movement(change=change, note=note, create_time=time)


END = make_time(12, 31, 23)  # midnight in Bratislava


@pytest.mark.parametrize(
    ("fields", "lines"),
    [
        ({}, []),
        ({"next_expiry": pb.ExpiringPoints(points=200, expire_time=END)}, ["200 points expire on 31 Dec 2026"]),
        ({"next_expiry": pb.ExpiringPoints(points=1, expire_time=END)}, ["1 point expires on 31 Dec 2026"]),
        ({"pending_points": 50}, ["50 points pending"]),
        ({"pending_points": 1}, ["1 point pending"]),
        ({"pending_points": 0}, []),
        ({"pending_points": -5, "points_to_next_tier": -5}, []),
        ({"points_to_next_tier": 12600}, ["12,600 points to the next tier"]),
        ({"points_to_next_tier": 0}, []),
        ({"birthday": pb.Birthday(month=3, day=12)}, ["Birthday: 12 March"]),
        ({"birthday": pb.Birthday(month=12, day=31)}, ["Birthday: 31 December"]),
        ({"birthday": pb.Birthday(month=13, day=1)}, []),
        ({"birthday": pb.Birthday()}, []),
        (
            {
                "birthday": pb.Birthday(month=2, day=29),
                "points_to_next_tier": 260,
                "pending_points": 50,
                "next_expiry": pb.ExpiringPoints(points=200, expire_time=END),
            },
            [
                "200 points expire on 31 Dec 2026",
                "50 points pending",
                "260 points to the next tier",
                "Birthday: 29 February",
            ],
        ),
    ],
)
def test_each_existing_detail_is_a_line(fields: dict[str, Any], lines: list[str]) -> None:
    assert list_detail_lines(make_member(**fields), SHOP) == lines


@pytest.mark.parametrize(
    ("movement", "line"),
    [
        (make_movement(time=make_time(11, 12)), "+100 on 12 Nov 2026: Order 1001"),
        (make_movement(time=make_time(11, 12, 23)), "+100 on 13 Nov 2026: Order 1001"),
        (make_movement("-40.5", ""), f"{MINUS}40.5"),
        (make_movement("12500", "  Two\nlines\u202e "), "+12,500: Two lines"),
        (make_movement(note="x" * 61), f"+100: {'x' * 59}…"),
        (make_movement(note="הזמנה 7"), "+100: \u2068הזמנה 7\u2069"),
    ],
)
def test_movement_is_one_line(movement: pb.Movement, line: str) -> None:
    assert list_movement_lines(make_member(recent_movements=[movement]), SHOP) == [line]


@pytest.mark.parametrize("change", ["", "many", "NaN", "Infinity", "1E+999999", "9" * 5000])
def test_movement_with_an_unreadable_change_is_left_out(change: str) -> None:
    movements = [make_movement(change), make_movement()]
    assert list_movement_lines(make_member(recent_movements=movements), SHOP) == ["+100: Order 1001"]


def test_movements_are_at_most_five() -> None:
    movements = [make_movement(str(number)) for number in range(1, 9)]
    lines = list_movement_lines(make_member(recent_movements=movements), SHOP)
    assert [line.partition(":")[0] for line in lines] == ["+1", "+2", "+3", "+4", "+5"]


def test_numbers_and_days_are_the_shops() -> None:
    member = make_member(
        next_expiry=pb.ExpiringPoints(points=12500, expire_time=END),
        recent_movements=[make_movement("-1040.5", time=make_time(11, 12, 23))],
    )
    assert list_detail_lines(member, GERMAN) == ["12.500 points expire on 31 Dec 2026"]
    assert list_movement_lines(member, GERMAN) == [f"{MINUS}1.040,5 on 13 Nov 2026: Order 1001"]


def test_operators_read_the_same_lines_and_scripts_have_the_values() -> None:
    member = make_member(
        next_expiry=pb.ExpiringPoints(points=200, expire_time=END),
        pending_points=50,
        points_to_next_tier=260,
        birthday=pb.Birthday(month=3, day=12),
        recent_movements=[make_movement(time=make_time(11, 12)), make_movement("-40.5", "")],
    )
    fields = list_fields(pb.Snapshot(member=member), SHOP.zone)
    said = [text for title, text in fields if title == "More"]
    assert said == list_detail_lines(member, SHOP)
    assert [text for title, text in fields if title == "Movement"] == list_movement_lines(member, SHOP)
    scripted = render_snapshot(pb.Snapshot(member=member), SHOP.zone)
    assert scripted["next_expiry"] == {"points": 200, "expire_time": "2027-01-01T00:00:00.000+01:00"}
    assert (scripted["pending_points"], scripted["points_to_next_tier"]) == (50, 260)
    assert scripted["birthday"] == {"month": 3, "day": 12}
    assert scripted["recent_movements"] == [
        {"change": "100", "create_time": "2026-11-12T01:00:00.000+01:00", "note": "Order 1001"},
        {"change": "-40.5", "create_time": None, "note": None},
    ]


def test_without_details_operators_read_no_line_and_scripts_null() -> None:
    snapshot = pb.Snapshot(member=make_member())
    assert {title for title, _ in list_fields(snapshot, SHOP.zone)} & {"More", "Movement"} == set()
    scripted = render_snapshot(snapshot, SHOP.zone)
    names = ("next_expiry", "pending_points", "points_to_next_tier", "birthday")
    assert [scripted[name] for name in names] == [None] * 4
    assert scripted["recent_movements"] == []

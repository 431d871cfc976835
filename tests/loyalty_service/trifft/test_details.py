"""The optional lines of a member, and what each reads. An odd value hides only its own line."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty_service.domain.member import Birthday, ExpiringPoints, RecentMovement
from loyalty_service.trifft.mapping.details import LINES, MAX_MOVEMENTS, parse_birthday, read_details
from loyalty_service.trifft.mapping.fields import FieldReader
from loyalty_service.trifft.profile import parse_profile
from loyalty_service.trifft.wire import WireError

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
ZONE = ZoneInfo("Europe/Bratislava")
NOTHING = {
    "next_expiry": None,
    "pending_points": None,
    "points_to_next_tier": None,
    "birthday": None,
    "recent_movements": (),
}
END_OF_YEAR = datetime(2026, 12, 31, 22, 59, 59, tzinfo=UTC)


def read(row: dict[str, Any], profile: str = "") -> tuple[dict[str, Any], dict[str, int]]:
    """Read the member's details, and how often each line could not be read."""
    reader = FieldReader()
    found = read_details(row, parse_profile(profile).member, NOON, ZONE, reader)
    return {name: value for name, value in found.items() if value != NOTHING[name]}, dict(reader.unreadable)


def make_expiry(points: int, expire_time: datetime = END_OF_YEAR) -> ExpiringPoints:
    return ExpiringPoints(points=points, expire_time=expire_time)


def test_each_line_is_optional() -> None:
    assert read({}) == ({}, {})
    assert read(dict.fromkeys(("expiring_points", "pending_points", "birthday", "movements"))) == ({}, {})
    nulls = "".join(f'{line.partition(".")[2]} = "`null`"\n' for line in LINES)
    assert read({"birthday": "1990-03-12", "movements": "none"}, f"[member]\n{nulls}") == ({}, {})


# fmt: off
READ: list[tuple[str, Any, Any]] = [
    ("expiring_points", {"points": 200, "expires_at": "2026-12-31"}, {"next_expiry": make_expiry(200)}),
    ("expiring_points", {"points": "200.9", "expires_at": 1798757999}, {"next_expiry": make_expiry(200)}),
    ("expiring_points", {"points": 0, "expires_at": None}, {}),
    ("expiring_points", {"points": 0.5, "expires_at": "2026-12-31"}, {}),
    ("expiring_points", {"points": 200, "expires_at": None}, {}),
    ("expiring_points", {"points": 200, "expires_at": "9999-12-31"}, {}),
    ("expiring_points", {"points": 200, "expires_at": "2026-11-23T11:59:59Z"}, {}),
    ("expiring_points", {}, {}),
    ("pending_points", 50, {"pending_points": 50}),
    ("pending_points", "49.99", {"pending_points": 49}),
    ("pending_points", 0, {"pending_points": 0}),
    ("points_to_next_tier", 260, {"points_to_next_tier": 260}),
    ("points_to_next_tier", 259.01, {"points_to_next_tier": 260}),
    ("points_to_next_tier", 0, {}),
    ("birthday", "1990-03-12", {"birthday": Birthday(month=3, day=12)}),
    ("birthday", "", {}),
    ("movements", [], {}),
    ("movements", [{"change": -40.5}],
     {"recent_movements": (RecentMovement(change=Decimal("-40.5"), create_time=None, note=""),)}),
    ("movements", [{"change": "100", "created_at": "2026-11-12T10:00:00Z", "note": " Order\n1001 ", "id": 7}],
     {"recent_movements": (RecentMovement(
         change=Decimal(100), create_time=datetime(2026, 11, 12, 10, tzinfo=UTC), note="Order 1001"),)}),
]
UNREADABLE: list[tuple[str, Any, str]] = [
    ("expiring_points", {"points": 200, "expires_at": "soon"}, "next_expiry"),
    ("expiring_points", {"points": None, "expires_at": "2026-12-31"}, "next_expiry"),
    ("expiring_points", {"points": -5, "expires_at": "2026-12-31"}, "next_expiry"),
    ("pending_points", -1, "pending_points"),
    ("pending_points", "50 points", "pending_points"),
    ("pending_points", True, "pending_points"),
    ("points_to_next_tier", {"Gold": 5}, "points_to_next_tier"),
    ("points_to_next_tier", -3, "points_to_next_tier"),
    ("birthday", 637200000, "birthday"),
    ("movements", "none", "recent_movements"),
    ("movements", {"change": 5}, "recent_movements"),
    ("movements", [None], "recent_movements"),
    ("movements", ["+100"], "recent_movements"),
    ("movements", [{"note": "Order 1001"}], "recent_movements"),
]
# fmt: on


@pytest.mark.parametrize(("field", "value", "expected"), READ)
def test_unambiguous_value_is_read(field: str, value: object, expected: dict[str, Any]) -> None:
    assert read({field: value}) == (expected, {})


@pytest.mark.parametrize(("field", "value", "line"), UNREADABLE)
def test_unreadable_value_is_absent_and_counted(field: str, value: object, line: str) -> None:
    assert read({field: value}) == ({}, {f"member.{line}": 1})


def test_points_are_in_the_scale_of_the_balance() -> None:
    row = {
        "expiring_points": {"points": 20_000, "expires_at": "2026-12-31"},
        "pending_points": 5_099,
        "points_to_next_tier": 25_901,
        "movements": [{"change": -1050}],
    }
    found, _ = read(row, "[member]\npoints_scale = 100")
    assert found == {
        "next_expiry": make_expiry(200),
        "pending_points": 50,
        "points_to_next_tier": 260,
        "recent_movements": (RecentMovement(change=Decimal("-10.5"), create_time=None, note=""),),
    }


@given(st.lists(st.none() | st.integers(0, 10**6)))
def test_newest_movements_come_first_from_any_order(ages_s: list[int | None]) -> None:
    times = [None if age is None else (NOON - timedelta(seconds=age)).isoformat() for age in ages_s]
    found, unreadable = read({"movements": [{"change": 1, "created_at": one} for one in times]})
    ages = sorted(age for age in ages_s if age is not None) + [None] * ages_s.count(None)
    shown = [one.create_time for one in found.get("recent_movements", ())]
    assert shown == [None if age is None else NOON - timedelta(seconds=age) for age in ages[:MAX_MOVEMENTS]]
    assert unreadable == {}


def test_movement_keeps_its_readable_parts() -> None:
    rows = [{"change": 5, "created_at": "soon", "note": ["x"]}, {"change": "many"}, {"change": 7, "created_at": None}]
    found, unreadable = read({"movements": rows})
    assert [(one.change, one.create_time, one.note) for one in found["recent_movements"]] == [
        (5, None, ""),
        (7, None, ""),
    ]
    assert unreadable == {"member.recent_movements": 3}


@given(
    st.dates(min_value=datetime(1, 1, 1, tzinfo=UTC).date()),
    st.sampled_from(["", "T00:00:00Z", " 00:00", "T00:00:00.000+01:00"]),
)
def test_birthday_is_day_and_month_of_any_year(day: Any, time: str) -> None:  # noqa: ANN401 - a date
    expected = Birthday(month=day.month, day=day.day)
    assert parse_birthday(f"{day.isoformat()}{time}") == expected
    assert parse_birthday(f" --{day:%m-%d}") == parse_birthday(f"{day:%m-%d}") == expected


@pytest.mark.parametrize(
    "value",
    [
        *("0000-00-00", "1990-02-30", "1990-13-01", "1990-3-12", "12.3.1990", "03/12/1990", "12 March", "1990"),
        *("1990-03-11T23:00:00Z", "1990-03-12T07:30:00", "1990-03-12x", 0, 637200000, 12.3, True, [3, 12], {}),
    ],
)
def test_ambiguous_birthday_is_refused(value: object) -> None:
    """Midnight may be the evening before elsewhere, and 3/12 may be in March or December."""
    with pytest.raises(WireError):
        parse_birthday(value)


def test_leap_day_in_a_year_without_one_is_read() -> None:
    """For an unknown year, systems write 1900 or 0001."""
    assert parse_birthday("1900-02-29") == Birthday(month=2, day=29)

"""How single values of the wire are read."""

import json
import unicodedata
from datetime import UTC, datetime, tzinfo
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty_service.trifft.mapping.values import (
    parse_echo,
    parse_flag,
    parse_id,
    parse_points,
    parse_text,
    parse_time,
)
from loyalty_service.trifft.wire import WireError, parse_json

BRATISLAVA, NEW_YORK = ZoneInfo("Europe/Bratislava"), ZoneInfo("America/New_York")


@pytest.mark.parametrize(
    ("sent", "balance"),
    [
        ("1240", "1240"),
        ("99.75", "99.75"),
        ('"99.75"', "99.75"),
        ("0.1", "0.1"),
        ("1.24e3", "1240"),
        ("-12", "-12"),
        ("-0.5", "-0.5"),
        ("-0", "0"),
        ("-0.0", "0.0"),
        ("9223372036854775807", "9223372036854775807"),
    ],
)
def test_points_are_read_exactly(sent: str, balance: str) -> None:
    assert str(parse_points(parse_json(sent.encode()), 1)) == balance


@given(st.decimals(min_value=-(10**15), max_value=10**15, places=4, allow_nan=False))
def test_points_in_a_scale_are_divided_exactly(balance: Decimal) -> None:
    assert parse_points(parse_json(format(balance * 100, "f").encode()), 100) == balance


@pytest.mark.parametrize(
    "sent",
    [
        "1e30",
        "1e999999999",
        "-1e999999999",
        "1e-999999999",
        "9223372036854775808",
        "1" * 5000,
        '"NaN"',
        '"Infinity"',
        '"1e3"',
        '"\u0661\u0660\u0660"',
        '"1_000"',
        '"1,240"',
        '"1 240"',
        '"1\u00a0240"',
        "1e99999999999999999999",
        '""',
        "true",
        "[1]",
        "{}",
    ],
)
def test_impossible_points_are_refused(sent: str) -> None:
    with pytest.raises(WireError):
        parse_points(parse_json(sent.encode()), 1)


@pytest.mark.parametrize("body", [b"[1", b"<html>", b"\xff", b"[" * 100_000, b"", b"\xef\xbb\xbf", b"'x'"])
def test_body_that_is_not_json_is_refused(body: bytes) -> None:
    with pytest.raises(WireError):
        parse_json(body)


@pytest.mark.parametrize(
    ("sent", "time"),
    [
        (1798757999, datetime(2026, 12, 31, 22, 59, 59, tzinfo=UTC)),
        ("1798757999", datetime(2026, 12, 31, 22, 59, 59, tzinfo=UTC)),
        (Decimal("1798757999.5"), datetime(2026, 12, 31, 22, 59, 59, 500_000, tzinfo=UTC)),
        ("2026-12-31T22:59:59Z", datetime(2026, 12, 31, 22, 59, 59, tzinfo=UTC)),
        ("2026-12-31t23:59:59+01:00", datetime(2026, 12, 31, 22, 59, 59, tzinfo=UTC)),
        ("2026-12-31T23:59:59.123456+0100", datetime(2026, 12, 31, 22, 59, 59, 123_456, tzinfo=UTC)),
        ("2026-12-31T22:59:59", datetime(2026, 12, 31, 22, 59, 59, tzinfo=UTC)),
        (1798757999000, datetime(2026, 12, 31, 22, 59, 59, tzinfo=UTC)),
        ("1798757999500", datetime(2026, 12, 31, 22, 59, 59, 500_000, tzinfo=UTC)),
        (None, None),
        ("", None),
        (" ", None),
    ],
)
def test_time_is_read_in_each_form(sent: object, time: datetime | None) -> None:
    assert parse_time(sent, UTC) == time


@pytest.mark.parametrize(
    ("sent", "zone", "time"),
    [
        ("2026-12-31", UTC, datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC)),
        ("2026-12-31", BRATISLAVA, datetime(2026, 12, 31, 22, 59, 59, tzinfo=UTC)),
        ("2026-07-31", BRATISLAVA, datetime(2026, 7, 31, 21, 59, 59, tzinfo=UTC)),
        (" 2026-12-31 ", NEW_YORK, datetime(2027, 1, 1, 4, 59, 59, tzinfo=UTC)),
        ("2026-12-31T12:00:00", BRATISLAVA, datetime(2026, 12, 31, 11, tzinfo=UTC)),
        ("2026-12-31 12:00", BRATISLAVA, datetime(2026, 12, 31, 11, tzinfo=UTC)),
        ("2026-12-31T12:00:00Z", BRATISLAVA, datetime(2026, 12, 31, 12, tzinfo=UTC)),
    ],
)
def test_time_without_a_zone_is_in_the_shops_zone(sent: str, zone: tzinfo, time: datetime) -> None:
    assert parse_time(sent, zone) == time


@pytest.mark.parametrize("zone", [UTC, BRATISLAVA, NEW_YORK])
@pytest.mark.parametrize(
    "sent",
    [
        "9999-12-31",
        "9999-12-31T23:59:59Z",
        "9999-12-31T23:59:59-12:00",
        "9999-12-31 23:59:59",
        "9999-01-02",
        253402300799,
        253402300799 + 5 * 3600,
        253402300799000,
    ],
)
def test_time_in_the_year_9999_is_never(sent: object, zone: tzinfo) -> None:
    assert parse_time(sent, zone) is None


@pytest.mark.parametrize(
    "sent",
    [
        "31 Dec 2026",
        "2026-13-31",
        "0000-00-00",
        "0000-00-00 00:00:00",
        "0001-01-01T00:00:00+05:00",
        "1970-01-01",
        "20261231",
        "2026-12-31T",
        "2026-12-31Tmorning",
        "12026-12-31",
        "T",
        0,
        -1,
        10**30,
        -(10**12),
        1798757999 * 10**6,
        Decimal("1e400"),
        True,
        [],
        {},
    ],
)
def test_time_in_another_form_is_refused(sent: object) -> None:
    with pytest.raises(WireError):
        parse_time(sent, BRATISLAVA)


@given(st.text())
def test_text_becomes_one_clean_short_line(sent: str) -> None:
    text = parse_text(sent)
    assert len(text) <= 200
    assert text == text.strip()
    assert not any(unicodedata.category(char) == "Cc" or char in "\u202e\u2066\u200f" for char in text)


@pytest.mark.parametrize(
    ("sent", "text"),
    [
        ("Welcome! ", "Welcome!"),
        (" Surprise  gift\t", "Surprise gift"),
        ("a\x00b\nc", "ab c"),
        ("ليلى الحسن", "ليلى الحسن"),
        ("abc\u202edef", "abcdef"),
        ("👩‍👩‍👧", "👩‍👩‍👧"),
        ("می\u200cکنم", "می\u200cکنم"),
        ("\u200fדנה\u200e", "דנה"),
        ("x" * 10_000, "x" * 200),
        ("x" * 198 + "👩‍👩‍👧", "x" * 198),
        ("x" + "\u0301" * 300, ""),
        ("half a pair \ud83d", "half a pair"),
        (None, ""),
        (5, "5"),
        (Decimal("5.50"), "5.50"),
        (-0.5, "-0.5"),
    ],
)
def test_text_loses_unreadable_characters(sent: object, text: str) -> None:
    assert parse_text(sent) == text


@pytest.mark.parametrize("sent", [True, False, [], ["a"], {}, {"a": 1}, 10**40, Decimal("1e999999999"), float("nan")])
def test_value_that_is_not_text_is_refused(sent: object) -> None:
    for parse in (parse_text, parse_echo):
        with pytest.raises(WireError):
            parse(sent)


@pytest.mark.parametrize(
    ("sent", "text"), [("a b", "a b"), (7, "7"), (0, "0"), (12345678901234567890, "12345678901234567890")]
)
def test_id_is_a_text_or_a_whole_number(sent: object, text: str) -> None:
    assert parse_id(sent) == text


@pytest.mark.parametrize("sent", [None, "", "x" * 129, "a\nb", "\ud83d", Decimal("7.0"), 7.0, 10**40, True, ["a"]])
def test_id_that_cannot_be_stored_exactly_is_refused(sent: object) -> None:
    with pytest.raises(WireError):
        parse_id(sent)


@pytest.mark.parametrize(("sent", "flag"), [(True, True), (" TRUE ", True), (1, True), ("0", False), (None, False)])
def test_unambiguous_flag_is_read(sent: object, flag: object) -> None:
    assert parse_flag(sent) is flag


@pytest.mark.parametrize("sent", ["yes", "", 2, [], {}, ["true"]])
def test_ambiguous_flag_is_refused(sent: object) -> None:
    with pytest.raises(WireError):
        parse_flag(sent)


@pytest.mark.parametrize(
    "odd",
    [
        b'"\\ud83d"',
        b"1" * 5000,
        b"1e99999999999999999999",
        b"-" + b"9" * 400,
        b"NaN",
        b"-Infinity",
        b'"caf\xe9"',
        b'"two\nlines"',
    ],
)
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_impossible_value_leaves_the_others_readable(odd: bytes, mark: bytes) -> None:
    sent = parse_json(mark + b'{"odd": %b, "points": 1240.50}' % odd)
    assert parse_points(sent["points"], 1) == Decimal("1240.50")
    with pytest.raises(WireError):
        parse_id(sent["odd"])


@given(st.recursive(st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.text(), st.lists))
def test_any_json_is_read_or_refused(value: object) -> None:
    """A provider's answer never causes another error."""
    sent = parse_json(json.dumps(value).encode())
    readers = (parse_text, parse_echo, parse_id, parse_flag)
    for parse in (*readers, lambda each: parse_time(each, BRATISLAVA), lambda each: parse_points(each, 1)):
        try:
            parse(sent)
        except WireError:
            continue

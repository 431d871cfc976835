"""How single values of the wire are read."""

import json
import unicodedata
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty_service.trifft.wire import (
    WireError,
    parse_id,
    parse_json,
    parse_name,
    parse_points,
    parse_text,
    parse_time,
)


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
        '""',
        "true",
        "[1]",
        "{}",
    ],
)
def test_points_that_no_balance_can_be_are_refused(sent: str) -> None:
    with pytest.raises(WireError):
        parse_points(parse_json(sent.encode()), 1)


@pytest.mark.parametrize("body", [b"NaN", b"[1", b"<html>", b'"\xff"', b"[" * 100_000, b"", b"1e99999999999999999999"])
def test_body_that_is_no_json_is_refused(body: bytes) -> None:
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
        (None, None),
    ],
)
def test_time_is_read_in_both_forms(sent: object, time: datetime | None) -> None:
    assert parse_time(sent) == time


@pytest.mark.parametrize(
    "sent", ["31 Dec 2026", "2026-12-31", "T", "", 10**30, -(10**12), Decimal("1e400"), True, [], {}]
)
def test_time_in_another_form_is_refused(sent: object) -> None:
    with pytest.raises(WireError):
        parse_time(sent)


@given(st.text())
def test_text_comes_out_as_one_clean_short_line(sent: str) -> None:
    text = parse_text(sent)
    assert len(text) <= 200
    assert text == text.strip()
    assert not any(unicodedata.category(char) == "Cc" or char in "\u202e\u2066" for char in text)


@pytest.mark.parametrize(
    ("sent", "text"),
    [
        ("Welcome! ", "Welcome!"),
        (" Surprise  gift\t", "Surprise gift"),
        ("a\x00b\nc", "a b c"),
        ("ليلى الحسن", "ليلى الحسن"),
        ("abc\u202edef", "abcdef"),
        ("👩‍👩‍👧", "👩‍👩‍👧"),
        ("x" * 10_000, "x" * 200),
        (None, ""),
    ],
)
def test_text_loses_what_nobody_can_read(sent: str | None, text: str) -> None:
    assert parse_text(sent) == text


@pytest.mark.parametrize(
    ("sent", "name"),
    [
        (["Jana", "Nováková"], "Jana Nováková"),
        ([" Nora ", None], "Nora"),
        ([None, None], ""),
        ([], ""),
        ("Jana  Nováková ", "Jana Nováková"),
        (None, ""),
    ],
)
def test_name_is_joined_from_the_parts_that_are_there(sent: object, name: str) -> None:
    assert parse_name(sent) == name


@pytest.mark.parametrize("sent", [None, "", "x" * 129, "a\nb", 7, True, ["a"]])
def test_id_that_cannot_be_kept_exactly_is_refused(sent: object) -> None:
    with pytest.raises(WireError):
        parse_id(sent)


@given(st.recursive(st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.text(), st.lists))
def test_any_json_is_read_or_refused(value: object) -> None:
    """Nothing that a provider can send comes out as another error."""
    sent = parse_json(json.dumps(value).encode())
    for parse in (parse_text, parse_name, parse_id, parse_time, lambda each: parse_points(each, 1)):
        try:
            parse(sent)
        except WireError:
            continue

"""A phone number is read as Google's metadata has it, or refused; only two spellings of one line share a key."""

from functools import cache

import phonenumbers
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from phonenumbers import PhoneNumberFormat, PhoneNumberType

from runtime.phones import find_country, is_country, list_phone_spellings, make_phone_key, parse_phone

COUNTRIES = sorted(phonenumbers.SUPPORTED_REGIONS)
# Two spellings of one telephone line.
PAIRS = [
    ("+5215512345678", "+525512345678"),
    ("+551187654321", "+5511987654321"),
    ("+552199998888", "+5521999998888"),
    ("+5491123456789", "+541123456789"),
]
INVISIBLE = "\u200b\u200e\u200f\u202a\u202c\u2060\u2066\u2069\ufeff\u00ad"


@cache
def make_examples() -> list[tuple[str, str]]:
    """Return Google's example numbers with their countries. Loading all countries takes longer than most tests."""
    found = []
    for country in COUNTRIES:
        for kind in PhoneNumberType.values():
            number = phonenumbers.example_number_for_type(country, kind)
            if number is not None and phonenumbers.is_valid_number(number):
                found.append((country, phonenumbers.format_number(number, PhoneNumberFormat.E164)))
    return found


EXAMPLES = st.deferred(lambda: st.sampled_from(make_examples()))


@pytest.mark.parametrize(
    ("text", "country", "e164"),
    [
        ("+44 (0)20 7946 0958", "", "+442079460958"),
        ("+4402079460958", "SK", "+442079460958"),
        ("020 7946 0958", "GB", "+442079460958"),
        ("(020)\u00a07946\u20110958", "GB", "+442079460958"),
        ("0044 20 7946 0958", "", "+442079460958"),
        ("0044 20 7946 0958", "US", "+442079460958"),
        ("011 44 20 7946 0958", "US", "+442079460958"),
        ("0900/123 456", "SK", "+421900123456"),
        ("421900123456", "SK", "+421900123456"),
        ("\uff0b\uff14\uff12\uff11 \uff19\uff10\uff10 \uff11\uff12\uff13 \uff14\uff15\uff16", "", "+421900123456"),
        ("+\u0664\u0662\u0661 900 123 456", "", "+421900123456"),
        ("\u202a+421 900 123 456\u202c", "", "+421900123456"),
        ("+421\u00ad900\u200b123\u2060456", "", "+421900123456"),
        ("tel:+421-900-123-456", "", "+421900123456"),
        ("TEL:0900123456", "SK", "+421900123456"),
        ("whatsapp:+421900123456", "", "+421900123456"),
        ("+39 06 698 12345", "", "+390669812345"),
        ("+39 (0)347 123 4567", "", "+393471234567"),
        ("011 15 2345-6789", "AR", "+5491123456789"),
        ("+5215512345678", "", "+525512345678"),
        ("whatsapp:+551187654321", "", "+5511987654321"),
        ("+55 11 3265 4321", "", "+551132654321"),
    ],
)
def test_number_as_people_write_it_is_read(text: str, country: str, e164: str) -> None:
    assert parse_phone(text, country) == e164


@pytest.mark.parametrize(
    ("text", "country"),
    [
        ("", "SK"),
        ("+", "SK"),
        ("0900123456", ""),
        ("0900123456", "XX"),
        ("+421 900 123 45", "SK"),
        ("+999 900 123 456", "SK"),
        ("112", "SK"),
        ("+421 900 123 456 ext. 7", "SK"),
        ("+421 900 123 456 x7", "SK"),
        ("+421900123456,7", "SK"),
        ("+421900123456;ext=7", "SK"),
        ("+421900123456#7", "SK"),
        ("*100#", "SK"),
        ("1-800-FLOWERS", "US"),
        ("my number is +421900123456", "SK"),
        ("+421900123456 or +421900123457", "SK"),
        ("++421900123456", "SK"),
        ("421+900123456", "SK"),
        ("+421900123456\x00", "SK"),
        ("+42190012345\u00b2", "SK"),
        ("17841400000000000", "SK"),  # an id of Instagram
        ("tel:tel:+421900123456", "SK"),
        ("9" * 400, "SK"),
        (f"{'+421900123456':321}", "SK"),  # too long to be read
        ("+39 (0)331 234 567", ""),  # a landline of Busto Arsizio, or a mobile
    ],
)
def test_text_that_is_not_a_number_is_refused(text: str, country: str) -> None:
    assert parse_phone(text, country) is None


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_both_spellings_of_a_line_share_a_key_and_name_each_other(one: str, other: str) -> None:
    assert make_phone_key(one) == make_phone_key(other)
    assert list_phone_spellings(one) == [other]
    assert list_phone_spellings(other) == [one]
    read = {parse_phone(one), parse_phone(other)}
    assert {make_phone_key(each or "") for each in read} == {make_phone_key(one)}


def test_landline_of_brazil_is_not_taken_for_a_mobile_without_its_nine() -> None:
    landline, mobile = "+551132654321", "+5511932654321"
    assert make_phone_key(landline) != make_phone_key(mobile)
    assert list_phone_spellings(landline) == list_phone_spellings(mobile) == []


@given(one=EXAMPLES, digits=st.lists(st.integers(0, 9), min_size=4, max_size=4), place=st.integers(1, 9))
def test_only_two_spellings_of_a_line_share_a_key(one: tuple[str, str], digits: list[int], place: int) -> None:
    """This holds for any valid number, and for one with a digit added, removed or changed."""
    base = one[1][:-4] + "".join(map(str, digits))
    for digit in "019":
        for other in (
            base[:place] + digit + base[place:],
            base[:place] + base[place + 1 :],
            base[:place] + digit + base[place + 1 :],
        ):
            first, second = parse_phone(base), parse_phone(other)
            if first is None or second is None or first == second:
                continue
            if make_phone_key(first) == make_phone_key(second):
                assert second in list_phone_spellings(first)
                assert first in list_phone_spellings(second)
                assert first[:3] == second[:3]
                assert first[:3] in {"+52", "+55", "+54"}


def test_no_two_examples_of_all_countries_share_a_key() -> None:
    keys: dict[str, str] = {}
    for _, e164 in make_examples():
        other = keys.setdefault(make_phone_key(e164), e164)
        assert other == e164 or other in list_phone_spellings(e164), (other, e164)


def test_each_example_is_read_in_every_format() -> None:
    for country, e164 in make_examples():
        number = phonenumbers.parse(e164)
        for form in (PhoneNumberFormat.E164, PhoneNumberFormat.INTERNATIONAL, PhoneNumberFormat.NATIONAL):
            text = phonenumbers.format_number(number, form)
            read = parse_phone(text, country)
            assert read is not None, (country, text)
            assert make_phone_key(read) == make_phone_key(e164), (country, text)


@given(one=EXAMPLES, marks=st.lists(st.tuples(st.integers(0, 20), st.sampled_from(INVISIBLE)), max_size=6))
def test_invisible_marks_change_no_number(one: tuple[str, str], marks: list[tuple[int, str]]) -> None:
    text = phonenumbers.format_number(phonenumbers.parse(one[1]), PhoneNumberFormat.INTERNATIONAL)
    for place, mark in marks:
        text = text[:place] + mark + text[place:]
    assert parse_phone(text) == parse_phone(one[1])


@given(
    one=EXAMPLES,
    form=st.sampled_from([PhoneNumberFormat.NATIONAL, PhoneNumberFormat.INTERNATIONAL]),
    edits=st.lists(st.tuples(st.integers(0, 14), st.sampled_from("0159+() x\u00a0\uff11")), max_size=3),
    country=st.sampled_from(["", *COUNTRIES]),
)
@example(one=("GB", "+442079460958"), form=PhoneNumberFormat.INTERNATIONAL, edits=[(4, "0")], country="")
def test_result_is_valid_and_read_as_itself(
    one: tuple[str, str], form: int, edits: list[tuple[int, str]], country: str
) -> None:
    text = phonenumbers.format_number(phonenumbers.parse(one[1]), form)
    for place, char in edits:
        text = text[:place] + char + text[place:]
    for e164 in filter(None, (parse_phone(text, country), parse_phone(text, one[0]))):
        assert phonenumbers.is_valid_number(phonenumbers.parse(e164))
        assert parse_phone(e164, country) == e164
        assert {make_phone_key(each) for each in list_phone_spellings(e164)} <= {make_phone_key(e164)}


@pytest.mark.parametrize(
    ("time_zone", "country"),
    [
        ("Europe/Bratislava", "SK"),
        ("America/Sao_Paulo", "BR"),
        ("Europe/London", "GB"),
        ("UTC", ""),
        ("Etc/GMT+3", ""),
        ("CET", ""),
        ("Europe/Kiev", ""),
        ("Antarctica/Troll", ""),
        ("nowhere", ""),
    ],
)
def test_country_of_a_time_zone(time_zone: str, country: str) -> None:
    assert find_country(time_zone) == country


def test_only_countries_with_phone_numbers_count() -> None:
    assert is_country("SK")
    assert not any(map(is_country, ("", "sk", "XX", "AQ", "001", "SVK")))

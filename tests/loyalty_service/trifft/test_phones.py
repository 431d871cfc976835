"""A phone number is searched in the profile's spelling, and compared with TRIFFT's as a telephone line."""

from typing import Any

import msgspec
import pytest

from loyalty_service.domain.errors import MemberNotFoundError, SearchesExhaustedError
from loyalty_service.domain.member import parse_identity
from loyalty_service.domain.merchant import Merchant
from loyalty_service.domain.searches import Searches
from loyalty_service.trifft.client import TrifftProvider
from loyalty_service.trifft.fingerprint import make_fingerprint
from loyalty_service.trifft.mapping.fields import FieldReader
from loyalty_service.trifft.mapping.member import parse_candidates
from loyalty_service.trifft.phones import spell_phone
from loyalty_service.trifft.profile import parse_profile
from loyalty_service.trifft.wire import WireError
from sandbox.trifft import make_project
from tests.loyalty_service.trifft.servers import MakeMerchant, fetch
from tests.loyalty_service.trifft.test_spellings import SearchedProject, add

SLOVAK, MEXICAN, BRAZILIAN = "+421900000001", "+525512345678", "+5511987654321"


@pytest.fixture
def acme() -> SearchedProject:
    return SearchedProject(make_project("acme", []))


async def find(provider: TrifftProvider, merchant: Merchant, phone: str, searches: Searches | None = None) -> str:
    """Return the id of the member; empty if there is none."""
    identity = parse_identity("phone", phone, merchant.dialling_country)
    try:
        return (await fetch(provider, merchant, identity, searches=searches)).member.member_id
    except MemberNotFoundError:
        return ""


@pytest.mark.parametrize(
    ("spelling", "country", "phone", "spelt"),
    [
        ("e164", "SK", SLOVAK, SLOVAK),
        ("digits", "SK", SLOVAK, "421900000001"),
        ("00", "SK", SLOVAK, "00421900000001"),
        ("national", "SK", SLOVAK, "0900000001"),
        ("national", "US", SLOVAK, "011421900000001"),
        ("national", "CZ", SLOVAK, "00421900000001"),
        ("national", "", SLOVAK, "421900000001"),
        ("national", "US", "+12015550123", "2015550123"),
        ("national", "GB", "+442079460958", "02079460958"),
    ],
)
def test_number_is_spelled_as_the_profile_says(spelling: Any, country: str, phone: str, spelt: str) -> None:  # noqa: ANN401
    assert spell_phone(phone, spelling, country) == spelt


async def test_search_has_the_profile_s_spelling(
    provider: TrifftProvider, make_merchant: MakeMerchant, acme: SearchedProject
) -> None:
    merchant = make_merchant(profile="[find_member]\nphone_spelling = 'national'")
    member_id = add(acme, phone="0900000001").id
    for country in ("SK", ""):
        shop = msgspec.structs.replace(merchant, country=country, time_zone="Europe/Bratislava")
        assert await find(provider, shop, SLOVAK) == member_id
    assert acme.searched == ["0900000001"] * 2


LINES: list[tuple[str, str, list[str]]] = [
    (SLOVAK, SLOVAK, [SLOVAK]),
    ("+5215512345678", MEXICAN, [MEXICAN]),
    (MEXICAN, "+5215512345678", [MEXICAN, "+5215512345678"]),
    ("+551187654321", BRAZILIAN, [BRAZILIAN]),
    (BRAZILIAN, "+551187654321", [BRAZILIAN, "+551187654321"]),
    ("+541123456789", "+5491123456789", ["+541123456789", "+5491123456789"]),
    ("+5491123456789", "+541123456789", ["+5491123456789", "+541123456789"]),
]


async def test_line_is_found_by_either_spelling(
    provider: TrifftProvider, merchant: Merchant, acme: SearchedProject
) -> None:
    for asked, on_file, searched in LINES:
        acme.members.clear()
        acme.searched.clear()
        member_id = add(acme, phone=on_file).id
        assert await find(provider, merchant, asked) == member_id
        assert acme.searched == searched


async def test_landline_of_brazil_finds_no_mobile(
    provider: TrifftProvider, merchant: Merchant, acme: SearchedProject
) -> None:
    add(acme, phone="+5511932654321")
    assert await find(provider, merchant, "+551132654321") == ""
    assert acme.searched == ["+551132654321"]


async def test_each_spelling_counts_as_a_search_of_the_call(
    provider: TrifftProvider, merchant: Merchant, acme: SearchedProject
) -> None:
    searches = Searches(1)
    with pytest.raises(SearchesExhaustedError):
        await find(provider, merchant, MEXICAN, searches)
    assert (searches.count, acme.searched) == (1, [MEXICAN])


# A number on file, the shop's country, and whether it is SLOVAK. None: it cannot be read.
ON_FILE: list[tuple[object, str, bool | None]] = [
    ("+421 900 000 001", "", True),
    ("0900 000 001", "SK", True),
    (421900000001, "SK", True),
    ("0900 000 002", "SK", False),
    ("", "SK", False),
    (None, "SK", False),
    ("+421 900 000 00", "SK", None),
    ("0900 000 001", "", None),
    ("+421 900 000 001, 0911 111 111", "SK", None),
]


def test_number_on_file_is_read_in_the_shop_s_country() -> None:
    """An unreadable number may be the one that was searched for, so the answer is not that there is no member."""
    identity, fields = parse_identity("phone", SLOVAK), parse_profile("").member
    for on_file, country, is_found in ON_FILE:
        reader, rows = FieldReader(), [{"id": "jana", "phone": on_file}]
        if is_found is None:
            with pytest.raises(WireError, match="compared"):
                parse_candidates(rows, fields, identity, country, reader)
        else:
            assert bool(parse_candidates(rows, fields, identity, country, reader)) is is_found
        assert reader.unreadable["member.phone"] == (is_found is None)


def test_spelling_of_phones_does_not_void_a_proof() -> None:
    """It does not affect how points are read and given."""
    for spelling in ("e164", "digits", "00", "national"):
        profile = f"[find_member]\nphone_spelling = '{spelling}'"
        assert parse_profile(profile).find_member.phone_spelling == spelling
        assert make_fingerprint("https://api.trifft.io", profile) == make_fingerprint("https://api.trifft.io", "")

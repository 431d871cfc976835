"""The values that an operator may give for a merchant."""

import importlib.resources
import re
from typing import Any
from zoneinfo import ZoneInfo

import grpc
import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from hypothesis import given
from hypothesis import strategies as st

from loyalty_service.domain.errors import BadValueError
from loyalty_service.merchants.parse import (
    GivenFields,
    is_merchant_id,
    parse_admin_member_url,
    parse_fields,
    parse_provider_url,
    parse_token,
)
from protos.loyalty.v1 import loyalty_pb2 as pb
from tests.loyalty_service.running import Client, catch_failure


@pytest.mark.parametrize(
    "url",
    [
        "https://api.trifft.io",
        "https://API.trifft.io:8443/v2",
        "http://127.0.0.1:8090",
        "http://localhost",
        "http://[::1]:1",
    ],
)
def test_provider_url_on_the_loopback_or_https_to_a_public_name_is_accepted(url: str) -> None:
    assert parse_provider_url(f"{url}/", allow_private_url=False) == url


@pytest.mark.parametrize(
    "url",
    [
        "http://api.trifft.io",
        "https://10.0.0.1",
        "https://8.8.8.8",
        "https://trifft",
        "https://trifft.internal",
        "https://trifft.local.",
        "http://192.168.1.1:8090",
        "https://[fd00::1]",
        "https://0x7f.1",
        "https://127.1",
    ],
)
def test_private_provider_url_is_accepted_only_when_allowed(url: str) -> None:
    assert parse_provider_url(url, allow_private_url=True) == url
    with pytest.raises(BadValueError, match=r"^merchant\.provider_url "):
        parse_provider_url(url, allow_private_url=False)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "api.trifft.io",
        "ftp://api.trifft.io",
        "https://",
        "https://user:password@api.trifft.io",
        "https://api.trifft.io?key=1",
        "https://api.trifft.io?",
        "https://api.trifft.io#",
        "https://api.trifft.io:0",
        "https://api.trifft.io:",
        "https://api.trifft.io:99999",
        "https://api.trifft.io\n",
        "https://api.trifft.io/ x",
        "https://api\\.trifft.io",
        "https://[::1",
        "https://tri_fft.io",
        "https://žlté.sk",
        "https://" + "a" * 2000 + ".io",
        "file:///etc/passwd",
    ],
)
def test_malformed_provider_url_is_refused_even_when_private_ones_are_allowed(url: str) -> None:
    with pytest.raises(BadValueError, match=r"^merchant\.provider_url "):
        parse_provider_url(url, allow_private_url=True)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "https://admin.trifft.io/member/{member_id}",
        "https://admin.trifft.io/#/member/{member_id}?tab=1",
        "http://127.0.0.1:8090/trifft-admin/acme/members/{member_id}",
    ],
)
def test_admin_url_with_one_place_for_the_member_is_accepted(url: str) -> None:
    assert parse_admin_member_url(url, allow_private_url=False) == url


@pytest.mark.parametrize(
    "url",
    [
        "https://admin.trifft.io/member/",
        "https://admin.trifft.io/{member_id}/{member_id}",
        "https://admin.trifft.io/{member_id}/{other}",
        "https://admin.trifft.io/{{member_id}}",
        "https://{member_id}.trifft.io/",
        "https://{member_id}@trifft.io/",
        "https://trifft.io{member_id}",
        "javascript:alert({member_id})",
        "http://admin.trifft.io/{member_id}",
    ],
)
def test_unsafe_admin_url_is_refused(url: str) -> None:
    with pytest.raises(BadValueError, match=r"^merchant\.admin_member_url "):
        parse_admin_member_url(url, allow_private_url=False)


NO_TIME_ZONES = [
    *("localtime", "posixrules", "Factory", "right/Europe/Bratislava", "posix/Europe/Bratislava", "posix/UTC"),
    *("europe/bratislava", "utc", "Utc", "EUROPE/BRATISLAVA", "Europe/Bratislava ", "./UTC", "Etc/../UTC", "/UTC"),
    *("tzdata.zi", "zone.tab", "leapseconds", "UTC+1", "CET-1CEST", ":UTC"),
]
NO_REASONS = ["{{ticket.customer.email}}", "{{ }}", "Late {", "} late", "{%if%}", "a {{b}} c"]


@pytest.mark.parametrize("text", NO_TIME_ZONES)
def test_other_file_of_the_time_zones_folder_is_refused(text: str) -> None:
    with pytest.raises(BadValueError, match="like Europe/Bratislava or UTC") as caught:
        parse_fields(GivenFields(time_zone=text), ["time_zone"], allow_private_url=False)

    assert caught.value.field == "merchant.time_zone"


async def test_bad_field_is_refused_in_a_new_merchant_and_in_a_change(client: Client) -> None:
    create = pb.CreateMerchantRequest(
        merchant=pb.Merchant(merchant_id="bloom", provider_url="https://api.trifft.io", time_zone="localtime"),
        provider_token="made-up-token",
    )
    change = pb.UpdateMerchantRequest(
        merchant=pb.Merchant(merchant_id="acme", time_zone="localtime"), update_mask=FieldMask(paths=["time_zone"])
    )
    for call in (client.merchants.CreateMerchant(create), client.merchants.UpdateMerchant(change)):
        failure = await catch_failure(call)
        assert (failure.code, failure.reason, failure.field) == (
            grpc.StatusCode.INVALID_ARGUMENT,
            "BAD_VALUE",
            "merchant.time_zone",
        )


def test_every_name_of_the_database_is_a_time_zone_that_can_be_loaded() -> None:
    names = importlib.resources.files("tzdata").joinpath("zones").read_text(encoding="utf-8").split()
    for text in {*names, "UTC", "Europe/Bratislava", "US/Eastern", "Etc/GMT+1"} - {"Factory"}:
        parsed = parse_fields(GivenFields(time_zone=text), ["time_zone"], allow_private_url=False)
        assert ZoneInfo(parsed["time_zone"]).key == text


@pytest.mark.parametrize("text", NO_REASONS)
def test_reason_that_gorgias_would_fill_in_is_refused(text: str) -> None:
    reasons = ("Goodwill", text)
    with pytest.raises(BadValueError) as caught:
        parse_fields(GivenFields(award_reasons=reasons), ["award_reasons"], allow_private_url=False)

    assert caught.value.field == "merchant.award_reasons"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("time_zone", "Europe/Nowhere"),
        ("time_zone", "Europe"),
        ("time_zone", "../../etc/passwd"),
        ("time_zone", "UTC\x00"),
        ("locale", "klingon"),
        ("locale", "../en"),
        ("profile", "x = '\x00'"),
        ("profile", "#" * 16_385),
    ],
)
def test_bad_field_is_refused_by_name(field: str, value: Any) -> None:  # noqa: ANN401  any field's type
    with pytest.raises(BadValueError) as caught:
        parse_fields(GivenFields(**{field: value}), [field], allow_private_url=False)

    assert caught.value.field == f"merchant.{field}"


@pytest.mark.parametrize("points", [-1, 1_000_000_001])
def test_bad_limit_is_refused_by_name(points: int) -> None:
    limits = {"max_points_per_award": points}
    with pytest.raises(BadValueError) as caught:
        parse_fields(GivenFields(limits=limits), list(limits), allow_private_url=False)

    assert caught.value.field == "merchant.max_points_per_award"


async def test_profile_that_the_adapter_cannot_read_is_refused_with_its_field(client: Client) -> None:
    merchant = pb.Merchant(merchant_id="bloom", provider_url="https://api.trifft.io", profile="no such line")
    request = pb.CreateMerchantRequest(merchant=merchant, provider_token="made-up-token")

    failure = await catch_failure(client.merchants.CreateMerchant(request))

    assert (failure.code, failure.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "BAD_VALUE")
    assert failure.field == "merchant.profile"


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=70) | st.from_regex(r"[a-z0-9-]{0,66}"))
def test_merchant_id_is_one_dns_label_and_nothing_else(text: str) -> None:
    is_label = (
        1 <= len(text) <= 63
        and all(character in "abcdefghijklmnopqrstuvwxyz0123456789-" for character in text)
        and not text.startswith("-")
        and not text.endswith("-")
    )

    assert is_merchant_id(text) == is_label


@given(st.text(max_size=60) | st.from_regex(r"https?://[^/]{1,30}(/.{0,20})?", fullmatch=True))
def test_any_text_is_stored_as_a_clean_provider_url_or_refused(text: str) -> None:
    try:
        url = parse_provider_url(text, allow_private_url=True)
    except BadValueError:
        return
    assert re.fullmatch(r"https?://[A-Za-z0-9.:\[\]-]+(/[!-~]*)?", url)
    assert not url.endswith("/")
    assert not set(url) & set("@?# \\{}\"'<>")


@given(st.text(max_size=30), st.text(max_size=12))
def test_any_text_is_a_time_zone_and_a_locale_or_refused(time_zone: str, locale: str) -> None:
    given_fields = GivenFields(time_zone=time_zone, locale=locale)
    for name, value in (("time_zone", time_zone), ("locale", locale)):
        try:
            parsed = parse_fields(given_fields, [name], allow_private_url=False)[name]
        except BadValueError:
            continue
        assert parsed == (value or {"time_zone": "UTC", "locale": "en"}[name])


@given(st.text(max_size=20))
def test_token_is_printable_ascii_or_refused(text: str) -> None:
    if text and text.isascii() and text.isprintable() and " " not in text:
        assert parse_token(text) == text
        return
    with pytest.raises(BadValueError):
        parse_token(text)

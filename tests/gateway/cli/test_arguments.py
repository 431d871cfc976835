from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.cli.arguments import check_merchant_id, parse_gorgias_url, parse_gorgias_user, read_secret
from gateway.cli.errors import UsageError


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://acme.gorgias.com", "https://acme.gorgias.com"),
        (" https://ACME.Gorgias.com/ ", "https://acme.gorgias.com"),
        ("https://acme.gorgias.com:443//", "https://acme.gorgias.com"),
        ("https://helpdesk.example/gorgias/acme/", "https://helpdesk.example/gorgias/acme"),
        ("http://127.0.0.1:8090/gorgias/acme", "http://127.0.0.1:8090/gorgias/acme"),
        ("http://localhost:8090", "http://localhost:8090"),
        ("http://[::1]:8090/", "http://[::1]:8090"),
    ],
)
def test_gorgias_url_is_kept_in_one_form(text: str, url: str) -> None:
    assert parse_gorgias_url(text, allow_private=False) == url


@pytest.mark.parametrize(
    "text",
    [
        "http://acme.gorgias.com",
        "https://sandbox:8090",
        "http://sandbox:8090",
        "https://10.0.0.7",
        "https://8.8.8.8",
        "https://[fd00::1]",
        "https://2130706433",
        "https://gorgias.internal",
        "https://acme.local.",
        "https://127.0.0.1.nip.8",
    ],
)
def test_gorgias_url_that_is_private_needs_the_flag(text: str) -> None:
    with pytest.raises(UsageError, match="--allow-private-url"):
        parse_gorgias_url(text, allow_private=False)
    assert parse_gorgias_url(text, allow_private=True) == text.rstrip("/")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "acme",
        "acme.gorgias.com",
        "ftp://acme.gorgias.com",
        "https://",
        "https:///gorgias",
        "https://user:pass@acme.gorgias.com",
        "https://@acme.gorgias.com",
        "https://acme.gorgias.com?a=b",
        "https://acme.gorgias.com/#x",
        "https://acme.gorgias.com/../x",
        "https://acme.gorgias.com/a b",
        "https://acme.gorgias.com/%2e%2e",
        "https://a.b.gorgias.com",
        "https://-acme.gorgias.com",
        "https://ac me.gorgias.com",
        "https://.gorgias.com",
        "https://acme.gorgias.com:99999",
        "https://acme.gorgias.com:x",
        "https://[::1",
        "https://žlutá.gorgias.com",
        "https://acme.gorgias.com\x00.evil.example",
        "https://" + "a." * 130 + "example",
    ],
)
def test_invalid_gorgias_url_is_refused_with_the_flag_too(text: str) -> None:
    with pytest.raises(UsageError, match="--gorgias-url"):
        parse_gorgias_url(text, allow_private=True)


@given(text=st.text())
def test_gorgias_url_of_any_text_is_refused_or_stays_the_same_when_parsed_again(text: str) -> None:
    try:
        url = parse_gorgias_url(f"https://{text}", allow_private=True)
    except UsageError:
        return
    assert parse_gorgias_url(url, allow_private=True) == url


@pytest.mark.parametrize("text", ["a", "acme", "acme-2", "0", "a" * 63])
def test_merchant_id_is_one_dns_label(text: str) -> None:
    check_merchant_id(str, text)


@pytest.mark.parametrize("text", ["", "-acme", "acme-", "Acme", "a.b", "a_b", "a" * 64, "acme\n", "ácme"])
def test_merchant_id_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="ID must be"):
        check_merchant_id(str, text)


@pytest.mark.parametrize("text", ["", "ops", "a@b@c", "ops @acme.example", "ops:x@acme.example"])
def test_gorgias_user_that_is_no_email_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--gorgias-user"):
        parse_gorgias_user(text)


@pytest.mark.parametrize(
    "raw", [b"s3cret", b"s3cret\n", b"  s3cret  \r\nmore\n", b"\xef\xbb\xbfs3cret\n", b"\n\ns3cret"]
)
def test_secret_is_the_first_line_of_its_file(tmp_path: Path, raw: bytes) -> None:
    path = tmp_path / "key"
    path.write_bytes(raw)
    assert read_secret(path, "--gorgias-key-file") == "s3cret"


@pytest.mark.parametrize("raw", [b"", b" \n", b"s3 cret", b"s3cr\x00t", "s3cřet".encode(), b"\xff\xfe", b"s" * 70_000])
def test_impossible_secret_is_refused_without_being_shown(tmp_path: Path, raw: bytes) -> None:
    path = tmp_path / "key"
    path.write_bytes(raw)
    with pytest.raises(UsageError, match="--gorgias-key-file") as caught:
        read_secret(path, "--gorgias-key-file")
    assert "s3" not in str(caught.value).replace(str(path), "")


@pytest.mark.parametrize("name", ["missing", "."])
def test_secret_without_a_file_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="--trifft-token-file"):
        read_secret(tmp_path / name, "--trifft-token-file")

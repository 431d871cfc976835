import contextlib

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.hosts import is_loopback
from runtime.proxy import HttpProxy, ProxyUrlError, make_options, parse_proxy_url

PROXY = parse_proxy_url("http://clerk:p%40ss@proxy.corp:3128")


@pytest.mark.parametrize(
    ("text", "origin", "user", "password"),
    [
        ("http://proxy.corp:3128", "http://proxy.corp:3128", None, None),
        ("http://proxy.corp", "http://proxy.corp:80", None, None),
        ("http://10.0.0.1:8080/", "http://10.0.0.1:8080", None, None),
        ("http://[fd00::1]:3128", "http://[fd00::1]:3128", None, None),
        ("http://clerk:p%40s%3As@proxy.corp:3128", "http://proxy.corp:3128", "clerk", "p@s:s"),
        ("http://clerk@proxy.corp:3128", "http://proxy.corp:3128", "clerk", ""),
        ("http://clerk:sch%C3%B6n@proxy.corp:3128", "http://proxy.corp:3128", "clerk", "schön"),
    ],
)
def test_proxy_is_read_with_its_user(text: str, origin: str, user: str | None, password: str | None) -> None:
    authorization = "" if user is None else aiohttp.encode_basic_auth(user, password or "", encoding="utf-8")
    assert parse_proxy_url(text) == HttpProxy(origin, authorization)
    assert repr(parse_proxy_url(text)) == f"HttpProxy({origin!r})"


@pytest.mark.parametrize(
    "text",
    [
        "s3cret",
        "proxy.corp:3128",
        "https://clerk:s3cret@proxy.corp:3128",
        "socks5://clerk:s3cret@proxy.corp:1080",
        "http://clerk:s3cret@",
        "http://clerk:s3cret@proxy.corp:0",
        "http://clerk:s3cret@proxy.corp:99999",
        "http://clerk:s3cret@proxy.corp:port",
        "http://clerk:s3cret@proxy.corp:3128/path",
        "http://clerk:s3cret@proxy.corp:3128?query",
        "http://clerk:s3cret#@proxy.corp:3128",
        "http://clerk:s3cret/@proxy.corp:3128",
        "http://clerk:s3cret @proxy.corp:3128",
        "http://clerk:s3cret@próxy.corp:3128",
        "http://clerk:s3cret%0A@proxy.corp:3128",
        "http://cl%3Aerk:s3cret@proxy.corp:3128",
        "http://[clerk:s3cret@proxy.corp:3128",
    ],
)
def test_invalid_proxy_is_refused_in_one_sentence_without_the_password(text: str) -> None:
    with pytest.raises(ProxyUrlError) as caught:
        parse_proxy_url(text)
    assert "s3cret" not in str(caught.value)
    assert "\n" not in str(caught.value)


@given(st.text())
def test_any_text_is_a_proxy_or_refused(text: str) -> None:
    with contextlib.suppress(ProxyUrlError):
        parse_proxy_url(text)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "localhost", "LOCALHOST.", "a.localhost", "::1"])
def test_calls_of_this_machine_use_no_proxy(host: str) -> None:
    shown = f"[{host}]" if ":" in host else host
    assert make_options(PROXY, f"http://{shown}:8090/x", {"A": "b"}) == {"headers": {"A": "b"}}
    assert is_loopback(host)


def test_password_goes_only_to_the_proxy() -> None:
    """For https it is sent with the request for a tunnel; otherwise in a header that the proxy removes."""
    credentials = {"Proxy-Authorization": PROXY.authorization}
    tunnel = make_options(PROXY, "https://api.trifft.io/v1", {"A": "b"})
    assert tunnel == {"headers": {"A": "b"}, "proxy": "http://proxy.corp:3128", "proxy_headers": credentials}
    plain = make_options(PROXY, "http://trifft.corp/v1", {"A": "b"})
    assert plain == {"headers": {"A": "b", **credentials}, "proxy": "http://proxy.corp:3128"}
    assert make_options(None, "https://api.trifft.io/v1", {"A": "b"}) == {"headers": {"A": "b"}}

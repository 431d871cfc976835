"""URLs as the helpdesk sends them."""

from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from hypothesis import example, given
from hypothesis import strategies as st
from yarl import URL

from sandbox.gorgias.sender import encode_url, encode_value, prepare_url
from sandbox.gorgias.switches import AbsentValue, UrlEncoding
from sandbox.gorgias.variables import render

PIECES = st.sampled_from(
    [
        "a",
        "@",
        "&",
        "=",
        "+",
        "#",
        "?",
        "/",
        ";",
        "%",
        "%4",
        "%41",
        "%7e",
        "%2b",
        "%zz",
        "%25",
        "ř",
        '"',
        "[",
        "{{",
        "|",
    ]
)
NASTY = st.lists(PIECES, max_size=8).map("".join)
TEXTS = NASTY | st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


@given(query=TEXTS, fragment=st.none() | TEXTS)
@example(query="e=a%41b%zz", fragment="x y")
@example(query="", fragment="")
@example(query="", fragment=None)
def test_url_is_prepared_as_requests_does(query: str, fragment: str | None) -> None:
    mark = "" if fragment is None else f"#{fragment}"
    url = f"http://edge.example:8080/gorgias/widget?{query}{mark}"
    assert prepare_url(url) == requests.Request("GET", url).prepare().url


@pytest.mark.parametrize("url", ["http://edge.example", "http://[::1]:80?a", "http://edge.example/a b/ř?c"])
def test_origin_and_path_are_prepared_as_requests_does(url: str) -> None:
    assert prepare_url(url) == requests.Request("GET", url).prepare().url


@given(TEXTS)
@example("#")
def test_any_value_makes_a_url_that_can_be_sent(value: str) -> None:
    """The text after a raw "#" is a fragment, and is not sent."""
    url = encode_url(render("http://edge.example/?e={{e}}", {"e": value}, AbsentValue.NONE), UrlEncoding.REQUESTS)
    assert url.isascii()
    assert not any(character.isspace() or character in '"<>\\^`{|}' for character in url)
    assert URL(url, encoded=True).raw_path_qs == url.partition("#")[0].removeprefix("http://edge.example")


@given(TEXTS.filter(bool))
def test_encoded_value_arrives_unchanged(value: str) -> None:
    url = encode_url(
        render("http://edge.example/?e={{e}}", {"e": value}, AbsentValue.NONE, encode_value), UrlEncoding.VALUES
    )
    assert parse_qs(urlsplit(url).query, keep_blank_values=True) == {"e": [value]}

"""The host of a URL: this machine, a public name, or neither."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.hosts import is_host, is_loopback, is_public_name

ODD_ADDRESSES = ["127.1", "0x7f.1", "10.0.0.1", "8.8.8.8", "2130706433", "fd00::1", "127.0.0.1.nip.8"]


@pytest.mark.parametrize("host", ["api.trifft.io", "acme.gorgias.com", "acme.gorgias.com.", "xn--bcher-kva.sk"])
def test_public_name_is_a_host_and_not_this_machine(host: str) -> None:
    assert (is_host(host), is_public_name(host), is_loopback(host)) == (True, True, False)


@pytest.mark.parametrize("host", ["trifft", "trifft.internal", "acme.local.", "a.lan", "a.home.arpa", *ODD_ADDRESSES])
def test_private_name_or_address_in_any_spelling_is_not_public(host: str) -> None:
    assert (is_host(host), is_public_name(host)) == (True, False)


@pytest.mark.parametrize(
    "host", ["", ".", "a..b", "-a.sk", "a-.sk", "tri_fft.io", "žlté.sk", "A.sk", "a" * 64, "a.sk\n"]
)
def test_text_with_other_characters_is_not_a_host(host: str) -> None:
    assert not is_host(host)


@given(host=st.text(alphabet="aA1.-:_ž", max_size=12))
def test_host_is_at_most_one_of_them(host: str) -> None:
    assert not (is_loopback(host) and is_public_name(host))

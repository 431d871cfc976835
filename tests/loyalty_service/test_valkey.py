"""The store that a fleet shares, for real."""

import pytest

from loyalty_service.valkey import VALKEY_ERRORS, open_valkey
from loyalty_service.valkey_url import ValkeyUrlError, check_valkey_url


async def test_what_one_client_writes_another_reads(valkey_url: str) -> None:
    async with open_valkey(valkey_url, timeout_s=10) as one, open_valkey(valkey_url, timeout_s=10) as other:
        await one.set("key", "value")

        assert await other.get("key") == b"value"


async def test_server_that_is_not_there_fails_each_call_and_no_start(unused_tcp_port: int) -> None:
    async with open_valkey(f"redis://127.0.0.1:{unused_tcp_port}") as client:
        with pytest.raises(VALKEY_ERRORS):
            await client.get("key")


@pytest.mark.parametrize(
    "url",
    [
        "redis://host",
        "redis://host:6379/",
        "redis://user:p%40%3F@host:6379/15?client_name=shop",
        "redis://host?db=3",
        "rediss://host:6380/1?ssl_cert_reqs=none&ssl_ca_certs=/etc/ca.pem&ssl_check_hostname=false",
        "unix:///run/valkey.sock?db=2&password=x",
    ],
)
def test_url_of_a_server_is_taken(url: str) -> None:
    check_valkey_url(url)


async def test_number_and_name_in_the_url_reach_the_server(valkey_url: str) -> None:
    async with open_valkey(f"{valkey_url}/3?client_name=shop", timeout_s=10) as client:
        told = await client.client_info()

    assert (told["db"], told["name"]) == (3, "shop")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "localhost",
        "http://127.0.0.1:6379",
        "redis:127.0.0.1",
        "redis://:secret@127.0.0.1:port",
        "redis://:secret@127.0.0.1:0",
        "redis://:secret@127.0.0.1:70000",
        "redis://:12/secret@127.0.0.1",
        "redis://:12#secret@127.0.0.1",
        "redis://:12?secret=x@127.0.0.1",
        "redis://:secret@127.0.0.1/first",
        "redis://:secret@127.0.0.1/-1",
        "redis://:secret@127.0.0.1/1/2",
        "redis://:secret@127.0.0.1?db=first",
        "redis://:secret@127.0.0.1?foo=bar",
        "redis://:secret@127.0.0.1?decode_responses=true",
        "redis://:secret@127.0.0.1?ssl_cert_reqs=none",
        "rediss://:secret@127.0.0.1?ssl_cert_reqs=secret",
        "redis://:secret@127.0.0.1?foo",
        "unix://",
        "unix:///",
    ],
)
async def test_url_that_is_none_is_refused_without_a_word_of_it(url: str) -> None:
    with pytest.raises(ValkeyUrlError) as caught:
        async with open_valkey(url):
            pass

    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)

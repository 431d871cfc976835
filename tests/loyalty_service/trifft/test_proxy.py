"""Bookings and reads through a proxy: what it refused was not sent, and what it lost may have been."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from loyalty_service.domain.errors import BookingUnknownError, ProviderUnavailableError
from loyalty_service.domain.member import parse_identity
from loyalty_service.domain.ports import Booking
from loyalty_service.trifft.client import TrifftProvider
from runtime.clock import SystemClock
from runtime.proxy import parse_proxy_url
from sandbox.trifft import Project
from tests.loyalty_service.trifft.servers import MakeMerchant, fetch
from tests.proxies import Proxy, run_proxy

CREDIT = Booking(member_id="jana", points=100, note="", reference="A-1")
PLAIN, TUNNEL = "http://trifft.test", "https://trifft.test"


@pytest_asyncio.fixture(loop_scope="session")
async def proxy(trifft_url: str) -> AsyncIterator[Proxy]:
    async with run_proxy() as running:
        running.lead_to(trifft_url)
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def provider(proxy: Proxy) -> AsyncIterator[TrifftProvider]:
    address = proxy.url.replace("://", "://clerk:s3cret@")
    async with TrifftProvider(SystemClock(), proxy=parse_proxy_url(address)) as opened:
        yield opened


async def test_booking_and_read_go_through_the_proxy(
    provider: TrifftProvider, make_merchant: MakeMerchant, proxy: Proxy, acme: Project
) -> None:
    snapshot = await fetch(provider, make_merchant(PLAIN), parse_identity("email", "jana@example.com"))
    assert (await provider.credit(make_merchant(PLAIN), CREDIT, timeout_s=30)).balance is not None
    assert snapshot.member is not None
    assert acme.count_requests("credit") == 1
    assert {line.split(" ")[1].partition("/v1")[0] for line in proxy.lines} == {PLAIN}
    assert all("Proxy-Authorization: Basic " in head for head in proxy.heads)


async def test_calls_of_the_loopback_do_not_use_the_proxy(
    provider: TrifftProvider, make_merchant: MakeMerchant, proxy: Proxy
) -> None:
    await provider.credit(make_merchant(), CREDIT, timeout_s=30)
    assert proxy.lines == []


@pytest.mark.parametrize("status", [400, 403, 407, 502, 503, 504])
async def test_booking_without_a_tunnel_was_not_sent(
    provider: TrifftProvider, make_merchant: MakeMerchant, proxy: Proxy, status: int
) -> None:
    proxy.refusal = status
    with pytest.raises(ProviderUnavailableError) as caught:
        await provider.credit(make_merchant(TUNNEL), CREDIT, timeout_s=30)
    assert caught.value.message == f"the proxy of LOYALTY_HTTP_PROXY refuses to connect ({status})"
    [head] = proxy.heads
    assert head.startswith("CONNECT trifft.test:443 HTTP/1.1\r\n")
    assert "Authorization: Bearer" not in head


async def test_booking_was_not_sent_if_its_tunnel_breaks_before_tls(
    provider: TrifftProvider, make_merchant: MakeMerchant, proxy: Proxy
) -> None:
    """The server behind the proxy has no TLS."""
    with pytest.raises(ProviderUnavailableError):
        await provider.credit(make_merchant(TUNNEL), CREDIT, timeout_s=30)
    assert len(proxy.lines) == 1


@pytest.mark.parametrize("url", [PLAIN, TUNNEL])
async def test_booking_was_not_sent_if_the_proxy_is_down(
    make_merchant: MakeMerchant, unused_tcp_port: int, url: str
) -> None:
    address = parse_proxy_url(f"http://clerk:s3cret@127.0.0.1:{unused_tcp_port}")
    async with TrifftProvider(SystemClock(), proxy=address) as provider:
        with pytest.raises(ProviderUnavailableError) as caught:
            await provider.credit(make_merchant(url), CREDIT, timeout_s=30)
    assert caught.value.message == "the proxy of LOYALTY_HTTP_PROXY cannot be reached"


async def test_booking_was_not_sent_if_the_proxy_has_no_address(make_merchant: MakeMerchant) -> None:
    address = parse_proxy_url("http://nowhere.invalid:3128")
    async with TrifftProvider(SystemClock(), proxy=address) as provider:
        with pytest.raises(ProviderUnavailableError) as caught:
            await provider.credit(make_merchant(TUNNEL), CREDIT, timeout_s=30)
    assert "LOYALTY_HTTP_PROXY" in caught.value.message


async def test_unencrypted_booking_was_not_sent_if_the_proxy_refuses_our_password(
    provider: TrifftProvider, make_merchant: MakeMerchant, proxy: Proxy
) -> None:
    proxy.refusal = 407
    with pytest.raises(ProviderUnavailableError, match="LOYALTY_HTTP_PROXY refuses our user name or password"):
        await provider.credit(make_merchant(PLAIN), CREDIT, timeout_s=30)


@pytest.mark.parametrize("status", [502, 504])
async def test_unencrypted_booking_that_the_proxy_lost_may_have_been_sent(
    provider: TrifftProvider, make_merchant: MakeMerchant, proxy: Proxy, status: int
) -> None:
    """Only the proxy claims so, and it already had the request."""
    proxy.refusal = status
    with pytest.raises(BookingUnknownError):
        await provider.credit(make_merchant(PLAIN), CREDIT, timeout_s=30)


async def test_booking_was_not_sent_through_a_proxy_that_hangs(
    make_merchant: MakeMerchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("loyalty_service.outbound.transport.CONNECT_TIMEOUT_S", 0.2)
    end = asyncio.Event()

    async def hang(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await end.wait()
        writer.close()

    server = await asyncio.start_server(hang, "127.0.0.1", 0)
    address = parse_proxy_url(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    async with TrifftProvider(SystemClock(), proxy=address) as provider:
        with pytest.raises(ProviderUnavailableError):
            await provider.credit(make_merchant(TUNNEL), CREDIT, timeout_s=30)
    end.set()
    server.close()

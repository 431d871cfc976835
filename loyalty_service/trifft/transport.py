"""HTTP to the provider: one request, its bounds, and nothing of what an answer means."""

import socket
from contextlib import AsyncExitStack
from datetime import timedelta
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, urlencode

import aiohttp
import msgspec
from aiohttp.abc import AbstractStreamWriter
from yarl import URL

from loyalty_service.domain.merchant import Merchant
from loyalty_service.domain.ports import Clock
from runtime.proxy import HttpProxy, ProxyRefusedError, explain_proxy_error, make_options, raise_for_proxy

MAX_BODY_BYTES = 1024 * 1024
CONNECT_TIMEOUT_S = 1.0
# All merchants share TRIFFT's one host: the bound is there to protect sockets, not to ration.
_CONNECTIONS = 1024
_CONNECTIONS_PER_HOST = 256
_KEEPALIVE_S = 30.0
_DNS_CACHE_S = 30
# After these the provider has seen nothing of the request.
NEVER_SENT = (
    aiohttp.ClientConnectorError,
    aiohttp.ConnectionTimeoutError,
    aiohttp.ClientHttpProxyError,
    ProxyRefusedError,
)


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One call. `path` is already quoted; `body` is sent as JSON."""

    operation: str
    method: str
    path: str
    query: dict[str, str] = {}
    headers: dict[str, str] = {}
    body: dict[str, Any] | None = None


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What came back, read to its end. `is_json`: by its content type."""

    status: int
    is_json: bool
    body: bytes


class BodyTooLargeError(Exception):
    """The body is larger than MAX_BODY_BYTES."""


class TooLateError(OSError):
    """The time to send was over before the connection stood: nothing has left."""


class Sending:
    """Watches one request that must not be late. `may_have_left`: its first bytes were handed on.

    `timeout_s` from now, on the monotonic clock and on the wall's, whichever is over first: the former stands still
    while a machine sleeps, the latter may be set back.
    """

    def __init__(self, clock: Clock, timeout_s: float) -> None:
        self.may_have_left = False
        self.timeout_s = timeout_s
        self._clock = clock
        self._deadline = clock.monotonic() + timeout_s
        self._deadline_time = clock.now() + timedelta(seconds=timeout_s)

    def leave(self) -> None:
        """Call it right before the first byte is written. Raises TooLateError."""
        if self._clock.monotonic() >= self._deadline or self._clock.now() >= self._deadline_time:
            raise TooLateError("the time to send it was over")
        self.may_have_left = True

    def stay(self) -> None:
        """It came no further than the proxy."""
        self.may_have_left = False


class _Body(aiohttp.JsonPayload):
    """A JSON body that leaves only in time. The headers wait for it: the HTTP library writes both at once."""

    def __init__(self, body: dict[str, Any], sending: Sending) -> None:
        super().__init__(body)
        self._sending = sending

    async def write_with_length(self, writer: AbstractStreamWriter, content_length: int | None) -> None:
        self._sending.leave()
        await super().write_with_length(writer, content_length)


class Transport:
    """Two pools: `pooled` for reads, and one that uses each connection once, for what must not be sent twice.

    `proxy`: the way out, for all but the loopback. To https it makes a tunnel: until that stands, nothing has left.
    """

    def __init__(self, proxy: HttpProxy | None = None) -> None:
        self._proxy = proxy
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        self._pooled = await self._open(keepalive_timeout=_KEEPALIVE_S)
        self._fresh = await self._open(force_close=True)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def fetch(self, merchant: Merchant, request: Request, sending: Sending | None = None) -> Answer:
        """The caller keeps the deadline. With `sending` the request, which has a body, travels on its own connection.

        Never sent twice. Raises aiohttp.ClientError, TimeoutError (no connection within a second), OSError, among them
        ProxyRefusedError, and BodyTooLargeError.
        """
        session = self._fresh if sending else self._pooled
        headers = {**request.headers, "Authorization": f"Bearer {merchant.provider_token}"}
        options = make_options(self._proxy, merchant.provider_url, headers)
        async with session.request(
            request.method,
            _make_url(merchant.provider_url, request),
            data=_make_body(request, sending),
            allow_redirects=False,
            **options,
        ) as response:
            try:
                raise_for_proxy(options, response)
            except ProxyRefusedError:
                if sending:
                    sending.stay()
                raise
            return Answer(
                status=response.status,
                is_json=response.content_type.endswith("json"),
                body=await _read_body(response),
            )

    def explain(self, error: Exception) -> str:
        """Why no answer came, for an operator."""
        return explain_proxy_error(error, self._proxy, "LOYALTY_HTTP_PROXY") or "TRIFFT cannot be reached"

    async def _open(self, **connector_options: Any) -> aiohttp.ClientSession:  # noqa: ANN401 - aiohttp's own names
        connector = aiohttp.TCPConnector(
            limit=_CONNECTIONS,
            limit_per_host=_CONNECTIONS_PER_HOST,
            ttl_dns_cache=_DNS_CACHE_S,
            socket_factory=_make_socket,
            **connector_options,
        )
        session = aiohttp.ClientSession(
            connector=connector,
            timeout=aiohttp.ClientTimeout(total=None, connect=CONNECT_TIMEOUT_S),
            headers={"Accept": "application/json", "Accept-Encoding": "identity"},
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        # A request that aiohttp sent again by itself, where a pooled connection was dropped, would have no slot.
        session._retry_connection = False  # noqa: SLF001 - there is no public way
        return await self._stack.enter_async_context(session)


def _make_body(request: Request, sending: Sending | None) -> aiohttp.JsonPayload | None:
    if request.body is None:
        return None
    return _Body(request.body, sending) if sending else aiohttp.JsonPayload(request.body)


def _make_socket(address: aiohttp.AddrInfoType) -> socket.socket:
    family, kind, proto, *_ = address
    made = socket.socket(family, kind, proto)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    return made


def _make_url(origin: str, request: Request) -> URL:
    query = "?" + urlencode(request.query, quote_via=quote) if request.query else ""
    return URL(origin.rstrip("/") + request.path + query, encoded=True)


async def _read_body(response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_chunked(65_536):
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise BodyTooLargeError
    return bytes(body)

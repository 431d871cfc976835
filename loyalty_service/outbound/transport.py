"""HTTP to the provider: one request and its bounds. Does not interpret the answer."""

import asyncio
import socket
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, urlencode

import aiohttp
import msgspec
import structlog
from aiohttp.abc import AbstractStreamWriter
from yarl import URL

from loyalty_service.domain.deadline import Deadline
from loyalty_service.domain.merchant import Merchant
from runtime.proxy import HttpProxy, ProxyRefusedError, explain_proxy_error, make_options, raise_for_proxy

MAX_BODY_BYTES = 1024 * 1024
CONNECT_TIMEOUT_S = 1.0
# All merchants share TRIFFT's one host: the bound protects sockets, it is no rate limit.
_CONNECTIONS = 1024
_CONNECTIONS_PER_HOST = 256
_KEEPALIVE_S = 30.0
_DNS_CACHE_S = 30
# Errors after which the provider has seen nothing of the request.
_NEVER_SENT = (
    aiohttp.ClientConnectorError,
    aiohttp.ConnectionTimeoutError,
    aiohttp.ClientHttpProxyError,
    ProxyRefusedError,
)

_log = structlog.get_logger(__name__)


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One call. `path` is already quoted; `body` is sent as JSON."""

    operation: str
    method: str
    path: str
    query: dict[str, str] = {}
    headers: dict[str, str] = {}
    body: dict[str, Any] | None = None


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """The provider's answer. `is_json`: by its content type. `is_cut`: the body is too large and was left out."""

    status: int
    is_json: bool
    is_cut: bool
    body: bytes

    @property
    def is_failure(self) -> bool:
        """Whether the provider itself failed."""
        return self.status // 100 == 5  # noqa: PLR2004 - HTTP's own number


class NoAnswerError(Exception):
    """The provider was not reached, or the answer was lost. The text tells operators why.

    `may_have_left`: the provider may have seen the request.
    """

    def __init__(self, message: str, *, may_have_left: bool) -> None:
        super().__init__(message)
        self.may_have_left = may_have_left


class _Departure:
    """The moment at which a request must begin to leave. `has_begun`: its first bytes were handed on."""

    def __init__(self, deadline: Deadline) -> None:
        self.has_begun = False
        self._deadline = deadline

    def begin(self) -> None:
        """Call this just before the first byte is written. Raises TimeoutError."""
        if self._deadline.left_s() <= 0:
            raise TimeoutError
        self.has_begun = True


class _Body(aiohttp.JsonPayload):
    """A JSON body that leaves only in time. The headers wait for it: aiohttp writes both at once."""

    def __init__(self, body: dict[str, Any], departure: _Departure) -> None:
        super().__init__(body)
        self._departure = departure

    async def write_with_length(self, writer: AbstractStreamWriter, content_length: int | None) -> None:
        self._departure.begin()
        await super().write_with_length(writer, content_length)


class Transport:
    """Two pools: `pooled` for reads, and one that uses each connection once, for requests that must not be sent twice.

    `proxy`: for all hosts but the loopback. For https it opens a tunnel; before the tunnel stands, nothing has left.
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

    async def fetch(self, merchant: Merchant, request: Request) -> Answer:
        """Send a read. The caller sets the timeout. Raises NoAnswerError."""
        data = None if request.body is None else aiohttp.JsonPayload(request.body)
        try:
            return await self._exchange(self._pooled, merchant, request, data)
        except (aiohttp.ClientError, OSError) as error:  # TimeoutError is an OSError
            raise self._explain(merchant, request, error, may_have_left=not isinstance(error, _NEVER_SENT)) from error

    async def send_once(self, merchant: Merchant, request: Request, deadline: Deadline) -> Answer:
        """Send a request with a body on its own connection. Raises NoAnswerError."""
        departure = _Departure(deadline)
        data = _Body(request.body or {}, departure)
        try:
            async with asyncio.timeout(deadline.left_s()):
                return await self._exchange(self._fresh, merchant, request, data)
        except (aiohttp.ClientError, OSError) as error:
            may_have_left = departure.has_begun and not isinstance(error, _NEVER_SENT)
            raise self._explain(merchant, request, error, may_have_left=may_have_left) from error

    async def _exchange(
        self, session: aiohttp.ClientSession, merchant: Merchant, request: Request, data: aiohttp.JsonPayload | None
    ) -> Answer:
        """Send a request, never twice. Raises aiohttp.ClientError, OSError."""
        headers = {**request.headers, "Authorization": f"Bearer {merchant.provider_token}"}
        options = make_options(self._proxy, merchant.provider_url, headers)
        url = _make_url(merchant.provider_url, request)
        async with session.request(request.method, url, data=data, allow_redirects=False, **options) as response:
            raise_for_proxy(options, response)
            return await _read(response)

    def _explain(self, merchant: Merchant, request: Request, error: Exception, *, may_have_left: bool) -> NoAnswerError:
        """Log the error's type only: its text may contain an e-mail address."""
        _log.warning(
            "provider_unreachable",
            merchant_id=merchant.merchant_id,
            operation=request.operation,
            error=type(error).__name__,
        )
        message = explain_proxy_error(error, self._proxy, "LOYALTY_HTTP_PROXY") or "TRIFFT cannot be reached"
        return NoAnswerError(message, may_have_left=may_have_left)

    async def _open(self, **connector_options: Any) -> aiohttp.ClientSession:  # noqa: ANN401 - aiohttp's own options
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
        # aiohttp would repeat a request by itself when a pooled connection was dropped, and the repeat would have no
        # permit.
        session._retry_connection = False  # noqa: SLF001 - aiohttp has no public option
        return await self._stack.enter_async_context(session)


def _make_socket(address: aiohttp.AddrInfoType) -> socket.socket:
    family, kind, proto, *_ = address
    made = socket.socket(family, kind, proto)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    return made


def _make_url(origin: str, request: Request) -> URL:
    query = "?" + urlencode(request.query, quote_via=quote) if request.query else ""
    return URL(origin.rstrip("/") + request.path + query, encoded=True)


async def _read(response: aiohttp.ClientResponse) -> Answer:
    body = bytearray()
    async for chunk in response.content.iter_chunked(65_536):
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            break
    is_cut = len(body) > MAX_BODY_BYTES
    return Answer(
        status=response.status,
        is_json=response.content_type.endswith("json"),
        is_cut=is_cut,
        body=b"" if is_cut else bytes(body),
    )

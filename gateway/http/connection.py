"""HTTP connections of the gateway: a timeout for a request's head, and the answer to an unreadable one."""

import asyncio
from http import HTTPStatus
from typing import Any

import structlog
from aiohttp import StreamReader, web

from gateway.http.body import UNREADABLE_BODY
from gateway.http.problem import make_request_id, render_http_error

HEAD_TIMEOUT_S = 10.0

_LOG = structlog.get_logger()


class Connection(web.RequestHandler):
    """Replaces aiohttp's error answers and log lines, which quote request lines and headers: credentials, e-mails."""

    __slots__ = ("_head_timeout_s", "_head_timer", "_last_body")

    def __init__(self, server: web.Server, *, head_timeout_s: float, **options: Any) -> None:  # noqa: ANN401 - aiohttp's options
        super().__init__(server, **options)
        self._head_timeout_s = head_timeout_s
        self._head_timer: asyncio.TimerHandle | None = None
        self._last_body: StreamReader | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._start_head_timer()

    def connection_lost(self, exc: BaseException | None) -> None:
        self._stop_head_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        is_body = self._last_body is not None and not self._last_body.is_eof()
        request_count = len(self._messages)
        super().data_received(data)
        if len(self._messages) > request_count:
            self._stop_head_timer()
            self._last_body = self._messages[-1][1]  # only the last request may be incomplete
        elif not is_body:
            self._start_head_timer()

    def _start_head_timer(self) -> None:
        """Start a timer: aiohttp has none for a head that has begun, or for a connection's first one."""
        if self._head_timer is None and self.transport is not None:
            loop = asyncio.get_running_loop()
            self._head_timer = loop.call_later(self._head_timeout_s, self.transport.abort)

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def eof_received(self) -> bool:  # type: ignore[override] # as the protocol: whether to keep the connection open for writing
        """A client that has ended its side is still answered.

        An incomplete body gets a 400; then the connection is closed.
        """
        is_idle = self._waiter is not None and not self._waiter.done()
        if self._last_body is None or is_idle:
            return False
        if not self._last_body.is_eof():
            self._last_body.set_exception(ConnectionResetError("the sender has ended"))
        self.close()
        return True

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = HTTPStatus.INTERNAL_SERVER_ERROR,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 - the hook's signature
    ) -> web.StreamResponse:
        """Answer with a problem document that quotes nothing, and end the connection."""
        request_id = make_request_id()
        _LOG.warning("request_unreadable", request_id=request_id, status=status, error=type(exc).__name__)
        if request.writer.output_size > 0:
            raise ConnectionError("an answer has begun, so no other can be given")
        response = render_http_error(HTTPStatus(status), request_id, detail="this is not valid HTTP")
        response.force_close()
        return response

    def log_exception(self, *_args: object, exc_info: BaseException | None = None, **_more: object) -> None:
        if isinstance(exc_info, UNREADABLE_BODY):
            return  # the rest of a body whose request is answered already
        _LOG.error("connection_failed", error=type(exc_info).__name__)

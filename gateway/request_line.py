"""Request lines with raw bytes in them: Gorgias puts a customer's values into the URL as they are.

HTTP wants them percent-encoded, and the parser refuses what is not; but a widget call that is refused counts as a
failure, and enough of those switch the integration off.
"""

import asyncio
import re
from collections.abc import Callable
from typing import cast

HEAD_TIMEOUT_S = 10.0
_HEAD_END = b"\r\n\r\n"
_MAX_HEAD_BYTES = 256 * 1024
_REQUEST_LINE = re.compile(rb"([A-Z]+) (/.*) (HTTP/1\.[01])", re.DOTALL)
_CONTENT_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,9})[ \t]*(?=\r\n)", re.IGNORECASE)
# What HTTP does not allow in a target. A "#" would cut the rest off: no client sends a fragment on purpose.
_ILLEGAL = re.compile(rb"[^!-~]|#")


class RequestLines(asyncio.Protocol):
    """Mends each request line of a connection on its way to HTTP, and ends a connection whose head does not come.

    Requests are followed by their Content-Length only. After a head of another kind (chunked, upgrade) HTTP has the
    connection for itself: a later line with raw bytes is then refused, and a retry comes on a new connection.
    """

    def __init__(self, make_http: Callable[[], asyncio.Protocol], *, head_timeout_s: float = HEAD_TIMEOUT_S) -> None:
        self._http = make_http()
        self._head_timeout_s = head_timeout_s
        self._received = b""
        self._body_bytes = 0
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._http.connection_made(transport)
        self._start_timer()

    def data_received(self, data: bytes) -> None:
        self._received += data
        while self._received and self._pass_on():
            pass
        if self._received:
            self._start_timer()

    def pause_writing(self) -> None:
        self._http.pause_writing()

    def resume_writing(self) -> None:
        self._http.resume_writing()

    def eof_received(self) -> bool | None:
        return self._http.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        self._http.connection_lost(exc)

    def _pass_on(self) -> bool:
        """Give HTTP what is complete: some of a body, or one head. False: a head has begun, and more must come."""
        if self._body_bytes:
            part, self._received = self._received[: self._body_bytes], self._received[self._body_bytes :]
            self._body_bytes -= len(part)
            self._http.data_received(part)
            return True
        head, end, rest = self._received.partition(_HEAD_END)
        if not end and len(head) < _MAX_HEAD_BYTES:
            return False
        self._stop_timer()
        body_bytes = _read_body_bytes(head + end[:2]) if end else None
        if body_bytes is None:
            self._received = b""
            self._transport.set_protocol(self._http)
            self._http.data_received(mend_request_line(head) + end + rest)
            return False
        self._body_bytes, self._received = body_bytes, rest
        self._http.data_received(mend_request_line(head) + end)
        return True

    def _start_timer(self) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._head_timeout_s, self._transport.abort)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _read_body_bytes(head: bytes) -> int | None:
    """How long the body is, where the head says it in the one plain way; None where it may be otherwise."""
    lower = head.lower()
    if b"transfer-encoding" in lower or b"upgrade" in lower:
        return None
    count = lower.count(b"content-length")
    if count == 0:
        return 0
    found = _CONTENT_LENGTH.findall(head)
    return int(found[0]) if count == len(found) == 1 else None


def mend_request_line(head: bytes) -> bytes:
    """Percent-encodes in the first line's target what HTTP does not allow there; all else stays as it came."""
    line, end, rest = head.partition(b"\r\n")
    match = _REQUEST_LINE.fullmatch(line)
    if match is None or not _ILLEGAL.search(match[2]):
        return head
    target = _ILLEGAL.sub(lambda byte: b"%%%02X" % byte[0][0], match[2])
    return b" ".join((match[1], target, match[3])) + end + rest

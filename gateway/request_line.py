"""Request lines with raw bytes in them: Gorgias puts a customer's values into the URL as they are.

HTTP wants them percent-encoded, and the parser refuses what is not; but a widget call that is refused counts as a
failure, and enough of those switch the integration off.
"""

import asyncio
from collections.abc import Callable
from typing import cast

_END = b"\n"
_MAX_BYTES = 64 * 1024


class FirstLine(asyncio.Protocol):
    """Mends the first request line of a connection, then hands the connection over to HTTP.

    Only the very first bytes are certain to be a request line. A later one with raw bytes is refused and the connection
    closed, so a retry comes on a new connection and is the first there.
    """

    def __init__(self, make_http: Callable[[], asyncio.Protocol]) -> None:
        self._http = make_http()
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._http.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        self._received += data
        if _END not in self._received and len(self._received) < _MAX_BYTES:
            return
        self._transport.set_protocol(self._http)
        self._http.data_received(mend_request_line(self._received))

    def eof_received(self) -> bool | None:
        return self._http.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self._http.connection_lost(exc)


def mend_request_line(data: bytes) -> bytes:
    """Percent-encodes spaces and bytes that are not ASCII in the first line's target; all else stays as it came."""
    line, end, rest = data.partition(_END)
    method, _, target_and_version = line.partition(b" ")
    target, _, version = target_and_version.rpartition(b" ")
    if b" " not in target and target.isascii():
        return data
    mended = b"".join(b"%%%02X" % byte if byte == ord(" ") or byte > ord("~") else bytes((byte,)) for byte in target)
    return b" ".join((method, mended, version)) + end + rest

"""Ways in which a broken server treats a connection."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import Callable

from aiohttp import web

_POLL_S = 0.1


async def wait(done: Callable[[], bool], seconds: float | None = None) -> None:
    """Wait until `done`, or `seconds` are over."""
    loop = asyncio.get_running_loop()
    end = None if seconds is None else loop.time() + seconds
    while not done():
        left = _POLL_S if end is None else end - loop.time()
        if left <= 0:
            return
        await asyncio.sleep(min(_POLL_S, left))


def has_left(request: web.Request) -> bool:
    return request.transport is None or request.transport.is_closing()


def break_off(request: web.Request, *, reset: bool) -> web.Response:
    """Close the connection without an answer, by a reset or in the ordinary way."""
    transport = request.transport
    if transport is not None:
        if reset:
            _reset_on_close(transport)
        transport.abort()
    return web.Response()  # the client has gone: never sent


def _reset_on_close(transport: asyncio.Transport) -> None:
    connection = transport.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


async def drip(request: web.Request, body: bytes, pause_s: float, done: Callable[[], bool]) -> web.StreamResponse:
    """Send a JSON body byte by byte, and the rest at once when `done` is set. Ends if the client leaves."""
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    response.content_length = len(body)
    with contextlib.suppress(ConnectionError):
        await response.prepare(request)
        for position in range(len(body)):
            if done():
                await response.write(body[position:])
                break
            await response.write(body[position : position + 1])
            await wait(lambda: done() or has_left(request), pause_s)
        await response.write_eof()
    return response

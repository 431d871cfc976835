"""Reads request bodies up to a bound, independent of the app's bound."""

from aiohttp import web

from sandbox.trifft.errors import ApiError

MAX_BODY_BYTES = 64 * 1024


async def read_body(request: web.Request) -> bytes:
    """Read the body. Raise ApiError 413 above 64 KiB."""
    body = bytearray()
    async for chunk in request.content.iter_any():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise ApiError(413, f"The request body is larger than {MAX_BODY_BYTES} bytes.")
    return bytes(body)

"""Bodies of the page's API."""

from typing import TypeVar

import msgspec
from aiohttp import web

Body = TypeVar("Body")


async def read_body(request: web.Request, kind: type[Body]) -> Body:
    """Raises HTTPBadRequest that says what is wrong."""
    try:
        return msgspec.json.decode(await request.read(), type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise web.HTTPBadRequest(
            text=msgspec.json.encode({"error": str(error)}).decode(), content_type="application/json"
        ) from error

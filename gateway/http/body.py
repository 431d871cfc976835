"""Reads the whole body of a request. A body that is incomplete or late is the sender's error."""

import asyncio

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from gateway.errors import RequestError

# The errors of a body that is not encoded as its headers say; OSError: it ends early.
_MALFORMED = (web.RequestPayloadError, HttpProcessingError)
UNREADABLE_BODY = (*_MALFORMED, OSError)


async def read_body(request: web.Request, *, timeout_s: float) -> bytes:
    """Raises RequestError: 413, 400, or 408 if it is not complete after `timeout_s`."""
    try:
        async with asyncio.timeout(timeout_s):
            return await request.read()
    except web.HTTPRequestEntityTooLarge:
        raise RequestError("the body may have at most 64 KiB", reason="TOO_LARGE") from None
    except TimeoutError:  # before OSError, its base class
        raise RequestError("the end of the body did not come in time", reason="BODY_TIMEOUT") from None
    except OSError:
        raise RequestError("the body ended early", reason="BODY_INCOMPLETE") from None
    except _MALFORMED:
        raise RequestError("the body is not encoded as its headers say") from None

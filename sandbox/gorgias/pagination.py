"""Lists with cursors, as Gorgias pages them."""

import base64
import binascii
from collections.abc import Sequence
from typing import Any

from aiohttp import web

from sandbox.gorgias.errors import GorgiasError, make_json

DEFAULT_LIMIT = 30
MAX_LIMIT = 100


def make_page(request: web.Request, items: Sequence[Any]) -> web.Response:
    """One page of `items`, which must be in the order of their ids. Raises GorgiasError 400."""
    limit, start = _read_limit(request), _read_cursor(request)
    end = start + limit
    meta = {
        "prev_cursor": _make_cursor(max(0, start - limit)) if start > 0 else None,
        "next_cursor": _make_cursor(end) if end < len(items) else None,
    }
    return make_json({"object": "list", "uri": request.path, "data": items[start:end], "meta": meta})


def _read_limit(request: web.Request) -> int:
    text = request.query.get("limit") or str(DEFAULT_LIMIT)
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= MAX_LIMIT):
        raise GorgiasError(400, "Failed to validate the request.", {"limit": [f"Must be from 1 to {MAX_LIMIT}."]})
    return int(text)


def _read_cursor(request: web.Request) -> int:
    cursor = request.query.get("cursor")
    if not cursor:
        return 0
    try:
        return int(base64.urlsafe_b64decode(cursor.encode()).decode().removeprefix("from:"))
    except (binascii.Error, ValueError) as error:
        raise GorgiasError(400, "Failed to validate the request.", {"cursor": ["Not a valid cursor."]}) from error


def _make_cursor(position: int) -> str:
    return base64.urlsafe_b64encode(f"from:{position}".encode()).decode()


def read_id(request: web.Request) -> int:
    """The id in the path. Raises GorgiasError 404."""
    text = request.match_info["id"]
    if not (text.isascii() and text.isdigit() and len(text) < 16):  # noqa: PLR2004 - far beyond any id
        raise GorgiasError(404, "Not found.")
    return int(text)

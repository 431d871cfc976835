"""Gorgias' error bodies: `{"error": {"msg", "data"}}`."""

from collections.abc import Mapping
from typing import Any

import msgspec
from aiohttp import web


class GorgiasError(Exception):
    """An error answer with this `status`. `data`: field → sentences."""

    def __init__(self, status: int, message: str, data: Mapping[str, list[str]] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.data = data or {}


def make_error(status: int, message: str, data: Mapping[str, list[str]] | None = None) -> web.Response:
    return make_json({"error": {"msg": message, "data": data or {}}}, status=status)


def make_json(value: Any, status: int = 200) -> web.Response:  # noqa: ANN401 - any JSON
    return web.Response(body=msgspec.json.encode(value), status=status, content_type="application/json")


async def read_object(request: web.Request) -> dict[str, Any]:
    """Raises GorgiasError 400."""
    try:
        return msgspec.json.decode(await request.read(), type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise GorgiasError(400, "The body must be a JSON object.") from error


def check_fields(body: Mapping[str, Any], allowed: frozenset[str], required: frozenset[str]) -> None:
    """Raises GorgiasError 400 that names each unknown and each missing field."""
    data = {name: ["Unknown field."] for name in sorted(body.keys() - allowed)}
    data |= {name: ["Missing data for required field."] for name in sorted(required) if body.get(name) in (None, "")}
    if data:
        raise GorgiasError(400, "Failed to validate the request.", data)

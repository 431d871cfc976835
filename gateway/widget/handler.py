"""`GET /gorgias/widget`: 200 with a small object and a `status` on every path but a wrong credential."""

import asyncio
import time
from collections.abc import Mapping
from datetime import datetime

import msgspec
import structlog
from aiohttp import hdrs, web

from gateway.edge import EDGE, REQUEST_ID, Edge, authenticate
from gateway.errors import CredentialError, GatewayError, LoyaltyCallError
from gateway.gorgias.variables import parse_variable
from gateway.merchants import DEFAULT_SHOP, Shop
from gateway.widget.view import View, render_error, render_member, render_no_identity, render_unavailable
from protos.loyalty.v1 import loyalty_pb2 as pb

_LOG = structlog.get_logger()
_ENCODER = msgspec.json.Encoder()


async def handle_widget(request: web.Request) -> web.Response:
    """Raises CredentialError only: 100 failures in a row make Gorgias switch the integration off."""
    edge = request.app[EDGE]
    try:
        async with asyncio.timeout(edge.config.widget_timeout_s):
            merchant_id = await authenticate(request)
            view = await _answer(edge, merchant_id, request)
    except CredentialError:
        raise
    except GatewayError as error:
        view = render_unavailable(error.reason, DEFAULT_SHOP, edge.now())
    except TimeoutError:
        view = render_unavailable("LOYALTY_TIMEOUT", DEFAULT_SHOP, edge.now())
    except Exception:  # noqa: BLE001 - the outermost boundary: on this route even an unforeseen error is an answer
        _LOG.exception("widget_failed")
        view = render_unavailable("INTERNAL_ERROR", DEFAULT_SHOP, edge.now())
    edge.metrics.widgets.labels(view.status).inc()
    body = _ENCODER.encode(view)
    return web.Response(body=body, content_type="application/json", headers={hdrs.CACHE_CONTROL: "no-store"})


def parse_email(query: Mapping[str, str]) -> str | None:
    """The customer's e-mail. An inner space was a `+` before Gorgias put it into the URL unencoded."""
    email = parse_variable(query.get("email"))
    return email.replace(" ", "+") if email else None


async def _answer(edge: Edge, merchant_id: str, request: web.Request) -> View:
    deadline = time.monotonic() + edge.config.read_timeout_s
    shop = await edge.merchants.get(merchant_id)
    now = edge.now()
    email = parse_email(request.query)
    if email is None:
        edge.activity.note_event(merchant_id, "no_identity")
        return render_no_identity(shop, now)
    try:
        snapshot = await edge.client.get_snapshot(
            merchant_id,
            email,
            max_staleness_s=edge.config.max_staleness_s,
            timeout_s=max(0.05, deadline - time.monotonic()),
            request_id=request[REQUEST_ID],
        )
    except LoyaltyCallError as error:
        view = render_error(error, email, shop, edge.now())
        _note(edge, merchant_id, view, error.reason)
        return view
    return _render(edge, merchant_id, snapshot, shop, edge.now())


def _render(edge: Edge, merchant_id: str, snapshot: pb.Snapshot, shop: Shop, now: datetime) -> View:
    token = edge.tokens.make(merchant_id, snapshot.member.member_id)
    view = render_member(snapshot, token, shop, now)
    _note(edge, merchant_id, view, pb.ErrorReason.Name(snapshot.stale_reason))
    return view


def _note(edge: Edge, merchant_id: str, view: View, reason: str) -> None:
    edge.activity.note_event(merchant_id, view.status)
    if view.stale or view.status == "unavailable":
        edge.activity.note_error(merchant_id, reason)

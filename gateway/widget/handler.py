"""`GET /gorgias/widget`: 200 with a small object and a `status` on every path but a wrong credential."""

import asyncio
import time
from datetime import datetime
from functools import partial

import msgspec
import structlog
from aiohttp import hdrs, web
from google.protobuf.timestamp_pb2 import Timestamp

from gateway.actions.refusals import REFUSALS
from gateway.actions.token import TOKENS
from gateway.clock import CLOCK
from gateway.config import CONFIG
from gateway.customers.address import Customer, parse_customer
from gateway.customers.lookup import CUSTOMERS
from gateway.errors import CredentialError, GatewayError, LoyaltyCallError, name_reason
from gateway.gorgias.widget_url import parse_widget_call
from gateway.http.authentication import authenticate, find_credential
from gateway.http.problem import REQUEST_ID
from gateway.installation.activity import ACTIVITY
from gateway.loyalty_client import CLIENT
from gateway.merchants import MERCHANTS
from gateway.metrics import METRICS
from gateway.widget.undo import Undo, find_undoable
from gateway.widget.view import (
    View,
    render_body,
    render_error,
    render_member,
    render_no_identity,
    render_unavailable,
    render_unreadable,
)
from gateway.wording.panel.last_try import say_last_try
from gateway.wording.shop import DEFAULT_SHOP, Shop
from protos.loyalty.v1 import loyalty_pb2 as pb

_LOG = structlog.get_logger()
_ENCODER = msgspec.json.Encoder()
_LEAST_TIMEOUT_S = 0.05
# The part of the reading time for asking Gorgias who the customer is; the rest is for TRIFFT.
_GORGIAS_SHARE = 0.4


class _Event(msgspec.Struct, frozen=True, kw_only=True):
    """A ticket event: a shop and a customer's `email`."""

    merchant_id: str
    shop: Shop
    email: str


async def handle_widget(request: web.Request) -> web.Response:
    """Raises only CredentialError: after 100 failures in a row Gorgias switches the integration off."""
    app = request.app
    try:
        async with asyncio.timeout(app[CONFIG].widget_timeout_s):
            merchant_id = await authenticate(request)
            view = await _answer(merchant_id, request)
    except CredentialError:
        raise
    except GatewayError as error:
        view = render_unavailable(error.reason, DEFAULT_SHOP, app[CLOCK].now())
    except TimeoutError:
        view = render_unavailable("LOYALTY_TIMEOUT", DEFAULT_SHOP, app[CLOCK].now())
    except Exception:  # noqa: BLE001 - the outermost boundary: this route answers even an unforeseen error with a 200
        _LOG.exception("widget_failed")
        view = render_unavailable("INTERNAL_ERROR", DEFAULT_SHOP, app[CLOCK].now())
    app[METRICS].widgets.labels(view.status).inc()
    body = _ENCODER.encode(render_body(view))
    return web.Response(body=body, content_type="application/json", headers={hdrs.CACHE_CONTROL: "no-store"})


async def _answer(merchant_id: str, request: web.Request) -> View:
    app = request.app
    deadline = time.monotonic() + app[CONFIG].read_timeout_s
    shop = await app[MERCHANTS].get(merchant_id)
    customer = await _find_customer(merchant_id, request)
    reason = ""
    if customer is None:
        view = render_unreadable(shop, app[CLOCK].now())
    elif customer.email is None:
        view = render_no_identity(shop, app[CLOCK].now())
    else:
        event = _Event(merchant_id=merchant_id, shop=shop, email=customer.email)
        view, reason = await _render_member(event, request, deadline)
    app[ACTIVITY].note_event(merchant_id, view.status)
    if view.stale or view.status == "unavailable":
        app[ACTIVITY].note_error(merchant_id, reason)
    return view


async def _find_customer(merchant_id: str, request: web.Request) -> Customer | None:
    """Find the customer; None: it cannot be known."""
    customer = parse_customer(parse_widget_call(request.raw_path, find_credential(request)))
    if isinstance(customer, Customer):
        return customer
    timeout_s = request.app[CONFIG].read_timeout_s * _GORGIAS_SHARE
    return await request.app[CUSTOMERS].find(merchant_id, customer, timeout_s=timeout_s)


async def _render_member(event: _Event, request: web.Request, deadline: float) -> tuple[View, str]:
    """Render the member; also return why it is not fresh: a reason, or "REASON: message"."""
    app = request.app
    try:
        snapshot = await app[CLIENT].get_snapshot(
            event.merchant_id,
            event.email,
            max_staleness_s=app[CONFIG].max_staleness_s,
            timeout_s=max(_LEAST_TIMEOUT_S, deadline - time.monotonic()),
            request_id=request[REQUEST_ID],
        )
    except LoyaltyCallError as error:
        view = render_error(error, event.email, event.shop, app[CLOCK].now())
        return view, f"{error.reason}: {error.message}"
    view = _render_panel(snapshot, event, app)
    return view, name_reason(snapshot.stale_reason) if view.stale else ""


def _render_panel(snapshot: pb.Snapshot, event: _Event, app: web.Application) -> View:
    """Render a member's panel. Its tokens bind the buttons to the member, the address and the award to undo."""
    now, tokens, member_id = app[CLOCK].now(), app[TOKENS], snapshot.member.member_id
    fetch_time = _find_fetch_time(snapshot, now)
    make = partial(tokens.make, event.merchant_id, member_id, email=event.email, fetch_time=fetch_time)
    given = snapshot.given_by_support.awards
    undoable, undo = find_undoable(given, now) if given else None, None
    if undoable:
        undo_token = tokens.make_undo(
            event.merchant_id,
            undoable.award_id,
            member_id=member_id,
            email=event.email,
            fetch_time=fetch_time,
        )
        undo = Undo(award=undoable, token=undo_token)
    last_try = ""
    if refusal := app[REFUSALS].find(event.merchant_id, member_id, now):
        last_try = say_last_try(
            refusal.message, refusal.time, event.shop, ticket_id=refusal.ticket_id, agent=refusal.agent
        )
    deduct_token = make(debit=True) if event.shop.limits.allows_deductions else ""
    return render_member(snapshot, make(), event.shop, now, deduct_token=deduct_token, undo=undo, last_try=last_try)


def _find_fetch_time(snapshot: pb.Snapshot, now: datetime) -> Timestamp:
    """The oldest data that may allow an award. After old data in the panel, the member must be read again: now."""
    if snapshot.stale_reason == pb.ERROR_REASON_UNSPECIFIED and snapshot.HasField("fetch_time"):
        return snapshot.fetch_time
    made_time = Timestamp()
    made_time.FromDatetime(now)
    return made_time

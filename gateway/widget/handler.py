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
from gateway.events.event import UNAVAILABLE, Event, Source
from gateway.events.service import EVENTS
from gateway.events.sights import read_call, read_email
from gateway.gorgias.tickets import parse_ticket_id
from gateway.gorgias.widget_url import WidgetCall, parse_widget_call
from gateway.http.authentication import authenticate, find_credential
from gateway.http.problem import REQUEST_ID
from gateway.loyalty_client import CLIENT
from gateway.merchants import MERCHANTS
from gateway.metrics import METRICS
from gateway.widget.links import add_link_rows
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


class _Subject(msgspec.Struct, frozen=True, kw_only=True):
    """The shop and the customer's `email` that a panel is for."""

    merchant_id: str
    shop: Shop
    email: str


async def handle_widget(request: web.Request) -> web.Response:
    """Raises only CredentialError: after 100 failures in a row Gorgias switches the integration off."""
    app, began = request.app, time.monotonic()
    event = Event(time_ms=int(app[CLOCK].now().timestamp() * 1000), request_id=request[REQUEST_ID])
    try:
        async with asyncio.timeout(app[CONFIG].widget_timeout_s):
            event.merchant_id = await authenticate(request)
            view = await _answer(event, request)
    except CredentialError:
        raise
    except GatewayError as error:
        view = _render_failure(event, error.reason, app)
    except TimeoutError:
        view = _render_failure(event, "LOYALTY_TIMEOUT", app)
    except Exception:  # noqa: BLE001 - the outermost boundary: this route answers even an unforeseen error with a 200
        _LOG.exception("widget_failed")
        view = _render_failure(event, "INTERNAL_ERROR", app)
    app[METRICS].widgets.labels(view.status).inc()
    body = _ENCODER.encode(render_body(view))
    if event.merchant_id:
        event.status, event.buttons, event.answer_ms = view.status, _list_buttons(view), _count_ms(began)
        app[EVENTS].note(event)
    return web.Response(body=body, content_type="application/json", headers={hdrs.CACHE_CONTROL: "no-store"})


async def _answer(event: Event, request: web.Request) -> View:
    """Render the panel, and fill the event."""
    app = request.app
    deadline = time.monotonic() + app[CONFIG].read_timeout_s
    shop = await app[MERCHANTS].get(event.merchant_id)
    view = await _find_view(event, request, shop, deadline)
    return add_link_rows(view, app, event, None, shop)


async def _find_view(event: Event, request: web.Request, shop: Shop, deadline: float) -> View:
    app, customer = request.app, await _find_customer(event, request)
    if customer is None:
        return render_unreadable(shop, app[CLOCK].now())
    if customer.email is None:
        return render_no_identity(shop, app[CLOCK].now())
    subject = _Subject(merchant_id=event.merchant_id, shop=shop, email=customer.email)
    return await _render_member(subject, event, request, deadline)


def _render_failure(event: Event, reason: str, app: web.Application) -> View:
    event.reason = reason
    return render_unavailable(reason, DEFAULT_SHOP, app[CLOCK].now())


async def _find_customer(event: Event, request: web.Request) -> Customer | None:
    """Find the customer; None: it cannot be known."""
    call, note_sights = parse_widget_call(request.raw_path, find_credential(request)), request.app[EVENTS].note_sights
    note_sights(event.merchant_id, read_call(call, has_header=hdrs.AUTHORIZATION in request.headers))
    event.url = call.form
    event.ticket_id, event.customer_id = parse_ticket_id(call.ticket_id), parse_ticket_id(call.customer_id)
    customer = parse_customer(call)
    if isinstance(customer, Customer):
        event.source = _name_source(customer, call)
        note_sights(event.merchant_id, read_email(call.email, customer.email))
        return customer
    event.source, began = Source.NOT_SAID, time.monotonic()
    timeout_s = request.app[CONFIG].read_timeout_s * _GORGIAS_SHARE
    said = await request.app[CUSTOMERS].find(event.merchant_id, customer, timeout_s=timeout_s)
    event.lookup_ms = _count_ms(began)
    if said is not None:
        note_sights(event.merchant_id, read_email(call.email, said.email))
        event.source = Source.GORGIAS_HAS_NONE if said.email is None else Source.GORGIAS
    return said


def _name_source(customer: Customer, call: WidgetCall) -> Source:
    if customer.email is None:
        return Source.URL_HAS_NONE
    return Source.URL if customer.email == call.email else Source.ENCODED_URL


async def _render_member(subject: _Subject, event: Event, request: web.Request, deadline: float) -> View:
    app, began = request.app, time.monotonic()
    try:
        snapshot = await app[CLIENT].get_snapshot(
            subject.merchant_id,
            subject.email,
            max_staleness_s=app[CONFIG].max_staleness_s,
            timeout_s=max(_LEAST_TIMEOUT_S, deadline - began),
            request_id=request[REQUEST_ID],
        )
    except LoyaltyCallError as error:
        view = render_error(error, subject.email, subject.shop, app[CLOCK].now())
        event.reason = error.reason
        # Only then is the message about TRIFFT or about us; else it may be about the customer.
        event.message = error.message if view.status == UNAVAILABLE else ""
        if fetch_time := error.metadata.get("fetch_time"):
            event.data_age_ms = event.time_ms - int(datetime.fromisoformat(fetch_time).timestamp() * 1000)
        return view
    finally:
        event.loyalty_ms = _count_ms(began)
    event.member_id = snapshot.member.member_id
    event.data_age_ms = event.time_ms - snapshot.fetch_time.ToMilliseconds()
    if snapshot.stale_reason != pb.ERROR_REASON_UNSPECIFIED:
        event.reason = name_reason(snapshot.stale_reason) or f"reason {snapshot.stale_reason}"
    return _render_panel(snapshot, subject, app)


def _render_panel(snapshot: pb.Snapshot, subject: _Subject, app: web.Application) -> View:
    """Render a member's panel. Its tokens bind the buttons to the member, the address and the award to undo."""
    now, tokens, member_id = app[CLOCK].now(), app[TOKENS], snapshot.member.member_id
    fetch_time = _find_fetch_time(snapshot, now)
    make = partial(tokens.make, subject.merchant_id, member_id, email=subject.email, fetch_time=fetch_time)
    given = snapshot.given_by_support.awards
    undoable, undo = find_undoable(given, now) if given else None, None
    if undoable:
        undo_token = tokens.make_undo(
            subject.merchant_id,
            undoable.award_id,
            member_id=member_id,
            email=subject.email,
            fetch_time=fetch_time,
        )
        undo = Undo(award=undoable, token=undo_token)
    last_try = ""
    if refusal := app[REFUSALS].find(subject.merchant_id, member_id, now):
        last_try = say_last_try(
            refusal.message, refusal.time, subject.shop, ticket_id=refusal.ticket_id, agent=refusal.agent
        )
    deduct_token = make(debit=True) if subject.shop.limits.allows_deductions else ""
    return render_member(snapshot, make(), subject.shop, now, deduct_token=deduct_token, undo=undo, last_try=last_try)


def _find_fetch_time(snapshot: pb.Snapshot, now: datetime) -> Timestamp:
    """The oldest data that may allow an award. After old data in the panel, the member must be read again: now."""
    if snapshot.stale_reason == pb.ERROR_REASON_UNSPECIFIED and snapshot.HasField("fetch_time"):
        return snapshot.fetch_time
    made_time = Timestamp()
    made_time.FromDatetime(now)
    return made_time


def _list_buttons(view: View) -> str:
    """The buttons that can be pressed."""
    buttons = ["add"] if view.add_points else []
    if view.add_points and view.add_points[0].deduct_token:
        buttons.append("remove")
    if view.undo:
        buttons.append("undo")
    return ",".join(buttons)


def _count_ms(began: float) -> int:
    return round((time.monotonic() - began) * 1000)

"""`GET /gorgias/widget`: 200 with a small object and a `status` on every path but a wrong credential."""

import asyncio
import time
from datetime import datetime
from functools import partial

import msgspec
import structlog
from aiohttp import hdrs, web
from google.protobuf.timestamp_pb2 import Timestamp

from gateway.actions.token import TOKENS
from gateway.clock import CLOCK
from gateway.config import CONFIG
from gateway.customers.address import parse_customer
from gateway.customers.finding import Question
from gateway.customers.identity import FoundBy, Identity
from gateway.customers.search import SERVICES, Search
from gateway.errors import CredentialError, GatewayError
from gateway.events.event import Event
from gateway.events.service import EVENTS
from gateway.events.sights import read_call, read_email
from gateway.gorgias.tickets import parse_ticket_id
from gateway.gorgias.widget_url import WidgetCall, parse_widget_call
from gateway.http.authentication import authenticate, find_credential
from gateway.http.problem import REQUEST_ID
from gateway.merchants import MERCHANTS
from gateway.metrics import METRICS
from gateway.widget.last_try import find_last_try
from gateway.widget.links import add_link_rows
from gateway.widget.missing import render_missing
from gateway.widget.record import record_finding, record_status
from gateway.widget.undo import Undo, find_undoable
from gateway.widget.view import View, render_body, render_member, render_unavailable
from gateway.wording.shop import DEFAULT_SHOP, Shop
from protos.loyalty.v1 import loyalty_pb2 as pb

_LOG = structlog.get_logger()
_ENCODER = msgspec.json.Encoder()


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
    until = time.monotonic() + app[CONFIG].read_timeout_s
    shop = await app[MERCHANTS].get(event.merchant_id)
    call = _read_call(event, request)
    question = Question(
        merchant_id=event.merchant_id,
        country=shop.country,
        ticket_id=call.ticket_id,
        customer_id=event.customer_id,
        customer=parse_customer(call),
        request_id=request[REQUEST_ID],
    )
    search = Search(app[SERVICES], question, until=until)
    try:
        await search.run()
    finally:
        record_finding(event, call, question.customer, search.finding)
    finding = search.finding
    if finding.unanswered is not None or finding.is_link_unread:
        said = "store" if finding.unanswered is None else finding.unanswered
        _LOG.warning("customer_not_looked_up", merchant_id=event.merchant_id, reason=said)
    if finding.customer is not None:
        app[EVENTS].note_sights(event.merchant_id, read_email(call.email, finding.customer.email))
    if finding.snapshot is not None and finding.found_by is not None:
        view = _render_panel(finding.snapshot, finding.found_by, shop, event.merchant_id, app)
    else:
        view = render_missing(finding, shop, app[CLOCK].now())
        record_status(event, view.status, finding)
    return add_link_rows(view, app, event, finding, shop)


def _render_failure(event: Event, reason: str, app: web.Application) -> View:
    event.reason = reason
    return render_unavailable(reason, DEFAULT_SHOP, app[CLOCK].now())


def _read_call(event: Event, request: web.Request) -> WidgetCall:
    call = parse_widget_call(request.raw_path, find_credential(request))
    sights = read_call(call, has_header=hdrs.AUTHORIZATION in request.headers)
    request.app[EVENTS].note_sights(event.merchant_id, sights)
    event.url = call.form
    event.ticket_id, event.customer_id = parse_ticket_id(call.ticket_id), parse_ticket_id(call.customer_id)
    return call


def _render_panel(
    snapshot: pb.Snapshot, found_by: Identity, shop: Shop, merchant_id: str, app: web.Application
) -> View:
    """Render a member's panel. Its tokens bind the buttons to member, address or link, and the award to undo."""
    now, tokens, member_id = app[CLOCK].now(), app[TOKENS], snapshot.member.member_id
    fetch_time = _find_fetch_time(snapshot, now)
    make = partial(tokens.make, merchant_id, member_id, found_by=found_by, fetch_time=fetch_time)
    given = snapshot.given_by_support.awards
    undoable, undo = find_undoable(given, now) if given else None, None
    if undoable:
        undo_token = tokens.make_undo(
            merchant_id, undoable.award_id, member_id=member_id, found_by=found_by, fetch_time=fetch_time
        )
        undo = Undo(award=undoable, token=undo_token)
    return render_member(
        snapshot,
        make(),
        shop,
        now,
        deduct_token=make(debit=True) if shop.limits.allows_deductions else "",
        undo=undo,
        last_try=find_last_try(app, merchant_id, member_id, shop),
        found_by=found_by.text if found_by.kind in {FoundBy.OTHER_EMAIL, FoundBy.PHONE} else "",
    )


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
    if view.link_member:
        buttons.append("link")
    if view.linked:
        buttons.append("unlink")
    return ",".join(buttons)


def _count_ms(began: float) -> int:
    return round((time.monotonic() - began) * 1000)

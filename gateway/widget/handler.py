"""`GET /gorgias/widget`: 200 with a small object and a `status` on every path but a wrong credential."""

import asyncio
import time
from collections.abc import Mapping

import msgspec
import structlog
from aiohttp import hdrs, web

from gateway.actions.token import TOKENS
from gateway.authentication import authenticate
from gateway.clock import CLOCK
from gateway.config import CONFIG
from gateway.errors import CredentialError, GatewayError, LoyaltyCallError
from gateway.gorgias.variables import parse_variable
from gateway.installation.activity import ACTIVITY
from gateway.loyalty_client import CLIENT
from gateway.merchants import DEFAULT_SHOP, MERCHANTS, Shop
from gateway.metrics import METRICS
from gateway.problem import REQUEST_ID
from gateway.widget.support import Undo, find_undoable
from gateway.widget.view import View, render_error, render_member, render_no_identity, render_unavailable
from gateway.wording import name_reason
from protos.loyalty.v1 import loyalty_pb2 as pb

_LOG = structlog.get_logger()
_ENCODER = msgspec.json.Encoder()
_LEAST_TIMEOUT_S = 0.05


async def handle_widget(request: web.Request) -> web.Response:
    """Raises CredentialError only: 100 failures in a row make Gorgias switch the integration off."""
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
    except Exception:  # noqa: BLE001 - the outermost boundary: on this route even an unforeseen error is an answer
        _LOG.exception("widget_failed")
        view = render_unavailable("INTERNAL_ERROR", DEFAULT_SHOP, app[CLOCK].now())
    app[METRICS].widgets.labels(view.status).inc()
    body = _ENCODER.encode(view)
    return web.Response(body=body, content_type="application/json", headers={hdrs.CACHE_CONTROL: "no-store"})


def parse_email(query: Mapping[str, str]) -> str | None:
    """The customer's e-mail. An inner space was a `+` before Gorgias put it into the URL unencoded."""
    email = parse_variable(query.get("email"))
    return email.replace(" ", "+") if email else None


async def _answer(merchant_id: str, request: web.Request) -> View:
    app = request.app
    deadline = time.monotonic() + app[CONFIG].read_timeout_s
    shop = await app[MERCHANTS].get(merchant_id)
    email = parse_email(request.query)
    reason = ""
    if email is None:
        view = render_no_identity(shop, app[CLOCK].now())
    else:
        try:
            snapshot = await app[CLIENT].get_snapshot(
                merchant_id,
                email,
                max_staleness_s=app[CONFIG].max_staleness_s,
                timeout_s=max(_LEAST_TIMEOUT_S, deadline - time.monotonic()),
                request_id=request[REQUEST_ID],
            )
        except LoyaltyCallError as error:
            reason = error.reason
            view = render_error(error, email, shop, app[CLOCK].now())
        else:
            reason = name_reason(snapshot.stale_reason)
            view = _render_panel(snapshot, merchant_id, shop, app)
    app[ACTIVITY].note_event(merchant_id, view.status)
    if view.stale or view.status == "unavailable":
        app[ACTIVITY].note_error(merchant_id, reason)
    return view


def _render_panel(snapshot: pb.Snapshot, merchant_id: str, shop: Shop, app: web.Application) -> View:
    """A member's panel: its buttons are bound to this member, and to the one award that can be undone."""
    now, tokens = app[CLOCK].now(), app[TOKENS]
    given = snapshot.given_by_support.awards
    undoable = find_undoable(given, now) if given else None
    undo = Undo(award=undoable, token=tokens.make_undo(merchant_id, undoable.award_id)) if undoable else None
    return render_member(snapshot, tokens.make(merchant_id, snapshot.member.member_id), shop, now, undo=undo)

"""`POST /gorgias/actions/award-points`: one click, one award, one sentence."""

import asyncio
import time

import msgspec
import structlog
from aiohttp import web

from gateway.actions.limiter import LIMITER
from gateway.actions.parameters import (
    AwardForm,
    fetch_parameters,
    parse_award_form,
    parse_award_token,
)
from gateway.actions.replies import Reply, render_award, render_refusal
from gateway.actions.token import TOKENS, Panel
from gateway.authentication import authenticate
from gateway.clock import CLOCK
from gateway.config import CONFIG
from gateway.errors import CredentialError, GatewayError
from gateway.loyalty_client import CLIENT
from gateway.merchants import DEFAULT_SHOP, MERCHANTS, Shop
from gateway.metrics import METRICS
from gateway.problem import REQUEST_ID, render_error
from protos.loyalty.v1 import loyalty_pb2 as pb

_LOG = structlog.get_logger()
# What is kept of the action's time for the way back: of the call, and of an answer without it.
_MARGIN_S = 0.5
_ANSWER_S = 0.25
_LEAST_TIMEOUT_S = 0.05


async def handle_award_points(request: web.Request) -> web.Response:
    """Answers every outcome itself, with a `message` for the agent; problems are documents with that message."""
    app = request.app
    began = time.monotonic()
    shop, form = DEFAULT_SHOP, None
    try:
        async with asyncio.timeout(app[CONFIG].action_timeout_s - _ANSWER_S):
            merchant_id = await authenticate(request)
            app[LIMITER].take(merchant_id)
            shop = await app[MERCHANTS].get(merchant_id)
            parameters = await fetch_parameters(request)
            panel = app[TOKENS].parse(parse_award_token(parameters), merchant_id, app[CLOCK].now())
            form = parse_award_form(parameters)
            left_s = app[CONFIG].action_timeout_s - _MARGIN_S - (time.monotonic() - began)
            response = await app[CLIENT].award_points(
                _make_request(panel, form), timeout_s=max(_LEAST_TIMEOUT_S, left_s), request_id=request[REQUEST_ID]
            )
            return _respond_award(request, response, shop)
    except GatewayError as error:
        failure = error
    except Exception:  # noqa: BLE001 - the outermost boundary: an agent reads a sentence even then
        _LOG.exception("action_failed")
        failure = GatewayError("INTERNAL_ERROR", "internal error")
    return _respond(request, render_refusal(failure, form.points if form else None, shop), failure)


def _make_request(panel: Panel, form: AwardForm) -> pb.AwardPointsRequest:
    return pb.AwardPointsRequest(
        merchant_id=panel.merchant_id,
        request_id=panel.make_request_id(form.ticket_id, form.agent_email or form.agent_name),
        member_id=panel.member_id,
        points=form.points,
        note=form.note,
        ticket_id=form.ticket_id,
        claimed_agent_email=form.agent_email,
        claimed_agent_name=form.agent_name,
    )


def _respond_award(request: web.Request, response: pb.AwardPointsResponse, shop: Shop) -> web.Response:
    reply = render_award(response, shop, request.app[CLOCK].now())
    if reply.status != "refused":
        return _respond(request, reply, None)
    award = response.award
    is_rejected = award.state == pb.AWARD_STATE_REJECTED
    reason = pb.ErrorReason.Name(award.rejection_reason) if is_rejected else "REQUEST_ID_REUSED"
    return _respond(request, reply, GatewayError(reason, reply.message))


def _respond(request: web.Request, reply: Reply, error: GatewayError | None) -> web.Response:
    """A refusal has the status of its reason, unless the setting says that agents only see the text of a 200."""
    request.app[METRICS].actions.labels(reply.status).inc()
    is_shown_as_200 = request.app[CONFIG].refusal_status == "200" and not isinstance(error, CredentialError)
    if error is None or reply.status != "refused" or is_shown_as_200:
        return web.Response(body=msgspec.json.encode(reply), content_type="application/json")
    return render_error(error, request[REQUEST_ID], message=reply.message, award_id=reply.award_id)

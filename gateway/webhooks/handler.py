"""`POST /trifft/webhooks/{merchant}`: drops what is held of the member, so that the next reader sees new data.

A call that comes twice, late or out of order does no harm: it carries no data, and the snapshot is dropped as of its
arrival. A lost call costs only internal readers some freshness: each ticket event reads TRIFFT anyway.
"""

import asyncio
import binascii
import re
from base64 import b64decode

import structlog
from aiohttp import web

from gateway.config import CONFIG
from gateway.errors import GatewayError, LoyaltyCallError, NotDroppedError, RequestError, WebhookSecretError
from gateway.events.service import EVENTS
from gateway.http.authentication import MERCHANT_ID
from gateway.http.body import read_body
from gateway.http.problem import REQUEST_ID
from gateway.installation.activity import IGNORED, MALFORMED
from gateway.installation.credentials import Credentials
from gateway.loyalty_client import CLIENT
from gateway.metrics import METRICS
from gateway.webhooks.events import SECRET_HEADER, parse_event
from runtime.database import DatabaseError

WEBHOOK_SECRETS = web.AppKey("webhook_secrets", Credentials)
RETRY_AFTER_S = 10.0
_BASIC = "basic "
# The form of a shop's id: a stranger's text must not get into the log.
_SHOP_ID = re.compile(r"[a-z0-9-]{1,63}")
_LOG = structlog.get_logger()


async def handle_webhook(request: web.Request) -> web.Response:
    """Answers 202 with what was done. Raises GatewayError, and counts it."""
    try:
        async with asyncio.timeout(request.app[CONFIG].action_timeout_s):
            merchant_id = await _authenticate(request)
            outcome = await _drop_member(request, merchant_id)
    except TimeoutError:
        _count(request, "failed")
        raise NotDroppedError(RETRY_AFTER_S) from None
    except GatewayError as error:
        _count(request, _name_outcome(error))
        if isinstance(error, WebhookSecretError):
            _note_refused(request)
        raise
    _count(request, outcome)
    return web.json_response({"status": outcome}, status=202)


async def _authenticate(request: web.Request) -> str:
    """Authenticate before the body is read. Raises WebhookSecretError, with no hint of the cause, and NotDroppedError.

    The secret is looked up by its hash, so the time does not show how much of a guess is right.
    """
    try:
        merchant_id = await request.app[WEBHOOK_SECRETS].find(_read_secret(request))
    except DatabaseError:
        raise NotDroppedError(RETRY_AFTER_S) from None
    if merchant_id is None or merchant_id != request.match_info["merchant"]:
        raise WebhookSecretError
    request[MERCHANT_ID] = merchant_id
    return merchant_id


def _read_secret(request: web.Request) -> str:
    """The header's value, or the password of HTTP Basic with any user name."""
    authorization = request.headers.get("Authorization", "")
    if SECRET_HEADER in request.headers or not authorization.lower().startswith(_BASIC):
        return request.headers.get(SECRET_HEADER, "").strip()
    try:
        pair = b64decode(authorization[len(_BASIC) :].strip(), validate=True).decode()
    except (binascii.Error, ValueError):
        return ""
    return pair.partition(":")[2]


async def _drop_member(request: web.Request, merchant_id: str) -> str:
    """Drop the member; returns "dropped" or "ignored". Raises RequestError, NotDroppedError."""
    events = request.app[EVENTS]
    try:
        found = parse_event(await read_body(request, timeout_s=request.app[CONFIG].action_timeout_s / 2))
    except RequestError:
        events.note_webhook(merchant_id, MALFORMED)
        raise
    if found is None:
        events.note_webhook(merchant_id, IGNORED)
        return IGNORED
    event, member_id = found
    try:
        await request.app[CLIENT].invalidate_snapshot(
            merchant_id,
            member_id,
            timeout_s=request.app[CONFIG].read_timeout_s,
            request_id=request[REQUEST_ID],
        )
    except LoyaltyCallError as error:
        if error.reason != "MERCHANT_NOT_FOUND":  # nothing is held for a removed shop
            _LOG.warning("webhook_not_handled", reason=error.reason, merchant_id=merchant_id)
            raise NotDroppedError(RETRY_AFTER_S) from error
    events.note_webhook(merchant_id, event)
    return "dropped"


def _note_refused(request: web.Request) -> None:
    """Log and note it for the operator of a shop that still sends an old secret."""
    claimed = request.match_info["merchant"]
    is_shop_id = _SHOP_ID.fullmatch(claimed) is not None
    _LOG.warning("webhook_refused", claimed_merchant_id=claimed if is_shop_id else None)
    if is_shop_id:
        request.app[EVENTS].note_refused_webhook(claimed)


def _name_outcome(error: GatewayError) -> str:
    if isinstance(error, WebhookSecretError):
        return "refused"
    return MALFORMED if isinstance(error, RequestError) else "failed"


def _count(request: web.Request, outcome: str) -> None:
    request.app[METRICS].webhooks.labels(outcome).inc()

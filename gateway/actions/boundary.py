"""The boundary of every button press: credential, rate, deadline, and an answer whatever happens."""

import asyncio
import time
from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

import msgspec
import structlog
from aiohttp import web

from gateway.actions.limiter import LIMITER
from gateway.actions.parameters import fetch_parameters
from gateway.actions.refusals import REFUSALS, make_last_refusal
from gateway.actions.reply import Reply
from gateway.clock import CLOCK
from gateway.config import CONFIG
from gateway.errors import AwardTokenError, CredentialError, GatewayError, LoyaltyCallError
from gateway.events.service import EVENTS
from gateway.events.sights import read_press
from gateway.http.authentication import authenticate
from gateway.http.problem import REQUEST_ID, render_error
from gateway.merchants import MERCHANTS
from gateway.metrics import METRICS
from gateway.wording.shop import DEFAULT_SHOP

_LOG = structlog.get_logger()
# The parts of the action's time that are kept for the answer: after a call, and without one.
_MARGIN_S = 0.5
_ANSWER_S = 0.25
_LEAST_TIMEOUT_S = 0.05
_GORGIAS_SHARE = 0.375
_DATABASE_SHARE = 0.25
# The setting's value with which agents see a refusal's text.
_SHOWN = "200"


class Press:
    """One press of a button, with what is known so far.

    `member_id`: the panel's member. `whose`: for a panel without one, its customer: see
    `refusals.py`.
    `ticket_id`: where it was pressed. `note_ticket_id`: the ticket that will certainly get a note of an unknown
    outcome; empty: none.
    `is_asked`: a change was asked for, so after an error something may be changed.
    """

    def __init__(self, request: web.Request) -> None:
        self.app = request.app
        self.request_id = request[REQUEST_ID]
        self.merchant_id = ""
        self.shop = DEFAULT_SHOP
        self.member_id = ""
        self.whose = ""
        self.ticket_id = ""
        self.note_ticket_id = ""
        self.is_asked = False
        self._began = time.monotonic()

    @property
    def now(self) -> datetime:
        return self.app[CLOCK].now()

    @property
    def left_s(self) -> float:
        """The time that is left for a call."""
        return self._get_left_s(self.app[CONFIG].action_timeout_s - _MARGIN_S)

    @property
    def gorgias_timeout_s(self) -> float:
        """The time in which Gorgias must say whose the ticket is: 1.5 s of 4 s."""
        return self.app[CONFIG].action_timeout_s * _GORGIAS_SHARE

    @property
    def database_timeout_s(self) -> float:
        """The time for a write to our own database: 1 s of 4 s. The rest is for the loyalty service."""
        return self.app[CONFIG].action_timeout_s * _DATABASE_SHARE

    @property
    def body_timeout_s(self) -> float:
        """The time that is left for the body: half of the action's time, so that the call has the other half."""
        return self._get_left_s(self.app[CONFIG].action_timeout_s / 2)

    def _get_left_s(self, timeout_s: float) -> float:
        return max(_LEAST_TIMEOUT_S, timeout_s - (time.monotonic() - self._began))


class Action(Protocol):
    """One kind of button; each press has a new object. `name` is its label in metrics."""

    @property
    def name(self) -> str: ...

    async def act(self, press: Press, parameters: Mapping[str, str]) -> Reply:
        """Parse the press and act. Raises GatewayError if nothing was changed, and LoyaltyCallError."""

    def render_refusal(self, error: GatewayError, press: Press) -> Reply:
        """Render the answer of a press that changed nothing because of `error`."""

    def render_lost(self, press: Press) -> Reply:
        """Render the answer of a press whose outcome is not known."""


async def answer_press(request: web.Request, action: Action) -> web.Response:
    """Answer every outcome, with a `message` for the agent; errors are problem documents with that message."""
    app, press = request.app, Press(request)
    parameters: Mapping[str, str] = {}
    try:
        async with asyncio.timeout(app[CONFIG].action_timeout_s - _ANSWER_S):
            press.merchant_id = await authenticate(request)
            app[LIMITER].take(press.merchant_id)
            press.shop = await app[MERCHANTS].get(press.merchant_id)
            parameters = await fetch_parameters(request, timeout_s=press.body_timeout_s)
            app[EVENTS].note_sights(press.merchant_id, read_press(request.content_type))
            reply = await action.act(press, parameters)
            _remember(press, parameters, reply, "")
            return _respond(request, action, reply, None)
    except GatewayError as error:
        failure = error
    except Exception:  # noqa: BLE001 - the outermost boundary: the agent gets a sentence even then
        _LOG.exception("action_failed", action=action.name)
        failure = GatewayError("INTERNAL_ERROR", "internal error")
    is_lost = press.is_asked and _is_outcome_unknown(failure)
    reply = action.render_lost(press) if is_lost else action.render_refusal(failure, press)
    if isinstance(failure, AwardTokenError):
        press.member_id = failure.member_id
    _remember(press, parameters, reply, failure.reason)
    return _respond(request, action, reply, failure)


def _is_outcome_unknown(error: GatewayError) -> bool:
    """Whether something may have been changed despite the error."""
    is_lost = isinstance(error, LoyaltyCallError) and not error.is_answered and error.is_sent
    return is_lost or error.reason == "INTERNAL_ERROR"


def _remember(press: Press, parameters: Mapping[str, str], reply: Reply, reason: str) -> None:
    """Remember a refusal for the member's next panel. Any other answer replaces it."""
    refusals = press.app[REFUSALS]
    whose = press.member_id or press.whose
    if not whose:
        return
    if reply.status != "refused":
        refusals.drop(press.merchant_id, whose)
    elif press.app[CONFIG].refusal_status != _SHOWN:
        refusal = make_last_refusal(reply.message, reason, parameters, press.now)
        refusals.put(press.merchant_id, whose, refusal)


def _respond(request: web.Request, action: Action, reply: Reply, error: GatewayError | None) -> web.Response:
    """Make the response. A refusal has its reason's status, unless agents only see the text of a 200 (a setting)."""
    request.app[METRICS].actions.labels(action.name, reply.status).inc()
    is_shown_as_200 = request.app[CONFIG].refusal_status == _SHOWN and not isinstance(error, CredentialError)
    if error is None or reply.status != "refused" or is_shown_as_200:
        return web.Response(body=msgspec.json.encode(reply), content_type="application/json")
    return render_error(error, request[REQUEST_ID], message=reply.message, award_id=reply.award_id)

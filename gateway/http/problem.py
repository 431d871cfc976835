"""Errors as RFC 9457 problem documents, and the request id in an answer, its problem document and its log lines."""

import math
import secrets
from http import HTTPStatus

import msgspec
from aiohttp import hdrs, web

from gateway.errors import GatewayError, LoyaltyCallError, NotDroppedError, RateLimitedError, TicketNotCheckedError

CONTENT_TYPE = "application/problem+json"
REQUEST_ID = web.RequestKey("request_id", str)
_REQUEST_ID_BYTES = 12

# The reasons of the HTTP library's errors.
_REASONS = {
    HTTPStatus.NOT_FOUND: "ROUTE_NOT_FOUND",
    HTTPStatus.METHOD_NOT_ALLOWED: "METHOD_NOT_ALLOWED",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "TOO_LARGE",
}


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`reason` is for machines; `message` and `award_id` are for agents, in answers of actions only."""

    type: str = ""
    title: str
    status: int
    detail: str
    reason: str
    request_id: str
    message: str = ""
    award_id: str = ""


def make_request_id() -> str:
    """Make an id for a request without one: 24 hex characters."""
    return secrets.token_hex(_REQUEST_ID_BYTES)


def render_http_error(status: HTTPStatus, request_id: str, *, detail: str) -> web.Response:
    """Render an error of the HTTP library; the reason follows from the status."""
    other = "INTERNAL_ERROR" if status >= HTTPStatus.INTERNAL_SERVER_ERROR else "BAD_VALUE"
    return render_problem(status, reason=_REASONS.get(status, other), detail=detail, request_id=request_id)


def render_error(error: GatewayError, request_id: str, *, message: str = "", award_id: str = "") -> web.Response:
    """Render an error, with Retry-After (whole seconds) if the time to wait is known."""
    response = render_problem(
        error.status,
        reason=error.reason,
        detail=error.message,
        request_id=request_id,
        message=message,
        award_id=award_id,
    )
    if (
        isinstance(error, RateLimitedError | TicketNotCheckedError | NotDroppedError | LoyaltyCallError)
        and error.retry_after_s is not None
    ):
        response.headers[hdrs.RETRY_AFTER] = str(math.ceil(error.retry_after_s))
    return response


def render_problem(  # noqa: PLR0913 - the document's members
    status: HTTPStatus, *, reason: str, detail: str, request_id: str, message: str = "", award_id: str = ""
) -> web.Response:
    """Render a problem document. The `detail` of a 5xx is the title: an inner service's text is only for the log."""
    problem = Problem(
        type="about:blank",
        title=status.phrase,
        status=status,
        detail=status.phrase if status >= HTTPStatus.INTERNAL_SERVER_ERROR else detail,
        reason=reason,
        request_id=request_id,
        message=message,
        award_id=award_id,
    )
    return web.Response(status=status, body=msgspec.json.encode(problem), content_type=CONTENT_TYPE)

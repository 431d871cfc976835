"""Middlewares of every request: id, log line, counts, and the last handler of errors."""

import re
import time
from http import HTTPStatus

import structlog
from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware

from gateway.errors import GatewayError
from gateway.http.authentication import MERCHANT_ID
from gateway.http.problem import REQUEST_ID, make_request_id, render_error, render_http_error
from gateway.metrics import Metrics

REQUEST_ID_HEADER = "X-Request-Id"
_REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_UNMATCHED = "unmatched"
_LOG = structlog.get_logger()


def make_observer(metrics: Metrics) -> Middleware:
    """The outermost middleware: sets the request's id, counts it, and logs it. Never logs a query string."""

    @web.middleware
    async def observe(request: web.Request, handler: Handler) -> web.StreamResponse:
        began = time.perf_counter()
        given = request.headers.get(REQUEST_ID_HEADER, "")
        request_id = given if _REQUEST_ID.fullmatch(given) else make_request_id()
        request[REQUEST_ID] = request_id
        # Not unbound afterwards: a connection's task serves one request at a time, and the next request binds its own
        # id.
        structlog.contextvars.bind_contextvars(request_id=request_id)
        response = await handler(request)
        seconds = time.perf_counter() - began
        resource = request.match_info.route.resource
        route = resource.canonical if resource else _UNMATCHED
        method = _known_method(request.method)
        metrics.requests.labels(route, method, response.status).inc()
        metrics.seconds.labels(route).observe(seconds)
        _LOG.info(
            "request",
            method=method,
            route=route,
            status=response.status,
            ms=round(seconds * 1000, 1),
            merchant_id=request.get(MERCHANT_ID),
        )
        response.headers[REQUEST_ID_HEADER] = request_id
        return response

    return observe


@web.middleware
async def answer_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer every error as a problem document; an unforeseen error is a 500 without its text."""
    try:
        return await handler(request)
    except GatewayError as error:
        return render_error(error, request[REQUEST_ID])
    except web.HTTPException as error:
        return _render_http_error(error, request[REQUEST_ID])
    except Exception:  # noqa: BLE001 - the outermost boundary
        _LOG.exception("request_failed")
        return render_http_error(HTTPStatus.INTERNAL_SERVER_ERROR, request[REQUEST_ID], detail="")


def _render_http_error(error: web.HTTPException, request_id: str) -> web.Response:
    response = render_http_error(HTTPStatus(error.status), request_id, detail=error.reason)
    if hdrs.ALLOW in error.headers:
        response.headers[hdrs.ALLOW] = error.headers[hdrs.ALLOW]
    return response


def _known_method(method: str) -> str:
    """An unknown method must not become a label."""
    return method if method in hdrs.METH_ALL else "other"

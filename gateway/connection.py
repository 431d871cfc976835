"""HTTP connections of the edge, and what is said and logged where a request cannot be read as HTTP."""

from http import HTTPStatus

import structlog
from aiohttp import web

from gateway.problem import make_request_id, render_http_error

_LOG = structlog.get_logger()


class Connection(web.RequestHandler):
    """aiohttp's own error answers and log lines quote the request line and the headers: credentials and e-mails."""

    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = HTTPStatus.INTERNAL_SERVER_ERROR,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 - the hook's signature
    ) -> web.StreamResponse:
        """Answers with a problem document that quotes nothing, and ends the connection."""
        request_id = make_request_id()
        _LOG.warning("request_unreadable", request_id=request_id, status=status, error=type(exc).__name__)
        if request.writer.output_size > 0:
            raise ConnectionError("an answer has begun, so no other can be given")
        response = render_http_error(HTTPStatus(status), request_id, detail="this is not valid HTTP")
        response.force_close()
        return response

    def log_exception(self, *_args: object, exc_info: BaseException | None = None, **_more: object) -> None:
        _LOG.error("connection_failed", error=type(exc_info).__name__)

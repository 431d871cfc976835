"""Interceptors of every call: authentication, request id, log line and error status."""

import hmac
import re
import secrets
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias, cast

import grpc
import structlog
from google.protobuf.message import DecodeError
from google.rpc.status_pb2 import Status
from grpc_status.rpc_status import to_status

from loyalty_service.api.status import INTERNAL_REASON, make_internal_status, make_status
from loyalty_service.domain.errors import BadValueError, CallerUnknownError, LoyaltyError, StoreUnavailableError
from loyalty_service.merchants.parse import is_merchant_id
from runtime.database import DatabaseError

OWN_METHODS = "/loyalty.v1."
_REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")

Context: TypeAlias = grpc.aio.ServicerContext[Any, Any]
Parse: TypeAlias = Callable[[bytes], Any]
Handler: TypeAlias = Callable[[Any, Context], Awaitable[Any]]
MethodHandler: TypeAlias = "grpc.RpcMethodHandler[Any, Any] | None"
Continuation: TypeAlias = Callable[[grpc.HandlerCallDetails], Awaitable[MethodHandler]]

logger = structlog.get_logger()


class _Interceptor(grpc.aio.ServerInterceptor):
    """Wraps the handlers of our own services once; health and reflection are not wrapped."""

    def __init__(self) -> None:
        self._wrapped: dict[str, MethodHandler] = {}

    async def intercept_service(
        self, continuation: Continuation, handler_call_details: grpc.HandlerCallDetails
    ) -> MethodHandler:
        method = handler_call_details.method
        if method in self._wrapped:
            return self._wrapped[method]
        handler = await continuation(handler_call_details)
        if handler is None or not method.startswith(OWN_METHODS):
            return handler
        wrapped = grpc.unary_unary_rpc_method_handler(
            self._wrap(method.rpartition("/")[2], cast("Handler", handler.unary_unary)),  # typed as if for threads
            _parse_or_none(cast("Parse", handler.request_deserializer)),
            handler.response_serializer,
        )
        self._wrapped[method] = wrapped
        return wrapped

    def _wrap(self, method: str, handler: Handler) -> Handler:
        raise NotImplementedError


class CallBoundary(_Interceptor):
    """The outermost interceptor: binds the request id, logs the call, and hides the texts of exceptions."""

    def _wrap(self, method: str, handler: Handler) -> Handler:
        async def call(request: Any, context: Context) -> Any:  # noqa: ANN401  any message
            began = time.perf_counter()
            request_id = _read_request_id(context)
            structlog.contextvars.bind_contextvars(request_id=request_id)
            code, reason, status = "CANCELLED", None, None
            try:
                _check_parsed(request)
                response = await handler(request, context)
                code = "OK"
            except LoyaltyError as error:
                status, reason = make_status(error), error.reason
            except Exception as error:  # the outermost boundary: the caller must not see its text
                logger.exception("call_failed", method=method)
                status, reason = _make_status(error, request_id)
            finally:
                code = _name_code(status) if status else code
                _log_call(method, request, code, reason, began)
            if status is not None:
                await context.abort_with_status(to_status(status))
            return response

        return call


class CallerAuth(_Interceptor):
    """Requires `authorization: Bearer <key>`."""

    def __init__(self, api_key: str) -> None:
        super().__init__()
        self._expected = f"Bearer {api_key}".encode()

    def _wrap(self, method: str, handler: Handler) -> Handler:  # noqa: ARG002  the same for every method
        async def call(request: Any, context: Context) -> Any:  # noqa: ANN401  any message
            given = _read_metadata(context, "authorization")
            if not hmac.compare_digest(given.encode(), self._expected):
                raise CallerUnknownError("the bearer key is missing or wrong")
            return await handler(request, context)

        return call


def _make_status(error: Exception, request_id: str) -> tuple[Status, str]:
    """The status and the reason of an error that is not of the domain."""
    if isinstance(error, (DatabaseError, TimeoutError)):  # TimeoutError: our own database took too long
        return make_status(StoreUnavailableError()), StoreUnavailableError.reason
    return make_internal_status(request_id), INTERNAL_REASON


def _parse_or_none(parse: Parse) -> Parse:
    """Return None for bytes that are no such message: otherwise gRPC would show the caller our parser's error."""

    def parse_request(data: bytes) -> Any:  # noqa: ANN401  any message
        try:
            return parse(data)
        except DecodeError:
            return None

    return parse_request


def _check_parsed(request: object) -> None:
    if request is None:
        raise BadValueError("request", "must be a message of this call's type, its texts UTF-8")


def _read_metadata(context: Context, name: str) -> str:
    """The first value under `name`, or an empty text."""
    for key, value in context.invocation_metadata() or ():
        if key == name and isinstance(value, str):
            return value
    return ""


def _read_request_id(context: Context) -> str:
    given = _read_metadata(context, "x-request-id")
    return given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(8)


def _name_code(status: Status) -> str:
    return next(code.name for code in grpc.StatusCode if code.value[0] == status.code)


def _log_call(method: str, request: Any, code: str, reason: str | None, began: float) -> None:  # noqa: ANN401  any message
    merchant_id = getattr(request, "merchant_id", "") or getattr(getattr(request, "merchant", None), "merchant_id", "")
    logger.info(
        "call",
        method=method,
        code=code,
        reason=reason,
        ms=round((time.perf_counter() - began) * 1000, 2),
        # Another text may be anything, even a person's data.
        merchant_id=merchant_id if is_merchant_id(merchant_id) else None,
    )

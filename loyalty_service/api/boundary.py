"""Surrounds every call: authentication, request id, log line and error status."""

import re
import secrets
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import grpc
import structlog
from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.message import DecodeError
from google.protobuf.message_factory import GetMessageClass
from google.rpc.status_pb2 import Status
from grpc_status.rpc_status import to_status

from loyalty_service.api.access import Access, Metadata, find_merchant_id, find_value, set_caller
from loyalty_service.api.status import INTERNAL_REASON, make_internal_status, make_status
from loyalty_service.domain.errors import BadValueError, LoyaltyError, StoreUnavailableError
from loyalty_service.merchants.parse import is_merchant_id
from runtime.database import DatabaseError

_REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")

Context: TypeAlias = grpc.aio.ServicerContext[Any, Any]
Parse: TypeAlias = Callable[[bytes], Any]
Handler: TypeAlias = Callable[[Any, Context], Awaitable[Any]]

logger = structlog.get_logger()


class Boundary:
    """Surrounds each method of our own services."""

    def __init__(self, access: Access) -> None:
        self._access = access

    def add(self, server: grpc.aio.Server, service: ServiceDescriptor, servicer: object) -> None:
        """Each method of the service, all of them unary. gRPC's interceptors would cost each call more."""
        handlers = {
            method.name: grpc.unary_unary_rpc_method_handler(
                self._wrap(method.name, getattr(servicer, method.name)),
                _parse_or_none(GetMessageClass(method.input_type).FromString),
                GetMessageClass(method.output_type).SerializeToString,
            )
            for method in service.methods
        }
        # Not "registered" to gRPC's core: for each call its server waits for all registered methods anew.
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service.full_name, handlers),))

    def _wrap(self, method: str, handler: Handler) -> Handler:
        """Bind the request id, log the call, and hide the texts of exceptions."""

        async def call(request: Any, context: Context) -> Any:  # noqa: ANN401  any message
            began = time.perf_counter()
            metadata = context.invocation_metadata() or ()
            request_id = _find_request_id(metadata)
            structlog.contextvars.bind_contextvars(request_id=request_id)
            code, reason, status = "CANCELLED", None, None
            try:
                await self._check_caller(metadata, method, request)
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

    async def _check_caller(self, metadata: Metadata, method: str, request: Any) -> None:  # noqa: ANN401  any message
        """Check the key and the role first: a stranger's request is not looked at. Raises LoyaltyError."""
        caller = await self._access.find_caller(metadata, method)
        if caller.name:
            structlog.contextvars.bind_contextvars(caller=caller.name)
        self._access.check_role(caller, method)
        _check_parsed(request)
        self._access.check_merchant(caller, method, request)
        set_caller(caller)


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


def _find_request_id(metadata: Metadata) -> str:
    given = find_value(metadata, "x-request-id")
    return given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(8)


def _name_code(status: Status) -> str:
    return next(code.name for code in grpc.StatusCode if code.value[0] == status.code)


def _log_call(method: str, request: Any, code: str, reason: str | None, began: float) -> None:  # noqa: ANN401  any message
    merchant_id = find_merchant_id(request)
    logger.info(
        "call",
        method=method,
        code=code,
        reason=reason,
        ms=round((time.perf_counter() - began) * 1000, 2),
        # Another text may be anything, even a person's data.
        merchant_id=merchant_id if is_merchant_id(merchant_id) else None,
    )

"""The table from the domain's errors to gRPC status codes, and the details of a status."""

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status

from loyalty_service.domain import caller_errors, errors

ERROR_DOMAIN = "loyalty.v1"
INTERNAL_REASON = "INTERNAL_ERROR"

CODES: dict[type[errors.LoyaltyError], grpc.StatusCode] = {
    errors.BadValueError: grpc.StatusCode.INVALID_ARGUMENT,
    caller_errors.CallerUnknownError: grpc.StatusCode.UNAUTHENTICATED,
    caller_errors.CallerForbiddenError: grpc.StatusCode.PERMISSION_DENIED,
    caller_errors.CallerExistsError: grpc.StatusCode.ALREADY_EXISTS,
    caller_errors.CallerNotFoundError: grpc.StatusCode.NOT_FOUND,
    errors.MerchantNotFoundError: grpc.StatusCode.NOT_FOUND,
    errors.MerchantExistsError: grpc.StatusCode.ALREADY_EXISTS,
    errors.MerchantUnverifiedError: grpc.StatusCode.FAILED_PRECONDITION,
    errors.MemberNotFoundError: grpc.StatusCode.NOT_FOUND,
    errors.MemberAmbiguousError: grpc.StatusCode.FAILED_PRECONDITION,
    errors.SearchesExhaustedError: grpc.StatusCode.FAILED_PRECONDITION,
    errors.MemberBlockedError: grpc.StatusCode.FAILED_PRECONDITION,
    errors.MemberStatusUnknownError: grpc.StatusCode.FAILED_PRECONDITION,
    errors.WalletDisabledError: grpc.StatusCode.FAILED_PRECONDITION,
    errors.SeveralWalletsError: grpc.StatusCode.FAILED_PRECONDITION,
    errors.AwardNotFoundError: grpc.StatusCode.NOT_FOUND,
    errors.RequestIdReusedError: grpc.StatusCode.ALREADY_EXISTS,
    errors.AwardInDoubtError: grpc.StatusCode.FAILED_PRECONDITION,
    errors.LimitExceededError: grpc.StatusCode.FAILED_PRECONDITION,
    errors.AwardStateError: grpc.StatusCode.FAILED_PRECONDITION,
    errors.ReversalTooLateError: grpc.StatusCode.FAILED_PRECONDITION,
    errors.SnapshotsUnavailableError: grpc.StatusCode.UNAVAILABLE,
    errors.StoreUnavailableError: grpc.StatusCode.UNAVAILABLE,
    errors.ProviderCredentialsError: grpc.StatusCode.FAILED_PRECONDITION,
    errors.ProviderThrottledError: grpc.StatusCode.UNAVAILABLE,
    errors.ProviderUnavailableError: grpc.StatusCode.UNAVAILABLE,
    errors.ProviderTimeoutError: grpc.StatusCode.DEADLINE_EXCEEDED,
    errors.ProviderContractError: grpc.StatusCode.INTERNAL,
    # Never a status: it is only an award's rejection_reason.
    errors.ProviderRefusedError: grpc.StatusCode.FAILED_PRECONDITION,
}


def make_status(error: errors.LoyaltyError) -> Status:
    """The status of an error, with ErrorInfo, and RetryInfo or BadRequest where they apply."""
    details: list[Message] = [ErrorInfo(reason=error.reason, domain=ERROR_DOMAIN, metadata=error.metadata)]
    if isinstance(error, errors.BadValueError):
        violation = BadRequest.FieldViolation(field=error.field, description=error.description)
        details.append(BadRequest(field_violations=[violation]))
    if isinstance(error, errors.ProviderThrottledError | errors.StoreUnavailableError):
        delay = Duration()
        delay.FromNanoseconds(round(error.retry_after_s * 1e9))
        details.append(RetryInfo(retry_delay=delay))
    return _make_status(CODES[type(error)], error.message, details)


def make_internal_status(request_id: str) -> Status:
    """The status of an unforeseen error: it only says where to look."""
    info = ErrorInfo(reason=INTERNAL_REASON, domain=ERROR_DOMAIN, metadata={"request_id": request_id})
    return _make_status(grpc.StatusCode.INTERNAL, "internal error", [info])


def _make_status(code: grpc.StatusCode, message: str, details: list[Message]) -> Status:
    status = Status(code=code.value[0], message=message)
    for detail in details:
        packed = AnyMessage()
        packed.Pack(detail)
        status.details.append(packed)
    return status

"""The table of errors is compared with all classes and all reasons: one that is not mapped fails here."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import grpc
import pytest

from loyalty_service.api.status import CODES, INTERNAL_REASON, make_internal_status, make_status
from loyalty_service.domain import caller_errors, errors
from protos.loyalty.v1 import loyalty_pb2 as pb
from tests.loyalty_service.running import read_failure

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
EXAMPLES = [
    errors.BadValueError("points", "must be 1 or more"),
    caller_errors.CallerUnknownError(),
    caller_errors.CallerForbiddenError(role="award"),
    caller_errors.CallerExistsError("bot"),
    caller_errors.CallerNotFoundError(),
    errors.MerchantNotFoundError(),
    errors.MerchantExistsError("acme"),
    errors.MerchantUnverifiedError(),
    errors.MemberNotFoundError(NOW),
    errors.MemberAmbiguousError({"jana": "JN-4821", "jan": ""}, NOW),
    errors.SearchesExhaustedError(5),
    errors.MemberBlockedError(),
    errors.MemberStatusUnknownError("suspended"),
    errors.WalletDisabledError(),
    errors.SeveralWalletsError(),
    errors.SnapshotsUnavailableError(),
    errors.StoreUnavailableError(),
    errors.AwardNotFoundError(),
    errors.RequestIdReusedError("A-1"),
    errors.AwardInDoubtError("A-1", request_id="request-1", ticket_id="4711", attempt_time=NOW),
    errors.LimitExceededError("per_award", maximum=500, used=0),
    errors.AwardStateError("A-1", "unknown"),
    errors.ReversalTooLateError("A-1", NOW),
    errors.ProviderCredentialsError("401"),
    errors.ProviderThrottledError("429", 12.5),
    errors.ProviderUnavailableError("500"),
    errors.ProviderTimeoutError("slow"),
    errors.ProviderContractError("HTML"),
    errors.ProviderRefusedError("402"),
]


def list_leaves(kind: type[errors.LoyaltyError]) -> Iterator[type[errors.LoyaltyError]]:
    children = kind.__subclasses__()
    for child in children:
        yield from list_leaves(child)
    if not children:
        yield kind


def test_table_names_every_error_of_the_domain() -> None:
    assert set(CODES) == set(list_leaves(errors.LoyaltyError)) == {type(error) for error in EXAMPLES}


def test_errors_and_the_protos_reasons_are_the_same_list() -> None:
    reasons = {error.reason for error in EXAMPLES} | {INTERNAL_REASON}

    assert reasons == set(pb.ErrorReason.keys()) - {"ERROR_REASON_UNSPECIFIED"}


@pytest.mark.parametrize("error", EXAMPLES, ids=lambda error: error.reason)
def test_status_carries_what_the_error_knows(error: errors.LoyaltyError) -> None:
    failure = read_failure(make_status(error))

    assert (failure.code, failure.reason) == (CODES[type(error)], error.reason)
    assert (failure.message, failure.metadata) == (error.message, error.metadata)
    assert failure.field == (error.field if isinstance(error, errors.BadValueError) else "")
    assert failure.retry_s == getattr(error, "retry_after_s", 0)


def test_proto_says_the_same_code_in_the_comment_of_each_reason() -> None:
    """Callers read this code there, and get it."""
    proto = Path(pb.__file__).with_name("loyalty.proto")
    found = re.findall(r"((?:^ *// .*\n)+) *([A-Z_]+) = \d+;", proto.read_text(encoding="utf-8"), re.MULTILINE)
    comments = {name: comment.strip().removeprefix("// ") for comment, name in found}
    for error in EXAMPLES:
        if not isinstance(error, errors.ProviderRefusedError):
            assert comments[error.reason].startswith(CODES[type(error)].name), error.reason


def test_anything_else_is_an_internal_error_with_its_request_id() -> None:
    failure = read_failure(make_internal_status("panel-7"))

    assert (failure.code, failure.message) == (grpc.StatusCode.INTERNAL, "internal error")
    assert failure.metadata == {"request_id": "panel-7"}

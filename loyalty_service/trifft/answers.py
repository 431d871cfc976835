"""Interprets an answer: its data, or the domain's error. No text of the provider's gets into a message."""

import re
from datetime import datetime
from typing import Any, NoReturn

import structlog

from loyalty_service.domain.errors import (
    BookingUnknownError,
    MemberNotFoundError,
    ProviderContractError,
    ProviderCredentialsError,
    ProviderRefusedError,
    ProviderThrottledError,
    ProviderUnavailableError,
)
from loyalty_service.domain.merchant import Merchant
from loyalty_service.outbound.transport import Answer, Request
from loyalty_service.trifft.expression import Expression
from loyalty_service.trifft.mapping.fields import read_required
from loyalty_service.trifft.profile import Profile
from loyalty_service.trifft.wire import WireError, parse_json

_ROLE = re.compile(r"\bROLE_[A-Z_]{1,60}\b")
_LOG_SAFE = re.compile(r"[A-Za-z0-9_.:-]{1,80}")
_ANY_TEXT = re.compile(r".{0,1000}", re.DOTALL)

_log = structlog.get_logger(__name__)


def log_contract(merchant: Merchant, operation: str, sentence: str) -> None:
    """Log an answer that does not fit the profile."""
    _log.error("provider_contract", merchant_id=merchant.merchant_id, operation=operation, problem=sentence)


def parse_data(answer: Answer, profile: Profile) -> Any:  # noqa: ANN401 - whatever the provider sent
    """Return the data of a 2xx, bare or wrapped. Raises WireError."""
    if answer.is_cut:
        raise WireError("an answer that is too large")
    if not answer.is_json:
        raise WireError("a body that is not of a JSON type")
    body, lines = parse_json(answer.body), profile.envelope
    if read_required("envelope.is_wrapped", lines.is_wrapped, body, lambda found: found is True):
        return read_required("envelope.data", lines.data, body, lambda found: found)
    if isinstance(body, dict) and body.get("success") is False:
        raise WireError("an answer that says that it failed", "envelope.is_wrapped")
    return body


def explain_contract(profile: Profile, operation: str, error: WireError) -> str:
    """Name the profile's line that the answer does not fit; the path's line if no other line is to blame."""
    line = profile.quote_line(error.line or f"{operation}.path")
    return f"TRIFFT's answer to {operation} cannot be read: {line} found {error}"


def raise_for_read(answer: Answer, profile: Profile, merchant: Merchant, request: Request, now: datetime) -> None:
    """Raises the error for every answer to a read that is not a 2xx."""
    if answer.status // 100 == 2:  # noqa: PLR2004 - HTTP's own number
        return
    error = _log_refusal(answer, profile, merchant, request)
    _raise_common(answer.status, error, profile)
    if answer.status == 404 and request.operation in {"get_member", "list_coupons", "list_movements"}:  # noqa: PLR2004 - HTTP's own number
        raise MemberNotFoundError(now)
    if answer.is_failure:
        raise ProviderUnavailableError(f"TRIFFT answered {answer.status}")
    raise ProviderContractError(explain_contract(profile, request.operation, WireError(f"HTTP {answer.status}")))


def raise_for_booking(answer: Answer, profile: Profile, merchant: Merchant, request: Request, now: datetime) -> None:
    """Raises the error for every answer to a booking that is not a 2xx; if it may be booked, BookingUnknownError."""
    if answer.status // 100 == 2:  # noqa: PLR2004 - HTTP's own number
        return
    error = _log_refusal(answer, profile, merchant, request)
    _raise_common(answer.status, error, profile)
    match answer.status:
        case 404:
            raise MemberNotFoundError(now)
        case 400 | 402:
            raise ProviderRefusedError(f"TRIFFT refused the {request.operation} with {answer.status}")
        case _:
            raise BookingUnknownError(f"TRIFFT answered {answer.status}")


def _raise_common(status: int, message: str, profile: Profile) -> None:
    if status in {401, 403}:
        _raise_credentials(status, message)
    if status == 429:  # noqa: PLR2004 - HTTP's own number
        raise ProviderThrottledError("TRIFFT refuses requests for the moment", profile.rate.block_s)


def _raise_credentials(status: int, message: str) -> NoReturn:
    role = _ROLE.search(message)
    if status == 403 and role:  # noqa: PLR2004 - HTTP's own number
        raise ProviderCredentialsError(f"the shop's token lacks {role.group()}")
    raise ProviderCredentialsError("TRIFFT refuses the shop's token")


def _log_refusal(answer: Answer, profile: Profile, merchant: Merchant, request: Request) -> str:
    """Log what identifies the failure at the provider; return the provider's message, which must not be shown."""
    try:
        body = parse_json(answer.body)
    except WireError:
        body = None
    fields = profile.error
    _log.warning(
        "provider_refused",
        merchant_id=merchant.merchant_id,
        operation=request.operation,
        status=answer.status,
        exception=_search_safe(fields.exception, body, _LOG_SAFE),
        event_id=_search_safe(fields.event_id, body, _LOG_SAFE),
    )
    return _search_safe(fields.message, body, _ANY_TEXT)


def _search_safe(expression: Expression, body: object, pattern: re.Pattern[str]) -> str:
    try:
        text = expression.search(body)
    except WireError:
        return ""
    return text if isinstance(text, str) and pattern.fullmatch(text) else ""

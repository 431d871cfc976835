"""Interprets an answer: its data, or the domain's error. No text of the provider's gets into a message."""

import re
from datetime import datetime
from typing import Any, NoReturn

import msgspec
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

FORBIDDEN = 403
_BAD_REQUEST, _NOT_FOUND, _THROTTLED = 400, 404, 429

_log = structlog.get_logger(__name__)


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """An answer that is no 2xx. `missing_role`: the one that a 403 names, or empty.

    `has_message`: whether its JSON has the provider's message; None: it is no JSON object.
    """

    operation: str
    status: int
    missing_role: str = ""
    has_message: bool | None = None

    @property
    def is_of_token(self) -> bool:
        return self.status in {401, FORBIDDEN}

    @property
    def is_failure(self) -> bool:
        """Whether the provider itself failed."""
        return self.status // 100 == 5  # noqa: PLR2004 - HTTP's own number

    @property
    def is_about_member(self) -> bool:
        """Whether the path names a member."""
        return self.operation not in {"find_member", "probe"}

    @property
    def may_be_of_member(self) -> bool:
        """Whether it may be about the member, or the booking, and not about the operation."""
        is_booking = self.operation in {"credit", "debit"}
        return (self.status == _NOT_FOUND and self.is_about_member) or (self.status == _BAD_REQUEST and is_booking)


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


def read_refusal(answer: Answer, profile: Profile, merchant: Merchant, request: Request) -> Refusal | None:
    """None for a 2xx. Logs what identifies the failure at the provider; its message must not be shown."""
    if answer.status // 100 == 2:  # noqa: PLR2004 - HTTP's own number
        return None
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
    message = _search_safe(fields.message, body, _ANY_TEXT)
    role = _ROLE.search(message) if answer.status == FORBIDDEN else None
    return Refusal(
        operation=request.operation,
        status=answer.status,
        missing_role=role.group() if role else "",
        has_message=bool(message) if isinstance(body, dict) else None,
    )


def raise_for_read(refusal: Refusal, profile: Profile, now: datetime) -> NoReturn:
    """Raises the error for an answer to a read that is not a 2xx."""
    _raise_common(refusal, profile)
    if refusal.status == _NOT_FOUND and refusal.is_about_member:
        raise MemberNotFoundError(now)
    if refusal.is_failure:
        raise ProviderUnavailableError(f"TRIFFT answered {refusal.status}")
    raise ProviderContractError(explain_contract(profile, refusal.operation, WireError(f"HTTP {refusal.status}")))


def raise_for_booking(refusal: Refusal, profile: Profile, now: datetime) -> NoReturn:
    """Raises the error for an answer to a booking that is not a 2xx; if it may be booked, BookingUnknownError."""
    _raise_common(refusal, profile)
    match refusal.status:
        case 404:
            raise MemberNotFoundError(now)
        case 400 | 402:
            raise ProviderRefusedError(f"TRIFFT refused the {refusal.operation} with {refusal.status}")
        case _:
            raise BookingUnknownError(f"TRIFFT answered {refusal.status}")


def _raise_common(refusal: Refusal, profile: Profile) -> None:
    if refusal.is_of_token:
        role = refusal.missing_role
        raise ProviderCredentialsError(f"the shop's token lacks {role}" if role else "TRIFFT refuses the shop's token")
    if refusal.status == _THROTTLED:
        raise ProviderThrottledError("TRIFFT refuses requests for the moment", profile.rate.block_s)


def _search_safe(expression: Expression, body: object, pattern: re.Pattern[str]) -> str:
    try:
        text = expression.search(body)
    except WireError:
        return ""
    return text if isinstance(text, str) and pattern.fullmatch(text) else ""

"""Parses awards, reversals and filters: each value is checked and cleaned once."""

import re
import unicodedata
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from loyalty_service.domain.award import Award, AwardRequest, AwardState, Content, IdentifiedBy
from loyalty_service.domain.award_filter import AwardFilter
from loyalty_service.domain.errors import BadValueError, MerchantUnverifiedError
from loyalty_service.domain.limits import check_award
from loyalty_service.domain.member import Member
from loyalty_service.domain.merchant import Merchant
from runtime.addresses import fold_ascii_case
from runtime.text import cut, make_line

MAX_NOTE_CHARS = 500
MAX_TICKET_ID_CHARS = 64
MAX_AGENT_CHARS = 320
MAX_MEMBER_ID_CHARS = 320
MAX_REASON_CHARS = 100
MAX_BECAUSE_CHARS = 500
MAX_KEPT_CHARS = 200

_REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")
_NUMBER = re.compile(r"[1-9][0-9]{0,17}")
# Quotes as keyboards and word processors write them, and spaces.
_QUOTES = " \"'`\u2018\u2019\u201a\u201c\u201d\u201e\u00ab\u00bb\u2039\u203a"


class GivenAward(msgspec.Struct, frozen=True, kw_only=True):
    """An award or a deduction (`debit`) as requested, unchecked.

    `member_fetch_time`: of the snapshot that the agent was looking at. `caller`: as in AwardRequest.
    """

    request_id: str
    member_id: str
    points: int
    note: str = ""
    ticket_id: str = ""
    claimed_agent_email: str = ""
    claimed_agent_name: str = ""
    reason: str = ""
    ticket_verified: bool = False
    member_fetch_time: datetime | None = None
    debit: bool = False
    caller: str = ""
    identified_by: IdentifiedBy = IdentifiedBy.UNSPECIFIED


class GivenReversal(msgspec.Struct, frozen=True, kw_only=True):
    """A reversal as requested, unchecked. `caller`: as in AwardRequest."""

    request_id: str
    award_id: str
    note: str = ""
    ticket_id: str = ""
    claimed_agent_email: str = ""
    claimed_agent_name: str = ""
    ticket_verified: bool = False
    caller: str = ""


def parse_award_number(award_id: str) -> int | None:
    """The number in "A-10482"; None for another text."""
    number = award_id.removeprefix("A-")
    return int(number) if number != award_id and is_award_number(number) else None


def is_award_number(text: str) -> bool:
    """Whether it is a whole number from 1 that fits int64."""
    return _NUMBER.fullmatch(text) is not None


def is_request_id(text: str) -> bool:
    return _REQUEST_ID.fullmatch(text) is not None


def check_request_id(text: str) -> None:
    if not is_request_id(text):
        raise BadValueError("request_id", "must be 8 to 64 characters of A-Z a-z 0-9 _ -")


def read_content(given: GivenAward) -> Content:
    """Read the content, even of a request that will be refused: an award on record may answer it."""
    return (given.member_id, given.points, given.debit, given.ticket_id.strip())


def parse_award(merchant: Merchant, given: GivenAward) -> AwardRequest:
    """Raises MerchantUnverifiedError, BadValueError, and LimitExceededError for a limit of a single award."""
    check_request_id(given.request_id)
    # The award is sent with this same copy of the merchant, so it goes out as it was proven.
    if not merchant.is_verified:
        raise MerchantUnverifiedError
    if given.points < 1:
        raise BadValueError("points", "must be whole points, 1 or more")
    member_id = _parse_printable("member_id", given.member_id, MAX_MEMBER_ID_CHARS)
    if not member_id.strip():
        raise BadValueError("member_id", "must not be empty")
    request = AwardRequest(
        merchant_id=merchant.merchant_id,
        merchant_generation=merchant.generation,
        request_id=given.request_id,
        member_id=member_id,
        points=given.points,
        reason=_clean("reason", given.reason, MAX_REASON_CHARS),
        is_debit=given.debit,
        identified_by=given.identified_by,
        **_parse_common(given),
    )
    check_award(request.points, merchant.limits, is_debit=request.is_debit)
    reason = match_reason(request.reason, merchant.award_reasons, is_debit=request.is_debit)
    return msgspec.structs.replace(request, reason=reason)


def parse_reversal(merchant: Merchant, given: GivenReversal, original: Award) -> AwardRequest:
    """Raises BadValueError."""
    check_request_id(given.request_id)
    return AwardRequest(
        merchant_id=merchant.merchant_id,
        merchant_generation=merchant.generation,
        request_id=given.request_id,
        member_id=original.request.member_id,
        member_support_id=original.request.member_support_id,
        points=original.request.points,
        reverses=original.number,
        is_debit=not original.request.is_debit,
        identified_by=original.request.identified_by,
        **_parse_common(given),
    )


def add_member(request: AwardRequest, member: Member | None) -> AwardRequest:
    """Add the member's values; None: not known. Their texts come from the provider, so they are cut, not refused."""
    if member is None:
        return request

    def keep(text: str) -> str:
        return cut(make_line(text), MAX_KEPT_CHARS)

    tier_before = keep(member.tier.display_name) if member.tier else ""
    return msgspec.structs.replace(request, tier_before=tier_before, member_support_id=keep(member.support_id))


def match_reason(text: str, reasons: Sequence[str], *, is_debit: bool) -> str:
    """Find the shop's reason that `text` equals or begins, in the shop's spelling; `text` if the shop has no reasons.

    A reason may be typed in quotes. A deduction always needs one. Raises BadValueError.
    """
    if not reasons:
        if is_debit and not text.strip(_QUOTES):
            raise BadValueError("reason", "must be given when points are taken away")
        return text
    for typed in (text, text.strip(_QUOTES)):
        found = [reason for reason in reasons if typed and fold_ascii_case(reason).startswith(fold_ascii_case(typed))]
        if len(found) == 1:
            return found[0]
    raise BadValueError("reason", f"must be one of these, or its beginning: {', '.join(reasons)}")


def parse_finding(state: AwardState, settled_by: str, because: str) -> tuple[str, str]:
    """Parse who settles an award, and why they are sure. Raises BadValueError."""
    if state not in {AwardState.APPLIED, AwardState.NOT_APPLIED}:
        raise BadValueError("outcome", "must be AWARD_STATE_APPLIED or AWARD_STATE_NOT_APPLIED")
    actor = _parse_text("settled_by", settled_by, MAX_AGENT_CHARS)
    return actor, _parse_text("because", because, MAX_BECAUSE_CHARS)


def parse_eraser(text: str) -> str:
    """Parse who wants an erasure. Raises BadValueError."""
    return _parse_text("erased_by", text, MAX_AGENT_CHARS)


def parse_verifier(text: str) -> str:
    """Parse the name of the person who verifies a shop. Raises BadValueError."""
    return _parse_text("verified_by", text, MAX_AGENT_CHARS)


def parse_filter(given: AwardFilter) -> AwardFilter:
    """Parse a filter; its texts get the form of stored awards. Raises BadValueError."""
    return msgspec.structs.replace(
        given,
        claimed_agent=_parse_agent("filter.claimed_agent", given.claimed_agent),
        member_id=_parse_printable("filter.member_id", given.member_id, MAX_MEMBER_ID_CHARS),
        member_support_id=_parse_printable(
            "filter.member_support_id", given.member_support_id.strip(), MAX_MEMBER_ID_CHARS
        ),
        ticket_id=_parse_printable("filter.ticket_id", given.ticket_id.strip(), MAX_TICKET_ID_CHARS),
    )


def _parse_common(given: GivenAward | GivenReversal) -> dict[str, Any]:
    return {
        "note": _clean("note", given.note, MAX_NOTE_CHARS),
        "ticket_id": _parse_printable("ticket_id", given.ticket_id.strip(), MAX_TICKET_ID_CHARS),
        "claimed_agent_email": _parse_agent("claimed_agent_email", given.claimed_agent_email),
        "claimed_agent_name": _parse_agent("claimed_agent_name", given.claimed_agent_name),
        "is_ticket_verified": given.ticket_verified,
        "caller": given.caller,
    }


def _parse_printable(field: str, text: str, limit: int) -> str:
    """Unchanged: another text would name something else."""
    if len(text) > limit or not text.isprintable():
        raise BadValueError(field, f"must be at most {limit} printable characters")
    return text


def _clean(field: str, text: str, limit: int) -> str:
    """Clean a text for people: NFC, and one line."""
    line = make_line(unicodedata.normalize("NFC", text))
    return _check_length(field, unicodedata.normalize("NFC", line).strip(), limit)


def _parse_text(field: str, text: str, limit: int) -> str:
    """As `_clean`, and not empty."""
    line = _clean(field, text, limit)
    if not line:
        raise BadValueError(field, "must not be empty")
    return line


def _parse_agent(field: str, text: str) -> str:
    """Make one line. No NFC, since agents are told apart by this text."""
    return _check_length(field, make_line(text), MAX_AGENT_CHARS)


def _check_length(field: str, text: str, limit: int) -> str:
    if len(text) > limit:
        raise BadValueError(field, f"must be at most {limit} characters")
    return text

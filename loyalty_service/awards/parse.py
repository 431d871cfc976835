"""What a caller may ask for: each value checked and cleaned once, at the edge."""

import re
import unicodedata

import msgspec

from loyalty_service.domain.award import AwardRequest
from loyalty_service.domain.errors import BadValueError

MAX_NOTE_CHARS = 500
MAX_TICKET_ID_CHARS = 64
MAX_AGENT_CHARS = 320
MAX_MEMBER_ID_CHARS = 320

_REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")
_NUMBER = re.compile(r"[1-9][0-9]{0,17}")
_SPACES = re.compile(r"[\s\u2028\u2029]+")
# Emoji sequences, and scripts from Persian to Malayalam, are written with these two.
_JOINERS = "\u200c\u200d"


class GivenAward(msgspec.Struct, frozen=True, kw_only=True):
    """An award as it was asked for, unchecked."""

    request_id: str
    member_id: str
    points: int
    note: str = ""
    ticket_id: str = ""
    claimed_agent_email: str = ""
    claimed_agent_name: str = ""


def is_award_number(text: str) -> bool:
    """Whether it is a whole number from 1 on that fits an int64."""
    return _NUMBER.fullmatch(text) is not None


def is_request_id(text: str) -> bool:
    return _REQUEST_ID.fullmatch(text) is not None


def check_request_id(text: str) -> None:
    if not is_request_id(text):
        raise BadValueError("request_id", "must be 8 to 64 characters of A-Z a-z 0-9 _ -")


def is_same_content(given: GivenAward | AwardRequest, request: AwardRequest) -> bool:
    """Whether both ask for the same: member, points and ticket. A note typed anew is no other award."""
    return (_trim(given.member_id), given.points, _trim(given.ticket_id)) == (
        request.member_id,
        request.points,
        request.ticket_id,
    )


def parse_award(merchant_id: str, given: GivenAward) -> AwardRequest:
    """Raises BadValueError."""
    check_request_id(given.request_id)
    if given.points < 1:
        raise BadValueError("points", "must be whole points, 1 or more")
    member_id = _parse_printable("member_id", given.member_id, MAX_MEMBER_ID_CHARS)
    if not member_id:
        raise BadValueError("member_id", "must not be empty")
    return AwardRequest(
        merchant_id=merchant_id,
        request_id=given.request_id,
        member_id=member_id,
        points=given.points,
        note=_clean("note", given.note, MAX_NOTE_CHARS),
        ticket_id=_parse_printable("ticket_id", given.ticket_id, MAX_TICKET_ID_CHARS),
        claimed_agent_email=_clean("claimed_agent_email", given.claimed_agent_email, MAX_AGENT_CHARS),
        claimed_agent_name=_clean("claimed_agent_name", given.claimed_agent_name, MAX_AGENT_CHARS),
    )


def _trim(text: str) -> str:
    return unicodedata.normalize("NFC", text).strip()


def _parse_printable(field: str, text: str, limit: int) -> str:
    value = _trim(text)
    if len(value) > limit or not value.isprintable():
        raise BadValueError(field, f"must be at most {limit} printable characters")
    return value


def _clean(field: str, text: str, limit: int) -> str:
    """NFC, one line, without control, bidi and other invisible characters."""
    one_line = _SPACES.sub(" ", unicodedata.normalize("NFC", text))
    kept = "".join(
        character
        for character in one_line
        if character in _JOINERS or unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Cn"}
    )
    value = unicodedata.normalize("NFC", kept).strip()
    if len(value) > limit:
        raise BadValueError(field, f"must be at most {limit} characters")
    return value

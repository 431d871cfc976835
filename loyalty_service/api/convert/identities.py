"""Reads how a member, or a person with several identities, is named."""

from loyalty_service.domain.erasure import PSEUDONYM_PREFIX
from loyalty_service.domain.errors import BadValueError
from loyalty_service.domain.member import Identity, parse_identity
from loyalty_service.domain.searches import MAX_SEARCHES
from loyalty_service.snapshots.person import NamedIdentity
from protos.loyalty.v1 import loyalty_pb2 as pb

MAX_GROUPS = 4
MAX_IDENTITIES = 50


def read_identity(message: pb.MemberIdentity, country: str, place: str = "identity") -> Identity:
    """Read an identity; `country` as in parse_identity.

    Raises BadValueError with the field's `place` in the request, also when none of the kinds is set.
    """
    kind = message.WhichOneof("identity")
    if kind is None:
        raise BadValueError(place, "must be set")
    try:
        return parse_identity(kind, getattr(message, kind), country)
    except BadValueError as error:
        raise BadValueError(f"{place}.{kind}", error.description) from None


def read_groups(request: pb.GetSnapshotRequest, country: str) -> list[list[NamedIdentity]]:
    """Read the groups of a person's identities. Raises BadValueError."""
    field, groups = "identity_groups", request.identity_groups
    if request.HasField("identity"):
        raise BadValueError(field, "must not be set together with identity")
    if len(groups) > MAX_GROUPS:
        raise BadValueError(field, f"must be at most {MAX_GROUPS}")
    count = sum(len(group.identities) for group in groups)
    if not 1 <= count <= MAX_IDENTITIES:
        raise BadValueError(field, f"must have 1 to {MAX_IDENTITIES} identities in all")
    return [
        [_read_named(message, country, f"{field}[{number}].identities[{place}]") for place, message in enumerate(group)]
        for number, group in enumerate(group.identities for group in groups)
    ]


def _read_named(message: pb.MemberIdentity, country: str, place: str) -> NamedIdentity:
    return NamedIdentity(identity=read_identity(message, country, place), place=place)


def read_search_limit(count: int) -> int:
    """How often the call may search the provider. Raises BadValueError."""
    if not 0 <= count <= MAX_SEARCHES:
        raise BadValueError("max_search_count", f"must be 1 to {MAX_SEARCHES}, or 0 for {MAX_SEARCHES}")
    return count or MAX_SEARCHES


def read_member_id(text: str) -> str:
    """Raises BadValueError."""
    try:
        return parse_identity("member_id", text).value
    except BadValueError as error:
        raise BadValueError("member_id", error.description) from None


def read_erased_id(text: str) -> str:
    """Read a member's id, which may be empty. Raises BadValueError, also for the pseudonym of an erased member."""
    if text.startswith(PSEUDONYM_PREFIX):
        raise BadValueError("member_id", "is the pseudonym of a member who was erased already")
    return read_member_id(text) if text else ""

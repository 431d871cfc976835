"""The provider's member → the domain's, by a wire profile.

A field that cannot be read is absent, and the reader notes it. A field that the whole row depends on raises WireError,
which names the line of the profile, never the content.
"""

from datetime import datetime, tzinfo
from typing import Any

import msgspec

from loyalty_service.domain.errors import BadValueError
from loyalty_service.domain.member import (
    Identity,
    Member,
    MemberStatus,
    Segment,
    Tier,
    Venue,
    parse_identity,
)
from loyalty_service.trifft.mapping.details import find_detail_lines, read_details
from loyalty_service.trifft.mapping.fields import FieldReader, parse_object, read_required
from loyalty_service.trifft.mapping.values import parse_echo, parse_id, parse_text, parse_time
from loyalty_service.trifft.mapping.wallets import find_wallet_lines, read_balance
from loyalty_service.trifft.profile import MemberFields, Profile, is_word
from loyalty_service.trifft.wire import WireError
from runtime.phones import parse_phone

# A widget shows no more than this.
MAX_SEGMENTS = 100
# Stands for a field whose expression failed.
_LOST: Any = object()


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """One row of a search, before we know whether it is the member."""

    member_id: str
    is_anonymised: bool
    row: dict[str, Any]


def parse_candidates(
    rows: list[Any], fields: MemberFields, identity: Identity, country: str, reader: FieldReader
) -> list[Candidate]:
    """Return the rows with exactly this identity, each member once: TRIFFT's search may match more loosely.

    A row that cannot be compared is skipped. If no other row matches, this raises WireError: the skipped row may be the
    member, so "no such member" could be false. `country`: where phone numbers without a country's code are dialled.
    """
    comparable = [row for row in rows if _is_comparable(row, fields, identity, country, reader)]
    matching = [row for row in comparable if _has_identity(row, fields, identity, country)]
    if comparable:
        reader.found[f"member.{identity.kind}"] = bool(matching) or _has_any(comparable, fields, identity)
    if not matching and len(comparable) < len(rows):
        raise WireError("what cannot be compared", next(iter(reader.unreadable)))
    found = {candidate.member_id: candidate for candidate in (parse_candidate(row, fields) for row in matching)}
    return list(found.values())


def parse_candidate(row: object, fields: MemberFields) -> Candidate:
    found = parse_object(row)
    try:
        status = parse_echo(fields.status.search(found))
    except WireError:
        status = ""
    return Candidate(
        member_id=read_required("member.member_id", fields.member_id, found, parse_id),
        is_anonymised=is_word(status, fields.anonymised_states),
        row=found,
    )


def read_support_id(candidate: Candidate, fields: MemberFields) -> str:
    """As it is shown; empty where it cannot be read."""
    return FieldReader().read("member.support_id", fields.support_id, candidate.row, parse_text, "")


def parse_member(candidate: Candidate, profile: Profile, now: datetime, zone: tzinfo, reader: FieldReader) -> Member:
    """`now`: points that expired before are not shown."""
    row, fields = candidate.row, profile.member
    word = reader.read("member.status", fields.status, row, _parse_status, "")
    member = Member(
        member_id=candidate.member_id,
        support_id=reader.read("member.support_id", fields.support_id, row, parse_text, ""),
        full_name=_read_name(row, fields, reader),
        status=_know_status(word, fields),
        status_word=parse_text(word),
        wallet=read_balance(row, profile, reader),
        tier=_read_tier(row, fields, reader),
        favorite_venue=_read_venue(row, fields, reader),
        segments=_read_segments(row, fields, reader),
        join_time=reader.read("member.join_time", fields.join_time, row, lambda value: parse_time(value, zone), None),
        **read_details(row, fields, now, zone, reader),
    )
    reader.found |= _find_lines(member) | find_detail_lines(member) | find_wallet_lines(member.wallet, row, profile)
    return member


def _find_lines(member: Member) -> dict[str, bool]:
    return {
        "member.member_id": True,
        "member.support_id": member.support_id != "",
        "member.full_name": member.full_name != "",
        "member.status": member.status_word != "",
        "member.tier": member.tier is not None,
        "member.favorite_venue": member.favorite_venue is not None,
        "member.segments": len(member.segments) > 0,
        "member.join_time": member.join_time is not None,
    }


def _is_comparable(row: object, fields: MemberFields, identity: Identity, country: str, reader: FieldReader) -> bool:
    """Whether the row is an object whose field for this kind of identity is a text, or empty.

    A phone number that cannot be read, for example one without its country, may be the one that was searched for.
    """
    if not isinstance(row, dict):
        reader.note("find_member.items")
        return False
    expressions = {"email": fields.email, "phone": fields.phone, "support_id": fields.support_id}
    line = f"member.{identity.kind}"

    def parse(value: object) -> str:
        if identity.kind == "email" and not isinstance(value, str | None):
            raise WireError("no text")  # a number may be a support ID, but not an e-mail
        text = parse_echo(value)
        if identity.kind == "phone" and text.strip() and parse_phone(text, country) is None:
            raise WireError("no phone number")
        return text

    return reader.read(line, expressions[identity.kind], row, parse, None) is not None


def _has_identity(row: dict[str, Any], fields: MemberFields, identity: Identity, country: str) -> bool:
    text = _read_identity(row, fields, identity)
    try:
        return parse_identity(identity.kind, text, country).key == identity.key
    except BadValueError:
        return False


def _has_any(rows: list[dict[str, Any]], fields: MemberFields, identity: Identity) -> bool:
    """Whether one of the rows that TRIFFT found has an identity of this kind at all."""
    return any(_read_identity(row, fields, identity) for row in rows)


def _read_identity(row: dict[str, Any], fields: MemberFields, identity: Identity) -> str:
    by_kind = {"email": fields.email, "phone": fields.phone, "support_id": fields.support_id}
    return parse_echo(by_kind[identity.kind].search(row))


def _parse_status(value: object) -> str:
    word = parse_echo(value).strip()
    if not word:
        raise WireError("nothing")
    return word


def _know_status(word: str, fields: MemberFields) -> MemberStatus:
    """If a word is in two lists of the profile, the more restrictive list counts."""
    if is_word(word, fields.blocked_states):
        return MemberStatus.BLOCKED
    return MemberStatus.ACTIVE if word and is_word(word, fields.active_states) else MemberStatus.UNKNOWN


def _read_name(row: dict[str, Any], fields: MemberFields, reader: FieldReader) -> str:
    """A text, or a list of texts and nulls. Other elements of the list are skipped."""
    found = reader.read("member.full_name", fields.full_name, row, _keep, None)
    parts = found if isinstance(found, list) else [found]
    return parse_text(" ".join(reader.parse("member.full_name", part, parse_text, "") for part in parts))


def _read_tier(row: dict[str, Any], fields: MemberFields, reader: FieldReader) -> Tier | None:
    """None: no tier. A tier that cannot be read has an empty name."""
    found = reader.read("member.tier", fields.tier, row, _keep, _LOST)
    if found is None:
        return None
    tier_id, display_name = ("", "") if found is _LOST else _read_named("member.tier", found, "tier_id", reader)
    return Tier(tier_id=tier_id, display_name=display_name)


def _read_venue(row: dict[str, Any], fields: MemberFields, reader: FieldReader) -> Venue | None:
    found = reader.read("member.favorite_venue", fields.favorite_venue, row, _keep, None)
    if found is None:
        return None
    venue_id, display_name = _read_named("member.favorite_venue", found, "venue_id", reader)
    return Venue(venue_id=venue_id, display_name=display_name)


def _read_segments(row: dict[str, Any], fields: MemberFields, reader: FieldReader) -> tuple[Segment, ...]:
    """Read the segments one by one."""
    listed = reader.read_list("member.segments", fields.segments, row)[:MAX_SEGMENTS]
    read = [_read_named("member.segments", one, "slug", reader) for one in listed]
    return tuple(Segment(slug=slug, display_name=name) for slug, name in read if slug or name)


def _read_named(line: str, found: object, id_name: str, reader: FieldReader) -> tuple[str, str]:
    """The id and name of the object that `line` has found; both empty if it is no object or has neither."""
    if not isinstance(found, dict):
        reader.note(line)
        return "", ""
    named = [reader.parse(line, found.get(name), parse_text, None) for name in (id_name, "display_name")]
    if named == ["", ""]:
        reader.note(line)
    return named[0] or "", named[1] or ""


def _keep(value: object) -> Any:  # noqa: ANN401 - the caller reads it further
    return value

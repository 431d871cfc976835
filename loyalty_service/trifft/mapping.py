"""The provider's objects → the domain's, by a wire profile.

Every function raises WireError; its sentence names the field, never the content.
"""

import contextlib
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar

import msgspec

from loyalty_service.domain.award import Receipt
from loyalty_service.domain.errors import BadValueError
from loyalty_service.domain.member import (
    Coupon,
    CouponState,
    Identity,
    Member,
    MemberStatus,
    Segment,
    Tier,
    Venue,
    Wallet,
    parse_identity,
)
from loyalty_service.domain.ports import Movement, Movements
from loyalty_service.trifft.expression import Expression
from loyalty_service.trifft.profile import BookPoints, CouponFields, ListMovements, MemberFields
from loyalty_service.trifft.wire import (
    WireError,
    parse_echo,
    parse_id,
    parse_name,
    parse_points,
    parse_text,
    parse_time,
)

T = TypeVar("T")
# More than a widget or a message of 4 MiB should carry; the soonest to expire are kept.
MAX_COUPONS = 200
MAX_SEGMENTS = 100


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """One row of a find, before it is known whether it is the one."""

    member_id: str
    is_anonymised: bool
    row: dict[str, Any]


def parse_candidates(rows: object, fields: MemberFields, identity: Identity) -> list[Candidate]:
    """The rows that have exactly this identity, each member once: a find may match more loosely than we do.

    Whose identity cannot be read hides nobody beside them; alone, they are not nobody either.
    """
    if not isinstance(rows, list):
        raise WireError("the answer is not a list of members")
    matching, problem = [], None
    for row in map(_object, rows):
        try:
            if _has_identity(row, fields, identity):
                matching.append(row)
        except WireError as error:
            problem = error
    if problem is not None and not matching:
        raise problem
    found = {candidate.member_id: candidate for candidate in (parse_candidate(row, fields) for row in matching)}
    return list(found.values())


def parse_candidate(row: object, fields: MemberFields) -> Candidate:
    status = _read(row, fields.status, "status", parse_text)
    return Candidate(
        member_id=_read(row, fields.member_id, "member_id", parse_id),
        is_anonymised=status in fields.anonymised_states,
        row=_object(row),
    )


def parse_member(candidate: Candidate, fields: MemberFields) -> Member:
    row = candidate.row
    is_blocked = _read(row, fields.status, "status", parse_text) in fields.blocked_states
    return Member(
        member_id=candidate.member_id,
        support_id=_read(row, fields.support_id, "support_id", parse_text),
        full_name=_read(row, fields.full_name, "full_name", parse_name),
        status=MemberStatus.BLOCKED if is_blocked else MemberStatus.ACTIVE,
        wallet=_parse_wallet(row, fields.points, fields.points_scale),
        tier=_parse_tier(_read(row, fields.tier, "tier", _optional_object)),
        favorite_venue=_parse_venue(_read(row, fields.favorite_venue, "favorite_venue", _optional_object)),
        segments=_read(row, fields.segments, "segments", _parse_segments),
    )


def parse_coupons(rows: object, fields: CouponFields, now: datetime) -> tuple[Coupon, ...]:
    """Those usable at `now`, soonest to expire first, those that never expire last."""
    if not isinstance(rows, list):
        raise WireError("the answer is not a list of coupons")
    states = dict.fromkeys(fields.assigned_states, CouponState.ASSIGNED)
    states |= dict.fromkeys(fields.activated_states, CouponState.ACTIVATED)
    usable = []
    for row in map(_object, rows):
        state = states.get(_read(row, fields.state, "state", parse_text))
        expire_time = _read(row, fields.expire_time, "expire_time", parse_time) if state else None
        if state and (expire_time is None or expire_time >= now):
            usable.append(_parse_coupon(row, fields, state, expire_time))
    usable.sort(key=lambda coupon: (coupon.expire_time is None, coupon.expire_time or now))
    return tuple(usable[:MAX_COUPONS])


def parse_receipt(data: object, fields: BookPoints) -> Receipt:
    row = _object(data)
    pending = fields.answered_pending.search(row)
    if pending is not None and not isinstance(pending, bool):
        raise WireError("pending is neither true nor false")
    return Receipt(
        provider_reference=_read(row, fields.answered_reference, "reference", parse_id),
        balance=_parse_wallet(row, fields.answered_balance, fields.answered_balance_scale),
        delayed=bool(pending),
    )


def parse_booked_points(data: object, fields: BookPoints) -> Decimal | None:
    """How many points were added or taken, whatever their sign. None where the answer does not tell."""

    def parse(value: object) -> Decimal | None:
        return None if value is None else abs(parse_points(value, fields.point_scale))

    return _read(data, fields.answered_points, "points", parse)


def parse_movements(rows: object, fields: ListMovements) -> Movements:
    """The rows that can be read. One that cannot be hides none of the others, and makes the list incomplete."""
    if not isinstance(rows, list):
        raise WireError("the answer is not a list of movements")
    items = []
    for row in rows:
        with contextlib.suppress(WireError):
            items.append(_parse_movement(row, fields))
    return Movements(items=tuple(items), is_complete=fields.complete and len(items) == len(rows))


def _parse_movement(row: object, fields: ListMovements) -> Movement:
    return Movement(
        movement_id=_read(_object(row), fields.movement_id, "movement_id", parse_id),
        change=_read(row, fields.change, "change", lambda value: parse_points(value, fields.change_scale)),
        note=_read(row, fields.note, "note", parse_echo),
        reference=_read(row, fields.reference, "reference", parse_echo),
        create_time=_read(row, fields.create_time, "create_time", parse_time),
    )


def _has_identity(row: dict[str, Any], fields: MemberFields, identity: Identity) -> bool:
    by_kind = {"email": fields.email, "phone": fields.phone, "support_id": fields.support_id}
    text = by_kind[identity.kind].search(row)
    if identity.kind == "support_id" and isinstance(text, int) and not isinstance(text, bool):
        text = str(text)  # one that is all digits
    if text is not None and not isinstance(text, str):
        raise WireError(f"{identity.kind} is not a text")
    try:
        return parse_identity(identity.kind, text or "").key == identity.key
    except BadValueError:
        return False


def _parse_wallet(row: object, expression: Expression, scale: int) -> Wallet | None:
    def parse(value: object) -> Decimal | None:
        return None if value is None else parse_points(value, scale)

    balance = _read(row, expression, "points", parse)
    return None if balance is None else Wallet(balance=balance)


def _parse_tier(tier: dict[str, Any] | None) -> Tier | None:
    if tier is None:
        return None
    return Tier(tier_id=parse_text(tier.get("tier_id")), display_name=parse_text(tier.get("display_name")))


def _parse_venue(venue: dict[str, Any] | None) -> Venue | None:
    if venue is None:
        return None
    return Venue(venue_id=parse_text(venue.get("venue_id")), display_name=parse_text(venue.get("display_name")))


def _parse_segments(value: object) -> tuple[Segment, ...]:
    if value is None:
        return ()
    if not isinstance(value, list):
        raise WireError("is not a list")
    return tuple(
        Segment(slug=parse_text(row.get("slug")), display_name=parse_text(row.get("display_name")))
        for row in map(_object, value[:MAX_SEGMENTS])
    )


def _parse_coupon(
    row: dict[str, Any], fields: CouponFields, state: CouponState, expire_time: datetime | None
) -> Coupon:
    return Coupon(
        coupon_id=_read(row, fields.coupon_id, "coupon_id", parse_id),
        display_name=_read(row, fields.display_name, "display_name", parse_text),
        redeem_value=_read(row, fields.redeem_value, "redeem_value", parse_text),
        code=_read(row, fields.code, "code", parse_text),
        state=state,
        expire_time=expire_time,
    )


def _read(row: object, expression: Expression, field: str, parse: Callable[[object], T]) -> T:
    try:
        return parse(expression.search(row))
    except WireError as error:
        raise WireError(f"{field} {error}") from error


def _object(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise WireError("is not an object")
    return value


def _optional_object(value: object) -> dict[str, Any] | None:
    return None if value is None else _object(value)

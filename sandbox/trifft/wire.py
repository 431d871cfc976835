"""The form of a project's answers: only this file knows field names, envelopes, times and the point scale."""

import uuid
from datetime import UTC, datetime
from decimal import Decimal

import msgspec

from sandbox.trifft.errors import ApiError
from sandbox.trifft.member import PRIMARY_WALLET, Member, Movement, UserCoupon
from sandbox.trifft.project import Project, Settings

# A member's answer has the last ones; the list of movements has all.
_RECENT_MOVEMENTS = 5
_ENCODER = msgspec.json.Encoder(decimal_format="number")

Json = dict[str, object]


def encode(value: object) -> bytes:
    """Encode as JSON, with decimals as numbers."""
    return _ENCODER.encode(value)


def render_success(data: object, settings: Settings) -> object:
    return {"status": 200, "success": True, "data": data} if settings.wrapped else data


def render_error(error: ApiError) -> Json:
    detail = {
        "code": error.status,
        "message": error.message,
        "exception": error.exception,
        "event_id": uuid.uuid4().hex,
    }
    return {"status": error.status, "success": False, "error": detail}


def render_member(member: Member, project: Project) -> Json:
    settings = project.settings
    gone = member.status == "anonymised"
    tier = member.tier if settings.tiers and not gone else None
    fields: Json = {
        "id": member.id,
        "email": "" if gone else member.email,
        "phone": None if gone else member.phone,
        "support_id": None if gone else member.support_id,
        "points": _balance(member.points, settings) if project.has_wallet(member) else None,
        "tier": tier,
        "segments": [] if gone else member.segments,
        "favorite_venue": None if gone else member.favorite_venue,
        "params": _render_names(member, settings),
        "locale": member.locale,
        "status": member.status,
        "created_at": _time(member.created_at, settings),
        "birthday": None if gone else member.birthday,
        **_render_outlook(member, project),
    }
    if member.more_wallets and project.has_wallet(member):
        fields["wallets"] = _render_wallets(member, settings)
    return _lay_over(fields, member)


def _render_outlook(member: Member, project: Project) -> Json:
    """Render what has become, and will become, of the primary wallet's points."""
    settings = project.settings
    if member.status == "anonymised" or not project.has_wallet(member):
        return {"expiring_points": None, "pending_points": None, "points_to_next_tier": None, "movements": []}
    movements = [one for one in member.movements if one.wallet_id in {None, PRIMARY_WALLET}]
    booked = sorted((one for one in movements if not one.pending), key=lambda one: one.created_at, reverse=True)
    expiring, next_tier_at = member.expiring_points, member.next_tier_at if settings.tiers else None
    missing = Decimal(0) if next_tier_at is None else next_tier_at - member.points
    return {
        "expiring_points": expiring
        and {"points": _balance(expiring.points, settings), "expires_at": _time(expiring.expires_at, settings)},
        "pending_points": _balance(sum((one.change for one in movements if one.pending), Decimal(0)), settings),
        "points_to_next_tier": _balance(missing, settings) if missing > 0 else None,
        "movements": [
            {
                "change": _balance(one.change, settings),
                "created_at": _time(one.created_at, settings),
                "note": one.note,
            }
            for one in booked[:_RECENT_MOVEMENTS]
        ],
    }


def _render_wallets(member: Member, settings: Settings) -> list[Json]:
    """Render all wallets, the primary one first; a member with one wallet has no such list."""
    primary: Json = {"id": PRIMARY_WALLET, "name": "Points", "points": _balance(member.points, settings)}
    more: list[Json] = [
        {"id": one.id, "name": one.name, "points": _balance(one.points, settings)} for one in member.more_wallets
    ]
    return [primary, *more]


def _lay_over(fields: Json, record: Member | UserCoupon) -> Json:
    """Apply the record's overrides to its fields, and remove those that it leaves out."""
    shown = {**fields, **record.overrides}
    return {name: value for name, value in shown.items() if name not in record.left_out}


def _render_names(member: Member, settings: Settings) -> Json:
    if member.status == "anonymised":
        return {settings.first_name_slug: "", settings.last_name_slug: ""}
    names = {settings.first_name_slug: member.first_name, settings.last_name_slug: member.last_name}
    return {slug: name for slug, name in names.items() if name is not None}


def render_user_coupon(user_coupon: UserCoupon, settings: Settings) -> Json:
    coupon = user_coupon.coupon
    fields: Json = {
        "id": user_coupon.id,
        "state": user_coupon.state,
        "redeem_value": user_coupon.redeem_value,
        "code": user_coupon.code,
        "valid_until": None if user_coupon.valid_until is None else _time(user_coupon.valid_until, settings),
        "coupon": {
            "id": coupon.id,
            "name": coupon.name,
            "description": coupon.description,
            "type": coupon.type,
            "points": coupon.points,
        },
    }
    return _lay_over(fields, user_coupon)


def render_receipt(movement: Movement, member: Member, settings: Settings) -> Json:
    """Render the answer of a credit or a debit; `points` as requested."""
    wallet = member.get_wallet(movement.wallet_id) or member
    return {
        "id": movement.id,
        "points": _scaled(abs(movement.change), settings),
        "balance": _scaled(wallet.points, settings),
        "pending": movement.pending,
        **member.receipt_overrides,
    }


def render_movement(movement: Movement, settings: Settings) -> Json:
    return {
        "id": movement.id,
        "change": _scaled(movement.change, settings),
        "note": movement.note,
        "reference": None if settings.movements == "without_reference" else movement.reference,
        "created_at": _time(movement.created_at, settings),
    }


def parse_points(wire_points: Decimal, settings: Settings) -> Decimal:
    return wire_points / settings.point_scale


def spoil_types(value: object) -> object:
    """Return the same shape with values of another type: ids become numbers, points lists, lists texts."""
    if isinstance(value, dict):
        return {key: spoil_types(item) for key, item in value.items()}
    if isinstance(value, bool):
        return "yes"
    if isinstance(value, str):
        return len(value)
    if isinstance(value, list):
        return "a list"
    return value if value is None else [value]


def _scaled(points: Decimal, settings: Settings) -> Decimal | int:
    return _number(points * settings.point_scale)


def _balance(points: Decimal, settings: Settings) -> Decimal | int:
    return _number(points * settings.balance_scale)


def _number(points: Decimal) -> Decimal | int:
    """Render whole numbers without a fraction, whatever the decimal's exponent."""
    return int(points) if points == points.to_integral_value() else points.normalize()


def _time(unix_s: int, settings: Settings) -> int | str:
    return unix_s if settings.time_format == "unix" else datetime.fromtimestamp(unix_s, UTC).isoformat()

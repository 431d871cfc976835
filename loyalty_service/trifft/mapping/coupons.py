"""The provider's list of coupons → the coupons that a member can use."""

from datetime import datetime, tzinfo

from loyalty_service.domain.member import Coupon, CouponState
from loyalty_service.trifft.mapping.fields import FieldReader
from loyalty_service.trifft.mapping.values import parse_id, parse_text, parse_time
from loyalty_service.trifft.profile import CouponFields, is_word
from loyalty_service.trifft.wire import WireError

# More coupons than this do not fit a widget or a message of 4 MiB. Those that expire first are kept.
MAX_COUPONS = 200


def parse_coupons(
    rows: list[object], fields: CouponFields, now: datetime, zone: tzinfo, reader: FieldReader
) -> tuple[Coupon, ...]:
    """Return the coupons that are usable at `now`, soonest to expire first, those that never expire last."""
    read = [_read_coupon(row, fields, now, zone, reader) for row in rows]
    usable = [coupon for coupon in read if coupon is not None]
    if rows:
        reader.found["coupon.state"] = True
    if usable:
        reader.found |= _find_lines(usable)
    usable.sort(key=lambda coupon: (coupon.expire_time is None, coupon.expire_time or now))
    return tuple(usable[:MAX_COUPONS])


def _find_lines(coupons: list[Coupon]) -> dict[str, bool]:
    """What was found in any of the coupons."""
    return {
        "coupon.coupon_id": any(coupon.coupon_id for coupon in coupons),
        "coupon.display_name": any(coupon.display_name for coupon in coupons),
        "coupon.redeem_value": any(coupon.redeem_value for coupon in coupons),
        "coupon.code": any(coupon.code for coupon in coupons),
        "coupon.expire_time": any(coupon.expire_time for coupon in coupons),
    }


def _read_coupon(row: object, fields: CouponFields, now: datetime, zone: tzinfo, reader: FieldReader) -> Coupon | None:
    """None: not usable. A coupon whose date cannot be read counts as usable."""
    if not isinstance(row, dict):
        reader.note("list_coupons.items")
        return None
    state = reader.read("coupon.state", fields.state, row, lambda value: _parse_state(value, fields), None)
    if state is None:
        return None
    expire_time = reader.read(
        "coupon.expire_time", fields.expire_time, row, lambda value: parse_time(value, zone), None
    )
    if expire_time is not None and expire_time < now:
        return None
    return Coupon(
        coupon_id=reader.read("coupon.coupon_id", fields.coupon_id, row, parse_id, ""),
        display_name=reader.read("coupon.display_name", fields.display_name, row, parse_text, ""),
        redeem_value=reader.read("coupon.redeem_value", fields.redeem_value, row, parse_text, ""),
        code=reader.read("coupon.code", fields.code, row, parse_text, ""),
        state=state,
        expire_time=expire_time,
    )


def _parse_state(value: object, fields: CouponFields) -> CouponState | None:
    """None: a state in which it cannot be used."""
    word = parse_text(value)
    if not word:
        raise WireError("nothing")
    if is_word(word, fields.activated_states):
        return CouponState.ACTIVATED
    return CouponState.ASSIGNED if is_word(word, fields.assigned_states) else None

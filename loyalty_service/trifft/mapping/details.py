"""What else the provider's member says: points that expire or wait, the next tier, the birthday, the last movements.

Each line is optional: where it finds nothing, the member has none. A value that cannot be read costs its field.
"""

import re
from datetime import date, datetime, tzinfo
from decimal import ROUND_CEILING, ROUND_FLOOR
from typing import Any

from loyalty_service.domain.member import Birthday, ExpiringPoints, Member, RecentMovement
from loyalty_service.trifft.mapping.fields import FieldReader, parse_object
from loyalty_service.trifft.mapping.values import parse_points, parse_text, parse_time
from loyalty_service.trifft.profile import MemberFields
from loyalty_service.trifft.wire import WireError

# The profile's lines that are read here.
LINES = (
    *("member.next_expiry", "member.pending_points", "member.points_to_next_tier", "member.birthday"),
    "member.recent_movements",
)
# A widget shows no more than this.
MAX_MOVEMENTS = 5
# "1990-03-12", "1990-03-12T00:00:00Z", "--03-12", "03-12". Another time of day is a midnight in some zone, so its day
# could be the one before or after.
_BIRTHDAY = re.compile(r"(?:[0-9]{4}-|--)?([0-9]{2})-([0-9]{2})(?:[T ]00:00(?::00(?:\.0+)?)?(?:Z|[+-][0-9:]{2,6})?)?")
_LEAP_YEAR = 2000


def read_details(
    row: dict[str, Any], fields: MemberFields, now: datetime, zone: tzinfo, reader: FieldReader
) -> dict[str, Any]:
    """Return fields of Member. `now`: what expired before is no more."""
    scale = fields.points_scale

    def parse_expiry(value: object) -> ExpiringPoints | None:
        return _parse_expiry(value, scale, now, zone)

    def parse_pending(value: object) -> int | None:
        return None if value is None else _parse_amount(value, scale, ROUND_FLOOR)

    def parse_missing(value: object) -> int | None:
        """Nothing is missing: there is no higher tier, or it comes with the next change."""
        return None if value is None else _parse_amount(value, scale, ROUND_CEILING) or None

    return {
        "next_expiry": reader.read("member.next_expiry", fields.next_expiry, row, parse_expiry, None),
        "pending_points": reader.read("member.pending_points", fields.pending_points, row, parse_pending, None),
        "points_to_next_tier": reader.read(
            "member.points_to_next_tier", fields.points_to_next_tier, row, parse_missing, None
        ),
        "birthday": reader.read("member.birthday", fields.birthday, row, parse_birthday, None),
        "recent_movements": _read_movements(row, fields, zone, reader),
    }


def find_detail_lines(member: Member) -> dict[str, bool]:
    return {
        "member.next_expiry": member.next_expiry is not None,
        "member.pending_points": member.pending_points is not None,
        "member.points_to_next_tier": member.points_to_next_tier is not None,
        "member.birthday": member.birthday is not None,
        "member.recent_movements": len(member.recent_movements) > 0,
    }


def parse_birthday(value: object) -> Birthday | None:
    """The day and the month, never the year. Null and an empty text are none. Raises WireError for another value.

    A number is none either: the day of a time depends on a zone.
    """
    if value is None or value == "":
        return None
    found = _BIRTHDAY.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None:
        raise WireError("no birthday")
    try:
        day = date(_LEAP_YEAR, int(found[1]), int(found[2]))
    except ValueError as error:
        raise WireError("no birthday") from error
    return Birthday(month=day.month, day=day.day)


def _parse_expiry(value: object, scale: int, now: datetime, zone: tzinfo) -> ExpiringPoints | None:
    """None where no whole point expires, where it never does, and where it has expired. Raises WireError."""
    if value is None:
        return None
    found = parse_object(value)
    if found.get("points") is None and found.get("expire_time") is None:
        return None
    points = _parse_amount(found.get("points"), scale, ROUND_FLOOR)
    expire_time = parse_time(found.get("expire_time"), zone)
    if points == 0 or expire_time is None or expire_time < now:
        return None
    return ExpiringPoints(points=points, expire_time=expire_time)


def _parse_amount(value: object, scale: int, rounding: str) -> int:
    """Whole points, 0 or more. Raises WireError."""
    points = parse_points(value, scale)
    if points < 0:
        raise WireError("fewer than no points")
    return int(points.to_integral_value(rounding))


def _read_movements(
    row: dict[str, Any], fields: MemberFields, zone: tzinfo, reader: FieldReader
) -> tuple[RecentMovement, ...]:
    """Read the newest movements, whatever their order. Those without a time are the oldest, as far as one can know."""
    line = "member.recent_movements"
    listed = reader.read_list(line, fields.recent_movements, row)
    read = [movement for one in listed if (movement := _read_movement(line, one, fields, zone, reader)) is not None]
    read.sort(key=lambda one: one.create_time.timestamp() if one.create_time else 0.0, reverse=True)
    return tuple(read[:MAX_MOVEMENTS])


def _read_movement(
    line: str, found: object, fields: MemberFields, zone: tzinfo, reader: FieldReader
) -> RecentMovement | None:
    """None: it cannot be read. A time or a note that cannot be read is absent."""
    if not isinstance(found, dict):
        reader.note(line)
        return None
    change = reader.parse(line, found.get("change"), lambda value: parse_points(value, fields.points_scale), None)
    if change is None:
        return None
    create_time = reader.parse(line, found.get("create_time"), lambda value: parse_time(value, zone), None)
    note = reader.parse(line, found.get("note"), parse_text, "")
    return RecentMovement(change=change, create_time=create_time, note=note)

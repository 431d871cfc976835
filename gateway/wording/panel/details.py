"""What else is known of a member: lines that are there only where TRIFFT says something."""

from gateway.wording.numbers import format_number, format_points, parse_exact
from gateway.wording.shop import Shop
from gateway.wording.times import format_day, format_day_of_any_year, format_last_day, parse_time
from protos.loyalty.v1 import loyalty_pb2 as pb
from runtime.text import isolate, make_line, shorten

_MINUS = "\N{MINUS SIGN}"
# A line has half of about 300 pixels.
_MAX_NOTE_CHARS = 60
_MOST_MOVEMENTS = 5


def list_detail_lines(member: pb.Member, shop: Shop) -> list[str]:
    """Lines like "200 points expire on 31 Dec 2026"; none where there is nothing to say."""
    lines = []
    if member.HasField("next_expiry"):
        points, end = member.next_expiry.points, format_last_day(parse_time(member.next_expiry.expire_time), shop)
        lines.append(f"{format_points(points, shop)} {'expires' if points == 1 else 'expire'} on {end}")
    if member.pending_points > 0:
        lines.append(f"{format_points(member.pending_points, shop)} pending")
    if member.points_to_next_tier > 0:
        lines.append(f"{format_points(member.points_to_next_tier, shop)} to the next tier")
    birthday = member.birthday
    if day := format_day_of_any_year(birthday.month, birthday.day):
        lines.append(f"Birthday: {day}")
    return lines


def list_movement_lines(member: pb.Member, shop: Shop) -> list[str]:
    """Lines like "+100 on 12 Nov 2026: Order 1001", newest first."""
    if not member.recent_movements:
        return []
    return [line for movement in member.recent_movements[:_MOST_MOVEMENTS] if (line := _say_movement(movement, shop))]


def _say_movement(movement: pb.Movement, shop: Shop) -> str:
    """Empty if the change is no number."""
    change = parse_exact(movement.change)
    if change is None:
        return ""
    sign = _MINUS if change < 0 else "+"
    day = f" on {format_day(parse_time(movement.create_time), shop)}" if movement.HasField("create_time") else ""
    note = isolate(shorten(make_line(movement.note), _MAX_NOTE_CHARS))
    return f"{sign}{format_number(abs(change), shop)}{day}{f': {note}' if note else ''}"

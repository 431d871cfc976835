"""Days and times as an operator types and reads them, in the shop's zone."""

import re
from datetime import UTC, date, datetime, tzinfo
from typing import TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from google.protobuf.timestamp_pb2 import Timestamp

from gateway.cli.errors import CommandError, UsageError
from gateway.wording.times import parse_time

# A shop's zone. None: this machine does not know it, and times are in UTC.
Zone: TypeAlias = tzinfo | None

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?([Zz]|[+-][0-9]{2}:[0-9]{2})?"
)


def find_zone(name: str) -> Zone:
    """Find a shop's zone; UTC if it has set none."""
    try:
        return ZoneInfo(name or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        return None


def render_timestamp(timestamp: Timestamp, zone: Zone) -> str:
    """A time for scripts, ISO 8601 with its offset: "2026-11-23T13:55:04.000+01:00"."""
    return parse_time(timestamp).astimezone(zone or UTC).isoformat(timespec="milliseconds")


def show_time(time: datetime, zone: Zone) -> str:
    """A time for people, with its zone: "2026-11-23 13:55:04 CET"."""
    local = time.astimezone(zone or UTC)
    name = local.tzname() or ""
    return f"{local:%Y-%m-%d %H:%M:%S} {'UTC' if name[:1] in {'+', '-'} else ''}{name}"


def show_timestamp(timestamp: Timestamp, zone: Zone) -> str:
    """For people."""
    return show_time(parse_time(timestamp), zone)


def parse_typed_time(text: str, option: str) -> date | datetime:
    """Raises UsageError."""
    stripped = text.strip()
    try:
        if _DATE.fullmatch(stripped):
            return date.fromisoformat(stripped)
        if _TIME.fullmatch(stripped):
            return datetime.fromisoformat(stripped.upper())
    except ValueError:
        pass  # the 30th of February
    raise UsageError(f"{option} must be a day, 2026-11-23, or a time, 2026-11-23T12:00: not {text[:40]!r}")


def find_instant(time: date | datetime, zone: Zone, option: str) -> datetime:
    """Convert to UTC. A time without an offset is in the shop's zone. Raises CommandError and UsageError."""
    local = time if isinstance(time, datetime) else datetime(time.year, time.month, time.day)  # noqa: DTZ001 - the zone follows
    if local.tzinfo is None:
        if zone is None:
            raise CommandError(
                f"the shop's zone is not known here: give {option} with its offset, 2026-11-23T00:00:00+01:00"
            )
        local = local.replace(tzinfo=zone)
    try:
        return local.astimezone(UTC)
    except OverflowError:
        raise UsageError(f"{option} is out of range") from None

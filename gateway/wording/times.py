"""Times for agents: absolute, with their zone, in English whatever the process's locale."""

from datetime import UTC, datetime, timedelta, tzinfo

from google.protobuf.timestamp_pb2 import Timestamp

from gateway.wording.shop import DEFAULT_SHOP, Shop

# Not strftime, which depends on the process's locale: these sentences are English.
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_WHOLE_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECONDS = 1_000_000  # in a second
# One day inside the range of datetime, so that each time is valid in every zone.
_FIRST_S = int(datetime(1, 1, 2, tzinfo=UTC).timestamp())
_LAST_S = int(datetime(9999, 12, 30, 23, 59, 59, tzinfo=UTC).timestamp())


def parse_time(time: Timestamp) -> datetime:
    """Parse a timestamp; one outside the range becomes the nearest time in it."""
    seconds, microseconds = time.seconds, time.nanos // 1000
    if not _FIRST_S <= seconds <= _LAST_S or not 0 <= microseconds < _MICROSECONDS:
        seconds = min(max(seconds, _FIRST_S), _LAST_S)
        microseconds = min(max(microseconds, 0), _MICROSECONDS - 1)
    return _EPOCH + timedelta(seconds=seconds, microseconds=microseconds)


def find_last_day(end: datetime, zone: tzinfo) -> datetime:
    """The last moment before an end, in the zone: an end at midnight belongs to the day before."""
    return (end - timedelta(microseconds=1)).astimezone(zone)


def format_time(time: datetime, shop: Shop) -> str:
    """A time in the shop's zone, with the zone: "Mon 23 Nov 2026, 13:55 CET"."""
    local = time.astimezone(shop.zone)
    name = local.tzname() or ""
    zone = f"UTC{name}" if name[:1] in {"+", "-"} else name
    return f"{_DAYS[local.weekday()]} {_format_date(local)}, {local.hour:02}:{local.minute:02} {zone}"


def format_day(time: datetime, shop: Shop) -> str:
    return _format_date(time.astimezone(shop.zone))


def format_last_day(end: datetime, shop: Shop) -> str:
    """The last day before `end`: "31 Dec 2026", also for the midnight after it."""
    return _format_date(find_last_day(end, shop.zone))


def format_day_of_year(time: datetime, shop: Shop) -> str:
    """A day without its year, for times within a year: "20 Oct"."""
    return _format_day_of_year(time.astimezone(shop.zone))


def format_day_of_any_year(month: int, day: int) -> str:
    """A day that comes each year: "12 March". Empty for a month that there is not."""
    return f"{day} {_WHOLE_MONTHS[month - 1]}" if 0 < month <= len(_WHOLE_MONTHS) else ""


def format_clock(time: datetime, shop: Shop) -> str:
    """The time of day, "13:55"; with the zone if the shop's zone is not known."""
    zone = " UTC" if shop is DEFAULT_SHOP else ""
    return f"{time.astimezone(shop.zone):%H:%M}{zone}"


def is_today(time: datetime, shop: Shop, now: datetime) -> bool:
    return format_day(time, shop) == format_day(now, shop)


def find_day_start(now: datetime, shop: Shop) -> datetime:
    """The first moment of the shop's day."""
    return now.astimezone(shop.zone).replace(hour=0, minute=0, second=0, microsecond=0)


def _format_date(local: datetime) -> str:
    return f"{_format_day_of_year(local)} {local.year}"


def _format_day_of_year(local: datetime) -> str:
    return f"{local.day} {_MONTHS[local.month - 1]}"

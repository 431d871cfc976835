"""Which awards a command is about."""

import enum
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, tzinfo
from types import MappingProxyType
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cyclopts import Parameter
from google.protobuf.timestamp_pb2 import Timestamp

from gateway.cli.errors import CommandError, UsageError
from gateway.cli.loyalty import TIMEOUT_S
from gateway.loyalty_client import LoyaltyClient
from protos.loyalty.v1 import loyalty_pb2 as pb

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_RFC_3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_TIME_HELP = "a day of the shop's, 2026-11-23, or a time, 2026-11-23T12:00:00Z."
# Which option fills a field of the request.
SELECTION_OPTIONS: Mapping[str, str] = MappingProxyType(
    {
        "filter.claimed_agent": "--agent",
        "filter.member_id": "--member",
        "filter.ticket_id": "--ticket",
        "filter.states": "--state",
        "filter.from_time": "--from",
        "filter.before_time": "--before",
    }
)


class State(enum.Enum):
    """The states of an award."""

    PENDING = pb.AWARD_STATE_PENDING
    APPLIED = pb.AWARD_STATE_APPLIED
    REJECTED = pb.AWARD_STATE_REJECTED
    UNKNOWN = pb.AWARD_STATE_UNKNOWN
    NOT_APPLIED = pb.AWARD_STATE_NOT_APPLIED


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Selection:
    """The options that all commands about several awards have; what is not given allows all."""

    agent: Annotated[str | None, Parameter(help="Given by: the whole e-mail or name.")] = None
    member: Annotated[str | None, Parameter(help="To whom: TRIFFT's id of the member.")] = None
    ticket: Annotated[str | None, Parameter(help="On which ticket: its number.")] = None
    state: Annotated[tuple[State, ...], Parameter(negative="", help="In this state; may be given several times.")] = ()
    from_: Annotated[str | None, Parameter(name="--from", help=f"Made at or after: {_TIME_HELP}")] = None
    before: Annotated[str | None, Parameter(help=f"Made before: {_TIME_HELP}")] = None
    needs_person: Annotated[bool, Parameter(negative="", help="Only those that wait for a person.")] = False

    async def fetch_filter(self, loyalty: LoyaltyClient, merchant_id: str) -> pb.AwardFilter:
        """The filter of a request. The shop is asked for its zone where a day is given.

        Raises UsageError, CommandError, LoyaltyCallError.
        """
        for option, text in (("--agent", self.agent), ("--member", self.member), ("--ticket", self.ticket)):
            if text is not None and not text.strip():
                raise UsageError(f"{option} is empty: leave it out to have all")
        texts = {"--from": self.from_, "--before": self.before}
        times = {option: _parse_time(text, option) for option, text in texts.items() if text is not None}
        zone: tzinfo = UTC
        if any(not isinstance(time, datetime) for time in times.values()):
            zone = await _fetch_zone(loyalty, merchant_id)
        instants = {option: _find_instant(time, zone, option) for option, time in times.items()}
        if len(instants) == len(texts) and instants["--from"] >= instants["--before"]:
            raise UsageError("--from must be earlier than --before: nothing lies between")
        return pb.AwardFilter(
            from_time=_write(instants.get("--from")),
            before_time=_write(instants.get("--before")),
            claimed_agent=(self.agent or "").strip(),
            member_id=(self.member or "").strip(),
            ticket_id=(self.ticket or "").strip(),
            states=[state.value for state in self.state],
            needs_person=self.needs_person,
        )


def _parse_time(text: str, option: str) -> date | datetime:
    stripped = text.strip()
    try:
        if _DATE.fullmatch(stripped):
            return date.fromisoformat(stripped)
        if _RFC_3339.fullmatch(stripped):
            return datetime.fromisoformat(stripped.upper())
    except ValueError:
        pass  # the 30th of February
    raise UsageError(f"{option} must be a day, 2026-11-23, or a time, 2026-11-23T12:00:00Z: not {text[:40]!r}")


def _find_instant(time: date | datetime, zone: tzinfo, option: str) -> datetime:
    local = time if isinstance(time, datetime) else datetime(time.year, time.month, time.day, tzinfo=zone)
    try:
        return local.astimezone(UTC)
    except OverflowError:
        raise UsageError(f"{option} is out of range") from None


async def _fetch_zone(loyalty: LoyaltyClient, merchant_id: str) -> tzinfo:
    merchant = await loyalty.get_merchant(merchant_id, timeout_s=TIMEOUT_S)
    try:
        return ZoneInfo(merchant.time_zone or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        raise CommandError(
            f"the zone {merchant.time_zone} of {merchant_id} is not known here: give times with their offset, "
            "2026-11-23T00:00:00+01:00"
        ) from None


def _write(time: datetime | None) -> Timestamp | None:
    if time is None:
        return None
    timestamp = Timestamp()
    timestamp.FromDatetime(time)
    return timestamp

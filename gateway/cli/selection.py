"""Which awards a command is about."""

import enum
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, tzinfo
from types import MappingProxyType
from typing import Annotated

from cyclopts import Parameter
from google.protobuf.timestamp_pb2 import Timestamp

from gateway.cli.errors import CommandError, UsageError
from gateway.cli.loyalty import TIMEOUT_S
from gateway.cli.zone import fetch_zone
from gateway.errors import LoyaltyCallError
from gateway.loyalty_client import LoyaltyClient
from protos.loyalty.v1 import loyalty_pb2 as pb

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?([Zz]|[+-][0-9]{2}:[0-9]{2})?"
)
_TIME_HELP = "a day, 2026-11-23, or a time, 2026-11-23T12:00; the shop's own, or with an offset, 2026-11-23T12:00Z."
# A UUID, as TRIFFT's ids are, or what stands for one who was forgotten. Else it may be what support calls a member by.
_MEMBER_ID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|erased-[0-9a-f]{16}")
# A removed shop's members, too, are known to nobody.
_NOT_FOUND = frozenset({"MEMBER_NOT_FOUND", "MERCHANT_NOT_FOUND"})
# Which option fills a field of the request.
SELECTION_OPTIONS: Mapping[str, str] = MappingProxyType(
    {
        "filter.claimed_agent": "--agent",
        "filter.member_id": "--member",
        "filter.member_support_id": "--member",
        "identity.email": "--member",
        "identity.support_id": "--member",
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
    member: Annotated[str | None, Parameter(help="To whom: TRIFFT's id, e-mail or support ID.")] = None
    ticket: Annotated[str | None, Parameter(help="On which ticket: its number.")] = None
    state: Annotated[tuple[State, ...], Parameter(negative="", help="In this state; may be given several times.")] = ()
    from_: Annotated[str | None, Parameter(name="--from", help=f"Made at or after: {_TIME_HELP}")] = None
    before: Annotated[str | None, Parameter(help=f"Made before: {_TIME_HELP}")] = None
    needs_person: Annotated[bool, Parameter(negative="", help="Only those that wait for a person.")] = False

    async def fetch_filter(self, loyalty: LoyaltyClient, merchant_id: str) -> tuple[pb.AwardFilter, tzinfo | None]:
        """The filter of a request, and the shop's zone; None: this machine does not know it.

        Raises UsageError, CommandError, LoyaltyCallError.
        """
        agent = _strip(self.agent, "--agent")
        member = _strip(self.member, "--member")
        ticket = _strip(self.ticket and self.ticket.strip().removeprefix("#"), "--ticket")
        texts = {"--from": self.from_, "--before": self.before}
        times = {option: _parse_time(text, option) for option, text in texts.items() if text is not None}
        zone = await fetch_zone(loyalty, merchant_id)
        instants = {option: _find_instant(time, zone, option) for option, time in times.items()}
        if len(instants) == len(texts) and instants["--from"] >= instants["--before"]:
            raise UsageError("--from must be earlier than --before: nothing lies between")
        award_filter = pb.AwardFilter(
            from_time=_write(instants.get("--from")),
            before_time=_write(instants.get("--before")),
            claimed_agent=agent,
            **(await _find_member(loyalty, merchant_id, member) if member else {}),
            ticket_id=ticket,
            states=[state.value for state in self.state],
            needs_person=self.needs_person,
        )
        return award_filter, zone


def _strip(text: str | None, option: str) -> str:
    """Empty where the option is not given."""
    if text is not None and not text.strip():
        raise UsageError(f"{option} is empty: leave it out to have all")
    return (text or "").strip()


async def _find_member(loyalty: LoyaltyClient, merchant_id: str, text: str) -> dict[str, str]:
    """The field of the filter: TRIFFT's id; for whom TRIFFT does not know any more, the support ID of that time.

    Who is no member by e-mail is an error. What is neither a support ID nor was one may be an id of TRIFFT's.
    """
    if _MEMBER_ID.fullmatch(text):
        return {"member_id": text}
    is_email = "@" in text
    identity = pb.MemberIdentity(email=text) if is_email else pb.MemberIdentity(support_id=text)
    try:
        return {"member_id": (await loyalty.find_member(merchant_id, identity, timeout_s=TIMEOUT_S)).member.member_id}
    except LoyaltyCallError as error:
        if is_email and error.reason == "MERCHANT_NOT_FOUND":
            words = f"{merchant_id} was removed: give the support ID of the member, or TRIFFT's id"
            raise CommandError(words) from error
        if error.reason == "MEMBER_AMBIGUOUS" or (is_email and error.reason in _NOT_FOUND):
            count = "more than one" if error.reason == "MEMBER_AMBIGUOUS" else "no"
            raise CommandError(
                f"{merchant_id} has {count} member with this --member: give TRIFFT's id of the member"
            ) from error
        if error.reason not in _NOT_FOUND and error.field != "identity.support_id":
            raise
    was_theirs = pb.AwardFilter(member_support_id=text)
    found = await loyalty.list_awards(merchant_id, award_filter=was_theirs, page_size=1, timeout_s=TIMEOUT_S)
    return {"member_support_id" if found.awards else "member_id": text}


def _parse_time(text: str, option: str) -> date | datetime:
    stripped = text.strip()
    try:
        if _DATE.fullmatch(stripped):
            return date.fromisoformat(stripped)
        if _TIME.fullmatch(stripped):
            return datetime.fromisoformat(stripped.upper())
    except ValueError:
        pass  # the 30th of February
    raise UsageError(f"{option} must be a day, 2026-11-23, or a time, 2026-11-23T12:00: not {text[:40]!r}")


def _find_instant(time: date | datetime, zone: tzinfo | None, option: str) -> datetime:
    """What has no offset of its own is the shop's."""
    local = time if isinstance(time, datetime) else datetime(time.year, time.month, time.day)  # noqa: DTZ001 - below
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


def _write(time: datetime | None) -> Timestamp | None:
    if time is None:
        return None
    timestamp = Timestamp()
    timestamp.FromDatetime(time)
    return timestamp

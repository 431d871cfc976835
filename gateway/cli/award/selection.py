"""The options that select awards, and the request's filter."""

import enum
import re
from collections.abc import AsyncGenerator, Awaitable
from dataclasses import dataclass
from typing import Annotated

from cyclopts import Parameter

from gateway.cli.arguments import strip_text
from gateway.cli.errors import CommandError, UsageError
from gateway.cli.loyalty import TIMEOUT_S, fetch_zone, list_pages
from gateway.cli.times import Zone, find_instant, parse_typed_time
from gateway.errors import LoyaltyCallError
from gateway.loyalty_client import LoyaltyClient
from protos.loyalty.v1 import loyalty_pb2 as pb

_PAGE_SIZE = 1000
_PAGE_TIMEOUT_S = 30.0
_TIME_HELP = "a day, 2026-11-23, or a time, 2026-11-23T12:00; the shop's own, or with an offset, 2026-11-23T12:00Z."
# An id of TRIFFT's (a UUID), or the pseudonym of an erased member. Another text may be a support ID.
_MEMBER_ID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|erased-[0-9a-f]{16}")
# Also for a removed shop, whose members cannot be looked up.
_NOT_FOUND = frozenset({"MEMBER_NOT_FOUND", "MERCHANT_NOT_FOUND"})
# The option that fills each field of the request.
SELECTION_OPTIONS = {
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
    """The options of all commands about several awards; an option that is not given allows all."""

    agent: Annotated[str | None, Parameter(help="Given by: the whole e-mail or name.")] = None
    member: Annotated[str | None, Parameter(help="Of this member: TRIFFT's id, e-mail or support ID.")] = None
    ticket: Annotated[str | None, Parameter(help="On this ticket: its number.")] = None
    state: Annotated[tuple[State, ...], Parameter(negative="", help="In this state. May be given several times.")] = ()
    from_: Annotated[str | None, Parameter(name="--from", help=f"Made at or after: {_TIME_HELP}")] = None
    before: Annotated[str | None, Parameter(help=f"Made before: {_TIME_HELP}")] = None
    needs_person: Annotated[bool, Parameter(negative="", help="Only awards that wait for a person.")] = False

    async def fetch_filter(self, loyalty: LoyaltyClient, merchant_id: str) -> tuple[pb.AwardFilter, Zone]:
        """The filter of a request, and the shop's zone. Raises UsageError, CommandError, LoyaltyCallError."""
        agent = _strip(self.agent, "--agent")
        member = _strip(self.member, "--member")
        ticket = _strip(self.ticket and self.ticket.strip().removeprefix("#"), "--ticket")
        texts = {"--from": self.from_, "--before": self.before}
        times = {option: parse_typed_time(text, option) for option, text in texts.items() if text is not None}
        zone = await fetch_zone(loyalty, merchant_id)
        instants = {option: find_instant(time, zone, option) for option, time in times.items()}
        if len(instants) == len(texts) and instants["--from"] >= instants["--before"]:
            raise UsageError("--from must be earlier than --before")
        award_filter = pb.AwardFilter(
            claimed_agent=agent,
            ticket_id=ticket,
            states=[state.value for state in self.state],
            needs_person=self.needs_person,
        )
        if member:
            award_filter.MergeFrom(await _find_member(loyalty, merchant_id, member))
        if "--from" in instants:
            award_filter.from_time.FromDatetime(instants["--from"])
        if "--before" in instants:
            award_filter.before_time.FromDatetime(instants["--before"])
        return award_filter, zone


ALL = Selection()


def say_none(merchant_id: str, selection: Selection) -> str:
    return f"{merchant_id} has no {'awards yet' if selection == ALL else 'such awards'}."


async def list_award_pages(
    loyalty: LoyaltyClient, merchant_id: str, award_filter: pb.AwardFilter, *, limit: int | None = None
) -> AsyncGenerator[pb.ListAwardsResponse]:
    """List awards page by page, newest first, at most `limit`. Raises LoyaltyCallError."""
    count = 0

    def fetch(page_token: str) -> Awaitable[pb.ListAwardsResponse]:
        page_size = _PAGE_SIZE if limit is None else min(_PAGE_SIZE, limit - count)
        return loyalty.list_awards(
            merchant_id,
            award_filter=award_filter,
            page_size=page_size,
            page_token=page_token,
            timeout_s=_PAGE_TIMEOUT_S,
        )

    async for page in list_pages(fetch):
        count += len(page.awards)
        yield page
        if count == limit:
            return


def _strip(text: str | None, option: str) -> str:
    """Strip an option's text; empty where it is not given."""
    return "" if text is None else strip_text(text, option, "leave it out to select all")


async def _find_member(loyalty: LoyaltyClient, merchant_id: str, text: str) -> pb.AwardFilter:
    """Return the filter's field: TRIFFT's id, or for a member who is no longer in TRIFFT the support ID then.

    An e-mail of no member is an error. A text that is no support ID, and never was one, is taken for TRIFFT's id.
    """
    if _MEMBER_ID.fullmatch(text):
        return pb.AwardFilter(member_id=text)
    is_email = "@" in text
    identity = pb.MemberIdentity(email=text) if is_email else pb.MemberIdentity(support_id=text)
    try:
        found = await loyalty.find_member(merchant_id, identity, timeout_s=TIMEOUT_S)
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
    else:
        return pb.AwardFilter(member_id=found.member.member_id)
    was_theirs = pb.AwardFilter(member_support_id=text)
    page = await loyalty.list_awards(merchant_id, award_filter=was_theirs, page_size=1, timeout_s=TIMEOUT_S)
    return was_theirs if page.awards else pb.AwardFilter(member_id=text)

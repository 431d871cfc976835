"""`trifft-gorgias member`: shows or erases one person of a shop's loyalty programme."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated

from cyclopts import App, Parameter

from gateway.cli.arguments import Json, MerchantId
from gateway.cli.errors import CommandError, UsageError
from gateway.cli.loyalty import TIMEOUT_S, fetch_zone, find_merchant, get_login, open_loyalty
from gateway.cli.member_record import list_fields, render_snapshot
from gateway.cli.output import print_fields, print_json, print_line, render_enum
from gateway.cli.settings import load_config
from gateway.cli.times import Zone, find_zone, render_timestamp, show_timestamp
from gateway.errors import LoyaltyCallError, name_reason
from gateway.loyalty_client import LoyaltyClient
from protos.loyalty.v1 import loyalty_pb2 as pb

# The fields of MemberIdentity in the order of the options, each with its word.
_WORDS = {"email": "e-mail address", "phone": "phone number", "support_id": "support ID", "member_id": "id"}
# The option that fills each field of the request.
WHO_OPTIONS = {
    "identity.email": "--email",
    "identity.phone": "--phone",
    "identity.support_id": "--support-id",
    "identity.member_id": "--member",
    "member_id": "--member",
    "erased_by": "your login",
}
_EXIT_KEPT = 1
_KEPT_WORDS = {
    pb.KEPT_REASON_IN_DOUBT: "still being checked: run this again once it is settled (award show tells how)",
    pb.KEPT_REASON_BESIDE_DOUBT: "of about the time of one that is being checked: run this again once that is settled",
}
_NOT_OURS = """\
Not forgotten here: TRIFFT's own data (forget them there first, or the next ticket event reads them again), the notes in
Gorgias' tickets, and the last sidebar, which Gorgias keeps with the customer.
Kept by design: of each award the amount, times, agent, ticket, number, state, reason, by what kind of address the
member was found, TRIFFT's number of the movement, and what a person wrote when they settled one. Of a click, the
gateway keeps the ticket for 30 days, never the member. No log names a member.
"""


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Who:
    """The options that name a member."""

    email: Annotated[str | None, Parameter(help="The member's e-mail address.")] = None
    phone: Annotated[
        str | None, Parameter(help="Or the phone number: +421900000000, or as it is dialled in the shop's country.")
    ] = None
    support_id: Annotated[str | None, Parameter(help="Or the support or referral ID.")] = None
    member_id: Annotated[str | None, Parameter(name="--member", help="Or TRIFFT's id of the member.")] = None

    def read(self) -> pb.MemberIdentity:
        """Read the one option that is given. Raises UsageError unless there is exactly one."""
        identities = self._list()
        if len(identities) != 1:
            raise UsageError("name the member by one of --email, --phone, --support-id and --member")
        return identities[0]

    def read_all(self) -> list[pb.MemberIdentity]:
        """Read all options that are given, at least one. Raises UsageError."""
        identities = self._list()
        if not identities:
            raise UsageError("name the member by --email, --phone, --support-id or --member, or by several of them")
        return identities

    def _list(self) -> list[pb.MemberIdentity]:
        """Strip spaces, which pasted text often has."""
        given = {field: value for field in _WORDS if (value := getattr(self, field)) is not None}
        return [pb.MemberIdentity(**{field: value.strip()}) for field, value in given.items()]


NOBODY = Who()


@contextmanager
def expecting_one(merchant_id: str, identity: pb.MemberIdentity) -> Generator[None]:
    """Raises CommandError if the call in the block finds nobody, or several members."""
    words = _WORDS[identity.WhichOneof("identity") or ""]
    try:
        yield
    except LoyaltyCallError as error:
        if error.reason == "MEMBER_NOT_FOUND":
            raise CommandError(f"{merchant_id} has no loyalty member with this {words}") from error
        if error.reason == "MEMBER_AMBIGUOUS":
            count = error.metadata.get("member_count", "several")
            several = f"{count} members of {merchant_id} have this {words}: merge them in TRIFFT"
            raise CommandError(several) from error
        raise


app = App(name="member")


@app.command(help="Show a member as TRIFFT has them now.")
async def show(merchant_id: MerchantId, /, *, who: Who = NOBODY, json: Json = False) -> None:
    identity = who.read()
    async with open_loyalty(merchant_id, WHO_OPTIONS) as loyalty:
        with expecting_one(merchant_id, identity):
            snapshot = await loyalty.find_member(merchant_id, identity, max_staleness_s=0, timeout_s=TIMEOUT_S)
        zone = await fetch_zone(loyalty, merchant_id)
    if json:
        print_json(render_snapshot(snapshot, zone))
    else:
        print_fields(list_fields(snapshot, zone))


_ABOUT_FORGET = """Forget a person at their request.

Drops what is held of them, and puts a pseudonym on their settled awards. Give all their names. Exit code 1 if awards
had to be kept: run it again later.
"""


@app.command(help=_ABOUT_FORGET)
async def forget(
    merchant_id: MerchantId,
    /,
    *,
    who: Who = NOBODY,
    yes: Annotated[bool, Parameter(negative="", help="Confirm: it cannot be undone.")] = False,
    json: Json = False,
) -> int:
    identities = who.read_all()
    if not yes:
        raise UsageError("this cannot be undone: add --yes to do it")
    async with open_loyalty(merchant_id, WHO_OPTIONS) as loyalty:
        member_id = await _find_member_id(loyalty, merchant_id, identities)
        request = pb.EraseMemberRequest(
            merchant_id=merchant_id, member_id=member_id, identities=identities, erased_by=get_login()
        )
        done = await loyalty.erase_member(request, timeout_s=TIMEOUT_S)
        merchant = await find_merchant(loyalty, merchant_id) if done.kept_awards else None
    event_count, link_count = await _forget_here(merchant_id, member_id, identities)
    zone = find_zone(merchant.time_zone) if merchant else None
    if json:
        counts = {"forgotten_event_count": event_count, "forgotten_link_count": link_count}
        print_json({**_render(done, is_known=bool(member_id), zone=zone), **counts})
    else:
        _print(done, is_known=bool(member_id), zone=zone)
        _print_end(event_count, link_count)
    return _EXIT_KEPT if done.kept_awards else 0


async def _find_member_id(loyalty: LoyaltyClient, merchant_id: str, identities: Sequence[pb.MemberIdentity]) -> str:
    """Find the member whom the names have, in held snapshots and in TRIFFT; empty: nobody.

    Raises CommandError for several.
    """
    given = [identity.member_id for identity in identities if identity.WhichOneof("identity") == "member_id"]
    if given:
        return given[0]
    found = {member_id for one in identities for member_id in await _find(loyalty, merchant_id, one)}
    if len(found) > 1:
        raise CommandError(
            f"{merchant_id} has, or recently had, several members with these names: name one of them with --member"
        )
    return found.pop() if found else ""


async def _find(loyalty: LoyaltyClient, merchant_id: str, identity: pb.MemberIdentity) -> set[str]:
    """Find the member with this name in the held data, and in TRIFFT now. They may be two.

    Raises CommandError if TRIFFT does not say.
    """
    found = set()
    try:
        held = await loyalty.get_held_snapshot(merchant_id, identity, timeout_s=TIMEOUT_S)
        if held.WhichOneof("held") == "snapshot":
            found.add(held.snapshot.member.member_id)
        now = await loyalty.find_member(merchant_id, identity, max_staleness_s=0, timeout_s=TIMEOUT_S)
    except LoyaltyCallError as error:
        if error.reason == "MEMBER_AMBIGUOUS":
            raise CommandError(f"several members of {merchant_id} have this name: name one with --member") from error
        if error.reason in {"MEMBER_NOT_FOUND", "MERCHANT_NOT_FOUND"}:  # a removed shop still has awards
            return found
        raise
    if now.stale_reason != pb.ERROR_REASON_UNSPECIFIED:
        reason = name_reason(now.stale_reason)
        raise CommandError(
            f"TRIFFT does not say whose name this is now ({reason}): try again later, or name the member with --member"
        )
    return found | {now.member.member_id}


async def _forget_here(
    merchant_id: str, member_id: str, identities: Sequence[pb.MemberIdentity]
) -> tuple[int | None, int]:
    """Delete what the gateway keeps of the person: ticket events and links. Returns how many. Raises CommandError.

    None: nobody is known by these names, so no event can be theirs.
    """
    from gateway.cli.installation import open_stores  # noqa: PLC0415 - slow to load, and only this command needs it

    named: dict[str, list[str]] = {field: [] for field in _WORDS}
    for identity in identities:
        field = identity.WhichOneof("identity") or ""
        named[field].append(getattr(identity, field))
    async with open_stores(load_config()) as stores:
        event_count = await stores.events.forget_member(merchant_id, member_id) if member_id else None
        link_count = await stores.links.forget(
            merchant_id,
            member_ids={member_id, *named["member_id"]} - {""},
            support_ids=named["support_id"],
            channels=[(kind, address) for kind in ("email", "phone") for address in named[kind]],
        )
    return event_count, link_count


def _render(done: pb.EraseMemberResponse, *, is_known: bool, zone: Zone) -> dict[str, object]:
    return {
        "is_known": is_known,
        "dropped_count": done.dropped_count,
        "erased_award_count": done.erased_award_count,
        "pseudonym": done.pseudonym or None,
        "kept_awards": [
            {
                "award_id": one.award_id,
                "reason": render_enum(pb.KeptReason, one.reason, "KEPT_REASON_"),
                "until_time": render_timestamp(one.until_time, zone) if one.HasField("until_time") else None,
            }
            for one in done.kept_awards
        ],
    }


def _print(done: pb.EraseMemberResponse, *, is_known: bool, zone: Zone) -> None:
    entries = "1 entry" if done.dropped_count == 1 else f"{done.dropped_count} entries"
    print_line(f"Dropped: {entries} of what was held between reads of TRIFFT.")
    if not is_known:
        print_line(
            "Neither the held snapshots nor TRIFFT have such a member, so no award was changed: give TRIFFT's id"
        )
        print_line("with --member if you have it (award list shows them).")
    elif done.erased_award_count:
        awards = "1 award has" if done.erased_award_count == 1 else f"{done.erased_award_count} awards have"
        print_line(f"Forgotten: {awards} {done.pseudonym} instead of the member,")
        print_line("without support ID, note, tier and balance.")
    elif not done.kept_awards:
        print_line("No award is on record for them.")
    for one in done.kept_awards:
        until = f"it can be undone until {show_timestamp(one.until_time, zone)}: run this again after that"
        print_line(f"Kept: {one.award_id}, {_KEPT_WORDS.get(one.reason, until)}.")


def _print_end(event_count: int | None, link_count: int) -> None:
    """`event_count`: None if nobody is known by these names."""
    if link_count:
        links = "1 link of a customer" if link_count == 1 else f"{link_count} links of customers"
        print_line(f"Deleted: {links} to them, also from the record.")
    if event_count is not None:
        events = "1 ticket event" if event_count == 1 else f"{event_count or 'no'} ticket events"
        print_line(f"Deleted: {events} of the last 7 days.")
    for line in _NOT_OURS.splitlines():
        print_line(line)

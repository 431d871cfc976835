"""`trifft-gorgias member forget`: what is kept of a person goes, as far as it may."""

from collections.abc import Sequence
from datetime import tzinfo
from typing import Annotated

from cyclopts import Parameter

from gateway.cli.arguments import parse_merchant_id
from gateway.cli.errors import CommandError, UsageError
from gateway.cli.login import get_login
from gateway.cli.loyalty import TIMEOUT_S, open_loyalty
from gateway.cli.merchant import Json, MerchantId
from gateway.cli.output import print_json, print_line, read_timestamp, render_text, render_time
from gateway.cli.settings import load_config
from gateway.cli.who import WHO_OPTIONS, Who
from gateway.cli.zone import find_zone
from gateway.errors import LoyaltyCallError, name_reason
from gateway.loyalty_client import LoyaltyClient
from protos.loyalty.v1 import loyalty_pb2 as pb

_EXIT_KEPT = 1
_REASONS = {
    pb.KEPT_REASON_IN_DOUBT: "still being checked: run this again once it is settled (award show tells how)",
    pb.KEPT_REASON_BESIDE_DOUBT: "of about the time of one that is being checked: run this again once that is settled",
}
_NOT_OURS = """\
Not ours to forget: TRIFFT's own data (forget them there first, or the next ticket event reads them anew), the notes in
Gorgias' tickets, and the last sidebar, which Gorgias keeps with the customer.
Kept by design: of each award the amount, times, agent, ticket, number, state, reason and TRIFFT's number of the
movement, and what a person wrote when they settled one. The gateway keeps of a click its ticket, for 30 days, and not
the member; no log names one.
"""


async def forget(
    merchant_id: MerchantId,
    /,
    *,
    who: Who | None = None,
    yes: Annotated[bool, Parameter(negative="", help="Do it: it cannot be undone.")] = False,
    json: Json = False,
) -> int:
    """Forget a person: drop what is held of them, and let their settled awards carry a pseudonym; give all their names.

    Exit code 1 where awards had to be kept: run it again later.
    """
    parse_merchant_id(merchant_id)
    identities = (who or Who()).read_all()
    if not yes:
        raise UsageError("this cannot be undone: add --yes to do it")
    async with open_loyalty(load_config(), merchant_id, WHO_OPTIONS) as loyalty:
        member_id = await _find_member_id(loyalty, merchant_id, identities)
        request = pb.EraseMemberRequest(
            merchant_id=merchant_id, member_id=member_id, identities=identities, erased_by=get_login()
        )
        done = await loyalty.erase_member(request, timeout_s=TIMEOUT_S)
        zone = await _fetch_zone(loyalty, merchant_id) if done.kept_awards else None
    if json:
        print_json(_render(done, is_known=bool(member_id), zone=zone))
    else:
        _print(done, is_known=bool(member_id), zone=zone)
    return _EXIT_KEPT if done.kept_awards else 0


async def _find_member_id(loyalty: LoyaltyClient, merchant_id: str, identities: Sequence[pb.MemberIdentity]) -> str:
    """Whom they name, by what is held and by TRIFFT; empty: nobody. Raises CommandError where they name several."""
    given = [identity.member_id for identity in identities if identity.WhichOneof("identity") == "member_id"]
    if given:
        return given[0]
    found = {member_id for one in identities for member_id in await _find(loyalty, merchant_id, one)}
    if len(found) > 1:
        raise CommandError(
            f"{merchant_id} has several members with these names, or had until lately: name one of them with --member"
        )
    return found.pop() if found else ""


async def _find(loyalty: LoyaltyClient, merchant_id: str, identity: pb.MemberIdentity) -> set[str]:
    """Whom the name is held for, and whose it is now: TRIFFT may have forgotten the one, or given it to the other.

    Raises CommandError where TRIFFT does not say.
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
        if error.reason in {"MEMBER_NOT_FOUND", "MERCHANT_NOT_FOUND"}:  # a removed shop has books yet
            return found
        raise
    if now.stale_reason != pb.ERROR_REASON_UNSPECIFIED:
        reason = name_reason(now.stale_reason)
        raise CommandError(
            f"TRIFFT does not say whose name this is now ({reason}): try again later, or name the member with --member"
        )
    return found | {now.member.member_id}


async def _fetch_zone(loyalty: LoyaltyClient, merchant_id: str) -> tzinfo | None:
    """None also where the shop was removed."""
    try:
        return find_zone((await loyalty.get_merchant(merchant_id, timeout_s=TIMEOUT_S)).time_zone)
    except LoyaltyCallError:
        return None


def _render(done: pb.EraseMemberResponse, *, is_known: bool, zone: tzinfo | None) -> dict[str, object]:
    return {
        "is_known": is_known,
        "dropped_count": done.dropped_count,
        "erased_award_count": done.erased_award_count,
        "pseudonym": render_text(done.pseudonym),
        "kept_awards": [
            {
                "award_id": one.award_id,
                "reason": pb.KeptReason.Name(one.reason).removeprefix("KEPT_REASON_").lower(),
                "until_time": render_time(one.until_time, zone) if one.HasField("until_time") else None,
            }
            for one in done.kept_awards
        ],
    }


def _print(done: pb.EraseMemberResponse, *, is_known: bool, zone: tzinfo | None) -> None:
    entries = "1 entry" if done.dropped_count == 1 else f"{done.dropped_count} entries"
    print_line(f"Dropped: {entries} of what was held between reads of TRIFFT.")
    if not is_known:
        print_line(
            "Neither is such a member held nor does TRIFFT know one, so no award was looked for: give TRIFFT's id"
        )
        print_line("with --member if you have it (award list shows them).")
    elif done.erased_award_count:
        awards = "1 award carries" if done.erased_award_count == 1 else f"{done.erased_award_count} awards carry"
        print_line(f"Forgotten: {awards} {done.pseudonym} instead of the member,")
        print_line("without support ID, note, tier and balance.")
    elif not done.kept_awards:
        print_line("No award is on record for them.")
    for one in done.kept_awards:
        until = f"it can be undone until {read_timestamp(one.until_time, zone)}: run this again after that"
        print_line(f"Kept: {one.award_id}, {_REASONS.get(one.reason, until)}.")
    for line in _NOT_OURS.splitlines():
        print_line(line)

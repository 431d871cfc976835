"""`trifft-gorgias award`: points given and removed by support."""

from collections.abc import Sequence
from typing import Annotated, Literal

from cyclopts import Parameter

from gateway.cli.arguments import parse_award_id, parse_merchant_id
from gateway.cli.award_record import (
    LIST_COLUMNS,
    list_cells,
    list_change_cells,
    list_fields,
    list_lines,
    name_member,
    read_points,
    read_state,
    render_award,
    render_change,
)
from gateway.cli.errors import UsageError
from gateway.cli.login import get_login
from gateway.cli.loyalty import TIMEOUT_S, open_loyalty
from gateway.cli.merchant import Json, MerchantId
from gateway.cli.output import (
    has_width,
    print_blocks,
    print_fields,
    print_hint,
    print_json,
    print_line,
    print_table,
    render_text,
)
from gateway.cli.selection import SELECTION_OPTIONS, Selection
from gateway.cli.settings import load_config
from gateway.cli.zone import fetch_zone
from gateway.loyalty_client import LoyaltyClient
from protos.loyalty.v1 import loyalty_pb2 as pb
from runtime.text import isolate

_PAGE_SIZE = 1000
_SHOWN = 100
# Below it the ids of members, and what else is long, are broken into pieces.
_TABLE_COLUMNS = 180
_SUM_TIMEOUT_S = 30.0
_GROUPINGS = {
    "agent": pb.AWARD_GROUPING_AGENT,
    "reason": pb.AWARD_GROUPING_REASON,
    "day": pb.AWARD_GROUPING_DAY,
}
# What was taken back counts for whom it was given by, whoever took it.
_TITLES = {"agent": "given by"}
_OUTCOMES = {"applied": pb.AWARD_STATE_APPLIED, "not-applied": pb.AWARD_STATE_NOT_APPLIED}
_OPTIONS = {"award_id": "AWARD", "because": "--because", "settled_by": "--as", "outcome": "OUTCOME"}

AwardId = Annotated[str, Parameter(name="AWARD", help="Its number, for example A-12.")]


async def list_all(
    merchant_id: MerchantId,
    /,
    *,
    selection: Selection | None = None,
    limit: Annotated[int, Parameter(help="How many at most.")] = _SHOWN,
    json: Json = False,
) -> None:
    """List a shop's awards, newest first."""
    parse_merchant_id(merchant_id)
    if limit < 1:
        raise UsageError(f"--limit must be 1 or more: not {limit}")
    async with open_loyalty(load_config(), merchant_id, SELECTION_OPTIONS) as loyalty:
        award_filter, zone = await (selection or Selection()).fetch_filter(loyalty, merchant_id)
        awards, are_all = await _fetch_newest(loyalty, merchant_id, award_filter, limit)
    if json:
        print_json([render_award(award, zone) for award in awards])
    elif awards and has_width(_TABLE_COLUMNS):
        print_table(LIST_COLUMNS, (list_cells(award, zone) for award in awards))
    elif awards:
        print_blocks(list_lines(award, zone) for award in awards)
    elif award_filter == pb.AwardFilter():
        print_line(f"{merchant_id} has no awards yet.")
    else:
        print_line(f"{merchant_id} has no such awards.")
    if not are_all:
        more = f"--limit {limit * 10} shows more, trifft-gorgias award export {merchant_id} --to FILE writes all"
        print_hint(f"These are the newest {limit}: {more}.")


async def show(merchant_id: MerchantId, award_id: AwardId, /, *, json: Json = False) -> None:
    """Show all that is known of one award, and what happened to it."""
    parse_merchant_id(merchant_id)
    request = pb.GetAwardRequest(merchant_id=merchant_id, award_id=parse_award_id(award_id))
    async with open_loyalty(load_config(), merchant_id, _OPTIONS) as loyalty:
        found = await loyalty.get_award(request, timeout_s=TIMEOUT_S)
        zone = await fetch_zone(loyalty, merchant_id)
    if json:
        changes = [render_change(change, zone) for change in found.changes]
        print_json({**render_award(found.award, zone), "changes": changes})
        return
    print_fields(list_fields(found.award, zone))
    print_table(("when", "what", "attempt", "who", "why"), list_change_cells(found.changes, zone))
    if found.award.needs_person:
        number = found.award.award_id
        print_line(
            f"Look for it in TRIFFT, then: trifft-gorgias award settle {merchant_id} {number} applied|not-applied "
            '--because "…"'
        )
    elif found.award.state == pb.AWARD_STATE_UNKNOWN:
        print_line(
            "TRIFFT is asked for it until it is settled: within seconds where it was booked; where it was not, "
            "after 15 min at least, or by a person."
        )


async def totals(
    merchant_id: MerchantId,
    /,
    *,
    by: Annotated[Literal["agent", "reason", "day"], Parameter(help="What is added up.")],
    selection: Selection | None = None,
    json: Json = False,
) -> None:
    """Add up a shop's awards by agent (who gave or removed), reason or day; what was taken back or given back, by whom
    ever, counts with the award that it undoes.
    """  # noqa: D205  one sentence
    parse_merchant_id(merchant_id)
    async with open_loyalty(load_config(), merchant_id, SELECTION_OPTIONS) as loyalty:
        award_filter, _ = await (selection or Selection()).fetch_filter(loyalty, merchant_id)
        request = pb.SumAwardsRequest(merchant_id=merchant_id, filter=award_filter, group_by=_GROUPINGS[by])
        sums = (await loyalty.sum_awards(request, timeout_s=_SUM_TIMEOUT_S)).sums
    if json:
        print_json([_render_sum(one) for one in sums])
    elif sums:
        rows = [*((one.key or "–", *_list_figures([one])) for one in sums), ("all", *_list_figures(sums))]
        print_table((_TITLES.get(by, by), "awards", "points", "taken back", "remain", "removed", "in doubt"), rows)
    else:
        print_line(f"{merchant_id} has no such awards.")


async def settle(  # noqa: PLR0913 - one argument per option
    merchant_id: MerchantId,
    award_id: AwardId,
    outcome: Annotated[Literal["applied", "not-applied"], Parameter(name="OUTCOME", help="What TRIFFT has.")],
    /,
    *,
    because: Annotated[str, Parameter(help="Why you are sure; kept with the award.")],
    settled_by: Annotated[
        str | None, Parameter(name="--as", help="Who says so, if not you; your login is kept, too.")
    ] = None,
    json: Json = False,
) -> None:
    """Write down what you found out about an award whose outcome is unknown; nothing is sent to TRIFFT."""
    parse_merchant_id(merchant_id)
    request = pb.SettleAwardRequest(
        merchant_id=merchant_id,
        award_id=parse_award_id(award_id),
        outcome=_OUTCOMES[outcome],
        because=_require(because, "--because", "say why you are sure"),
        settled_by=_name_settler(settled_by),
    )
    async with open_loyalty(load_config(), merchant_id, _OPTIONS) as loyalty:
        before = await loyalty.get_award(
            pb.GetAwardRequest(merchant_id=merchant_id, award_id=request.award_id), timeout_s=TIMEOUT_S
        )
        award = await loyalty.settle_award(request, timeout_s=TIMEOUT_S)
        zone = await fetch_zone(loyalty, merchant_id) if json else None
    if json:
        print_json(render_award(award, zone))
        return
    state, points = read_state(award.state), f"{read_points(award)} for {name_member(award)}"
    if before.award.state == award.state:
        print_line(f"{award.award_id} was {state} already ({points}): nothing was written down.")
    else:
        print_line(f"{award.award_id} is {state} now ({points}), says {isolate(request.settled_by)}.")


async def _fetch_newest(
    loyalty: LoyaltyClient, merchant_id: str, award_filter: pb.AwardFilter, limit: int
) -> tuple[list[pb.Award], bool]:
    """At most `limit`, and whether there are no more."""
    awards: list[pb.Award] = []
    page_token = ""
    while True:
        page = await loyalty.list_awards(
            merchant_id,
            award_filter=award_filter,
            page_size=min(_PAGE_SIZE, limit - len(awards)),
            page_token=page_token,
            timeout_s=TIMEOUT_S,
        )
        awards += page.awards
        page_token = page.next_page_token
        if not page_token or len(awards) >= limit:
            return awards, not page_token


def _render_sum(one: pb.AwardSum) -> dict[str, object]:
    return {
        "key": render_text(one.key),
        "award_count": one.award_count,
        "points": one.points,
        "reversed_points": one.reversed_points,
        "in_doubt_points": one.in_doubt_points,
        "removed_points": one.removed_points,
    }


def _list_figures(sums: Sequence[pb.AwardSum]) -> tuple[str, ...]:
    fields = ("award_count", "points", "reversed_points", "removed_points", "in_doubt_points")
    count, points, reversed_points, removed, in_doubt = (sum(getattr(one, field) for one in sums) for field in fields)
    figures = (count, points, reversed_points, points - reversed_points, removed, in_doubt)
    return tuple(str(figure) for figure in figures)


def _require(text: str, option: str, words: str) -> str:
    if not text.strip():
        raise UsageError(f"{option} is empty: {words}")
    return text.strip()


def _name_settler(name: str | None) -> str:
    """The login stays on record beside any other name: "Lead Petra (jo@ops-1)"."""
    login = get_login()
    return login if name is None else f"{_require(name, '--as', 'say who you are')} ({login})"

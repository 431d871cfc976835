"""`trifft-gorgias award totals`: sums of awards, of one shop or of all."""

from collections.abc import Iterable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Annotated, Literal

from cyclopts import Parameter

from gateway.cli.arguments import Json, OptionalMerchantId
from gateway.cli.award.columns import FOUND_BY
from gateway.cli.award.selection import ALL, SELECTION_OPTIONS, Selection, say_none
from gateway.cli.errors import CommandError, UsageError
from gateway.cli.loyalty import TIMEOUT_S, explain, list_pages, open_loyalty
from gateway.cli.output import JsonArray, print_hint, print_json, print_line, print_table
from gateway.errors import LoyaltyCallError
from gateway.loyalty_client import LoyaltyClient
from protos.loyalty.v1 import loyalty_pb2 as pb

_TIMEOUT_S = 30.0
_MOST_MEMBERS = 100
_MAX_PAGE_SIZE = 1000
_GROUPINGS = {
    "agent": pb.AWARD_GROUPING_AGENT,
    "reason": pb.AWARD_GROUPING_REASON,
    "day": pb.AWARD_GROUPING_DAY,
    "week": pb.AWARD_GROUPING_WEEK,
    "member": pb.AWARD_GROUPING_MEMBER,
    "identified-by": pb.AWARD_GROUPING_IDENTIFIED_BY,
}
# A reversal counts for the agent who gave the award.
_TITLES = {"agent": ("given by",), "member": ("member", "TRIFFT's id"), "identified-by": ("found by",)}
# The figures of a sum, by their names for scripts.
_FIGURES = ("award_count", "points", "reversed_points", "in_doubt_points", "removed_points")
_HEADINGS = ("awards", "points", "taken back", "remain", "removed", "in doubt")


@dataclass(frozen=True)
class _Totals:
    """One shop's sums. `total`: of all groups, also of those that were cut off."""

    sums: list[pb.AwardSum]
    total: pb.AwardSum
    is_cut: bool


async def totals(  # noqa: PLR0913 - one argument per option
    merchant_id: OptionalMerchantId = None,
    /,
    *,
    by: Annotated[
        Literal["agent", "reason", "day", "week", "member", "identified-by"],
        Parameter(help="What to group the sums by. identified-by: by what the member was found."),
    ],
    all_shops: Annotated[bool, Parameter(name="--all", negative="", help="Of all shops, one after the other.")] = False,
    limit: Annotated[
        int | None, Parameter(help=f"By member: the most members, those with the most points ({_MOST_MEMBERS}).")
    ] = None,
    selection: Selection = ALL,
    json: Json = False,
) -> int:
    _check(merchant_id, by, limit, selection, is_all=all_shops)
    most = limit or _MOST_MEMBERS
    if merchant_id is None:
        return await _print_all(by, most, selection, as_json=json)
    async with open_loyalty(merchant_id, SELECTION_OPTIONS) as loyalty:
        found = await _fetch(loyalty, merchant_id, by, most, selection)
    if json:
        print_json([_render(one, by) for one in found.sums])
    elif found.sums:
        _print_table(found, by)
    else:
        print_line(say_none(merchant_id, selection))
    if found.is_cut:
        print_hint(f"These are the {most} members with the most points: --limit {most * 10} shows more.")
    return 0


def _check(merchant_id: str | None, by: str, limit: int | None, selection: Selection, *, is_all: bool) -> None:
    """Raises UsageError."""
    if is_all == (merchant_id is not None):
        raise UsageError("give the ID of a shop, or --all for all shops")
    if limit is not None and (by != "member" or limit < 1):
        raise UsageError("--limit goes with --by member, and must be 1 or more")
    if is_all and (selection.member is not None or selection.ticket is not None):
        raise UsageError("--member and --ticket are of one shop: give its ID instead of --all")


async def _print_all(by: str, most: int, selection: Selection, *, as_json: bool) -> int:
    """Print shop by shop, so that only one shop's sums are in memory. Exit code 1 if one could not be read."""
    total, failed_count = pb.AwardSum(), 0
    async with open_loyalty(options=SELECTION_OPTIONS) as loyalty:
        pages = list_pages(lambda token: loyalty.list_merchants(page_token=token, timeout_s=TIMEOUT_S))
        shops = [merchant.merchant_id async for page in pages for merchant in page.merchants]
        with JsonArray() if as_json else nullcontext() as array:
            for shop in shops:
                try:
                    found = await _fetch(loyalty, shop, by, most, selection)
                except (LoyaltyCallError, CommandError) as error:
                    words = explain(error, shop) if isinstance(error, LoyaltyCallError) else str(error)
                    print_hint(f"{shop} cannot be read: {words}")
                    failed_count += 1
                    continue
                total = _add_up([total, found.total])
                if array is not None:
                    for one in found.sums:
                        array.add({"merchant_id": shop, **_render(one, by)})
                elif found.sums:
                    print_line(f"{shop}{_say_cut(most) if found.is_cut else ''}")
                    _print_table(found, by)
    if not as_json:
        print_table(("all shops", *_HEADINGS), [(str(len(shops) - failed_count), *_list_figures(total))])
    if failed_count:
        print_hint(f"{failed_count} of {len(shops)} shops cannot be read: the sums are without them.")
    return 1 if failed_count else 0


async def _fetch(loyalty: LoyaltyClient, merchant_id: str, by: str, most: int, selection: Selection) -> _Totals:
    award_filter, _ = await selection.fetch_filter(loyalty, merchant_id)
    sums: list[pb.AwardSum] = []
    request = pb.SumAwardsRequest(merchant_id=merchant_id, filter=award_filter, group_by=_GROUPINGS[by])
    while True:
        request.page_size = min(most - len(sums), _MAX_PAGE_SIZE) if by == "member" else 0
        page = await loyalty.sum_awards(request, timeout_s=_TIMEOUT_S)
        sums += page.sums
        request.page_token = page.next_page_token
        if not page.next_page_token:
            return _Totals(sums, _add_up(sums), is_cut=False)
        if len(sums) >= most:
            break
    # Reasons are few: their sum is that of all members, also of those that are cut off.
    request = pb.SumAwardsRequest(merchant_id=merchant_id, filter=award_filter, group_by=pb.AWARD_GROUPING_REASON)
    all_sums = (await loyalty.sum_awards(request, timeout_s=_TIMEOUT_S)).sums
    return _Totals(sums, _add_up(all_sums), is_cut=True)


def _print_table(found: _Totals, by: str) -> None:
    titles = _TITLES.get(by, (by,))
    rows = [(*_name_group(one, by), *_list_figures(one)) for one in found.sums]
    last = ("all", *[""] * (len(titles) - 1), *_list_figures(found.total))
    print_table((*titles, *_HEADINGS), (*rows, last))


def _say_cut(most: int) -> str:
    return f" (the {most} members with the most points; all: every member)"


def _name_group(one: pb.AwardSum, by: str) -> tuple[str, ...]:
    if by == "member":
        return (one.member_support_id or "–", one.key)
    return ((FOUND_BY.get(one.key, one.key) if by == "identified-by" else one.key) or "–",)


def _add_up(sums: Iterable[pb.AwardSum]) -> pb.AwardSum:
    added = pb.AwardSum()
    for one in sums:
        for figure in _FIGURES:
            setattr(added, figure, getattr(added, figure) + getattr(one, figure))
    return added


def _list_figures(one: pb.AwardSum) -> tuple[str, ...]:
    remain = one.points - one.reversed_points
    figures = (one.award_count, one.points, one.reversed_points, remain, one.removed_points, one.in_doubt_points)
    return tuple(str(figure) for figure in figures)


def _render(one: pb.AwardSum, by: str) -> dict[str, object]:
    who = {"member_support_id": one.member_support_id or None} if by == "member" else {}
    return {"key": one.key or None, **who, **{figure: getattr(one, figure) for figure in _FIGURES}}

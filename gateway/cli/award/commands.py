"""`trifft-gorgias award`: points given and removed by support."""

import re
from collections.abc import Sequence
from typing import Annotated, Literal

from cyclopts import App, Parameter, Token

from gateway.cli.arguments import Json, MerchantId, strip_text
from gateway.cli.award import columns
from gateway.cli.award.export import export
from gateway.cli.award.selection import ALL, SELECTION_OPTIONS, Selection, list_award_pages, say_none
from gateway.cli.award.totals import totals
from gateway.cli.errors import UsageError
from gateway.cli.loyalty import TIMEOUT_S, fetch_zone, get_login, open_loyalty
from gateway.cli.output import (
    has_width,
    print_blocks,
    print_fields,
    print_hint,
    print_json,
    print_line,
    print_table,
)
from gateway.installation.advice import render_settle_words
from protos.loyalty.v1 import loyalty_pb2 as pb
from runtime.text import isolate

_SHOWN = 100
# In a narrower terminal a table would break long values, such as member ids.
_TABLE_COLUMNS = 195
_OUTCOMES = {"applied": pb.AWARD_STATE_APPLIED, "not-applied": pb.AWARD_STATE_NOT_APPLIED}
_OPTIONS = {"award_id": "AWARD", "because": "--because", "settled_by": "--as", "outcome": "OUTCOME"}

_AWARD_ID = re.compile(r"A-[1-9][0-9]{0,17}")


def _parse_award_id(_type: object, tokens: Sequence[Token]) -> str:
    """Parse a number such as "A-12" or "a-12". Raises UsageError."""
    text = tokens[0].value
    award_id = text.strip().upper()
    if not _AWARD_ID.fullmatch(award_id):
        raise UsageError(f"AWARD must be an award's number, for example A-12: not {text[:40]!r}")
    return award_id


AwardId = Annotated[str, Parameter(name="AWARD", help="Its number, for example A-12.", converter=_parse_award_id)]
app = App(name="award")


@app.command(name="list", help="List a shop's awards, newest first.")
async def list_all(
    merchant_id: MerchantId,
    /,
    *,
    selection: Selection = ALL,
    limit: Annotated[int, Parameter(help="The most awards to list.")] = _SHOWN,
    json: Json = False,
) -> None:
    if limit < 1:
        raise UsageError(f"--limit must be 1 or more: not {limit}")
    async with open_loyalty(merchant_id, SELECTION_OPTIONS) as loyalty:
        award_filter, zone = await selection.fetch_filter(loyalty, merchant_id)
        awards: list[pb.Award] = []
        async for page in list_award_pages(loyalty, merchant_id, award_filter, limit=limit):
            awards += page.awards
            are_all = not page.next_page_token
    if json:
        print_json([columns.render_award(award, zone) for award in awards])
    elif awards and has_width(_TABLE_COLUMNS):
        print_table(columns.LIST_HEADINGS, (columns.list_cells(award, zone) for award in awards))
    elif awards:
        print_blocks(columns.list_lines(award, zone) for award in awards)
    else:
        print_line(say_none(merchant_id, selection))
    if not are_all:
        more = f"--limit {limit * 10} shows more, trifft-gorgias award export {merchant_id} --to FILE writes all"
        print_hint(f"These are the newest {limit}: {more}.")


@app.command(help="Show one award and what happened to it.")
async def show(merchant_id: MerchantId, award_id: AwardId, /, *, json: Json = False) -> None:
    request = pb.GetAwardRequest(merchant_id=merchant_id, award_id=award_id)
    async with open_loyalty(merchant_id, _OPTIONS) as loyalty:
        found = await loyalty.get_award(request, timeout_s=TIMEOUT_S)
        zone = await fetch_zone(loyalty, merchant_id)
    if json:
        changes = [columns.render_change(change, zone) for change in found.changes]
        print_json({**columns.render_award(found.award, zone), "changes": changes})
        return
    print_fields(columns.list_fields(found.award, zone))
    print_table(columns.CHANGE_HEADINGS, (columns.list_change_cells(change, zone) for change in found.changes))
    if found.award.needs_person:
        number = found.award.award_id
        print_line(f"Look for it in TRIFFT, then {render_settle_words(merchant_id, number)}")
    elif found.award.state == pb.AWARD_STATE_UNKNOWN:
        print_line(
            "The service looks for it in TRIFFT until it is settled: within seconds if it was booked; if not, "
            "after 15 min at least, or by a person."
        )


app.command(export, help="Write any number of awards to a file or a pipe, newest first.")


app.command(
    totals,
    help="Add up awards by agent, reason, day, week, member, or by what the member was found.\n\n"
    "A reversal counts with the award that it undoes, whoever made it.",
)


@app.command(help="Record the outcome of an award in doubt; nothing is sent to TRIFFT.")
async def settle(  # noqa: PLR0913 - one argument per option
    merchant_id: MerchantId,
    award_id: AwardId,
    outcome: Annotated[Literal["applied", "not-applied"], Parameter(name="OUTCOME", help="What TRIFFT has.")],
    /,
    *,
    because: Annotated[str, Parameter(help="Why you are sure. It is kept with the award.")],
    settled_by: Annotated[
        str | None, Parameter(name="--as", help="Who says so, if not you. Your login is kept too.")
    ] = None,
    json: Json = False,
) -> None:
    request = pb.SettleAwardRequest(
        merchant_id=merchant_id,
        award_id=award_id,
        outcome=_OUTCOMES[outcome],
        because=strip_text(because, "--because", "say why you are sure"),
        settled_by=_name_settler(settled_by),
    )
    async with open_loyalty(merchant_id, _OPTIONS) as loyalty:
        before = await loyalty.get_award(
            pb.GetAwardRequest(merchant_id=merchant_id, award_id=request.award_id), timeout_s=TIMEOUT_S
        )
        award = await loyalty.settle_award(request, timeout_s=TIMEOUT_S)
        zone = await fetch_zone(loyalty, merchant_id) if json else None
    if json:
        print_json(columns.render_award(award, zone))
        return
    state, points = columns.read_state(award.state), f"{columns.read_points(award)} for {columns.name_member(award)}"
    if before.award.state == award.state:
        print_line(f"{award.award_id} was {state} already ({points}): nothing was recorded.")
    else:
        print_line(f"{award.award_id} is {state} now ({points}), says {isolate(request.settled_by)}.")


def _name_settler(name: str | None) -> str:
    """Add the login to any other name: "Lead Petra (jo@ops-1)"."""
    login = get_login()
    return login if name is None else f"{strip_text(name, '--as', 'say who you are')} ({login})"

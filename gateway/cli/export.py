"""`trifft-gorgias award export`: all awards of a selection, as a file for spreadsheets or for scripts."""

import csv
import io
import json
import re
import sys
from collections.abc import AsyncGenerator, Generator, Iterable
from contextlib import aclosing, contextmanager
from datetime import tzinfo
from pathlib import Path
from typing import Annotated, Literal, TextIO

from cyclopts import Parameter

from gateway.cli.arguments import parse_merchant_id
from gateway.cli.award_record import COLUMNS, render_award
from gateway.cli.errors import UsageError
from gateway.cli.loyalty import open_loyalty
from gateway.cli.merchant import MerchantId
from gateway.cli.new_file import check_new_file, open_new_file
from gateway.cli.output import print_hint, print_line
from gateway.cli.progress import show_progress
from gateway.cli.selection import SELECTION_OPTIONS, Selection
from gateway.cli.settings import load_config
from gateway.loyalty_client import LoyaltyClient
from protos.loyalty.v1 import loyalty_pb2 as pb

_PAGE_SIZE = 1000
_TIMEOUT_S = 30.0
_STDOUT = "-"
# What a spreadsheet takes for a formula, as a first character; the last four are the full-width forms.
_FORMULA_STARTS = "=+-@\t\r\n＝＋－＠"  # noqa: RUF001 - meant
# Where commas are decimal ones, a spreadsheet splits lines at other characters, and pays no heed to our quotes.
_FORMULA = re.compile(rf"(^|[;,\t\r\n][\s\"']*)(?=[{re.escape(_FORMULA_STARTS)}])")

Format = Literal["csv", "jsonl"]


async def export(
    merchant_id: MerchantId,
    /,
    *,
    to: Annotated[str, Parameter(help="The file to make, or - for the standard output.", allow_leading_hyphen=True)],
    format: Annotated[Format, Parameter(help="csv for spreadsheets, jsonl: a JSON object a line.")] = "csv",  # noqa: A002 - the option's name
    force: Annotated[bool, Parameter(negative="", help="Replace the file if there is one.")] = False,
    selection: Selection | None = None,
) -> None:
    """Write a shop's awards to a file, newest first; however many, page by page."""
    parse_merchant_id(merchant_id)
    _check_target(to, force=force)
    selection = selection or Selection()
    count = 0
    async with open_loyalty(load_config(), merchant_id, SELECTION_OPTIONS) as loyalty:
        award_filter, zone = await selection.fetch_filter(loyalty, merchant_id)
        is_seen = to == _STDOUT and sys.stdout.isatty()
        with (
            _open_target(to, force=force) as file,
            show_progress("awards", is_wanted=not is_seen) as report,
        ):
            writer = _CsvWriter(file, zone) if format == "csv" else _JsonLinesWriter(file, zone)
            async with aclosing(_list_pages(loyalty, merchant_id, award_filter)) as pages:
                newest = 0
                async for awards in pages:
                    writer.write(awards)
                    count += len(awards)
                    newest = newest or _find_newest(awards)
                    report(count, None if selection.from_ else _find_part(awards, newest))
    if to == _STDOUT:
        sys.stdout.flush()  # or it would be said of what a full disk refuses
        print_hint(f"{_say_count(count)} written.")
    else:
        print_line(f"{_say_count(count)} written to {to}.")


def _say_count(count: int) -> str:
    return "1 award" if count == 1 else f"{count} awards"


class _CsvWriter:
    """RFC 4180, with a line of names. Texts are such that no spreadsheet takes them for a formula."""

    def __init__(self, file: TextIO, zone: tzinfo | None) -> None:
        self._writer = csv.writer(file)
        self._zone = zone
        self._is_begun = False

    def write(self, awards: Iterable[pb.Award]) -> None:
        if not self._is_begun:
            self._writer.writerow(COLUMNS)
            self._is_begun = True
        rows = (render_award(award, self._zone).values() for award in awards)
        self._writer.writerows([_render_cell(value) for value in row] for row in rows)


class _JsonLinesWriter:
    def __init__(self, file: TextIO, zone: tzinfo | None) -> None:
        self._file = file
        self._zone = zone

    def write(self, awards: Iterable[pb.Award]) -> None:
        rows = (render_award(award, self._zone) for award in awards)
        self._file.writelines(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows)


def _render_cell(value: object) -> object:
    """Numbers stay numbers; a text that looks like a formula gets an apostrophe in front, as does a part of one."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return _FORMULA.sub(r"\1'", value) if isinstance(value, str) else value


def _check_target(to: str, *, force: bool) -> None:
    if to == _STDOUT:
        return
    if not to.strip() or to.startswith("-"):
        raise UsageError("--to must be the name of a file, or - for the standard output")
    check_new_file(Path(to), "--to", force=force)


@contextmanager
def _open_target(to: str, *, force: bool) -> Generator[TextIO]:
    if to != _STDOUT:
        with open_new_file(Path(to), "--to", force=force) as file:
            yield file
        return
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8", newline="")  # whatever the terminal's is: a file is read elsewhere
    yield sys.stdout


async def _list_pages(
    loyalty: LoyaltyClient, merchant_id: str, award_filter: pb.AwardFilter
) -> AsyncGenerator[list[pb.Award]]:
    page_token = ""
    while True:
        page = await loyalty.list_awards(
            merchant_id, award_filter=award_filter, page_size=_PAGE_SIZE, page_token=page_token, timeout_s=_TIMEOUT_S
        )
        yield list(page.awards)
        page_token = page.next_page_token
        if not page_token:
            return


def _find_newest(awards: list[pb.Award]) -> int:
    return _parse_number(awards[0]) if awards else 0


def _find_part(awards: list[pb.Award], newest: int) -> float | None:
    """Numbers run from the newest down to 1: how far that is at the end of this page."""
    if not (awards and newest):
        return None
    return (newest - _parse_number(awards[-1]) + 1) / newest


def _parse_number(award: pb.Award) -> int:
    digits = award.award_id.rpartition("-")[2]
    return int(digits) if digits.isdecimal() else 0

"""`trifft-gorgias award export`: all selected awards, as a file for spreadsheets or scripts."""

import csv
import io
import json
import os
import re
import sys
import tempfile
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal, TextIO

from cyclopts import Parameter
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn

from gateway.cli.arguments import MerchantId
from gateway.cli.award.columns import COLUMNS, render_award
from gateway.cli.award.selection import ALL, SELECTION_OPTIONS, Selection, list_award_pages
from gateway.cli.errors import CommandError, UsageError
from gateway.cli.loyalty import open_loyalty
from gateway.cli.output import print_hint, print_line
from gateway.cli.times import Zone
from protos.loyalty.v1 import loyalty_pb2 as pb

_STDOUT = "-"
# A text that begins with one of these is a formula to a spreadsheet; the last four are full-width forms.
_FORMULA_STARTS = "=+-@\t\r\n＝＋－＠"  # noqa: RUF001 - the full-width forms are meant
# In countries with a decimal comma, spreadsheets split lines at other characters and ignore our quotes.
_FORMULA = re.compile(rf"(^|[;,\t\r\n][\s\"']*)(?=[{re.escape(_FORMULA_STARTS)}])")
# How often a long export reports its progress.
_BAR = (SpinnerColumn(), BarColumn(), TaskProgressColumn(), TextColumn("{task.description}"), TimeElapsedColumn())


async def export(
    merchant_id: MerchantId,
    /,
    *,
    to: Annotated[str, Parameter(help="The file to write, or - for the standard output.", allow_leading_hyphen=True)],
    format: Annotated[  # noqa: A002 - the option's name
        Literal["csv", "jsonl"], Parameter(help="csv is for spreadsheets; jsonl is one JSON object a line.")
    ] = "csv",
    force: Annotated[bool, Parameter(negative="", help="Replace the file if there is one.")] = False,
    selection: Selection = ALL,
) -> None:
    _check_target(to, force=force)
    count = newest = 0
    async with open_loyalty(merchant_id, SELECTION_OPTIONS) as loyalty:
        award_filter, zone = await selection.fetch_filter(loyalty, merchant_id)
        # The progress bar goes to the standard error, so that the output has only awards.
        is_watched = sys.stderr.isatty() and not (to == _STDOUT and sys.stdout.isatty())
        progress = Progress(*_BAR, console=Console(stderr=True), transient=True, disable=not is_watched)
        with _open_target(to, force=force) as file, progress:
            task = progress.add_task("0 awards", total=None)
            async for page in list_award_pages(loyalty, merchant_id, award_filter):
                if format == "csv":
                    _write_csv(file, page.awards, zone, is_first=count == 0)
                else:
                    _write_json_lines(file, page.awards, zone)
                count += len(page.awards)
                progress.update(task, description=f"{count:,} awards")
                if page.awards and not selection.from_:  # numbers run from the newest down to 1
                    newest = newest or _parse_number(page.awards[0])
                    progress.update(task, total=newest, completed=newest - _parse_number(page.awards[-1]) + 1)
    written = "1 award written" if count == 1 else f"{count} awards written"
    if to == _STDOUT:
        sys.stdout.flush()  # a full disk must fail here, before the message
        print_hint(f"{written}.")
    else:
        print_line(f"{written} to {to}.")


def _write_csv(file: TextIO, awards: Iterable[pb.Award], zone: Zone, *, is_first: bool) -> None:
    """Write RFC 4180 with a header line. No text can be read as a formula by a spreadsheet."""
    writer = csv.writer(file)
    if is_first:
        writer.writerow(column.name for column in COLUMNS)
    writer.writerows([_render_cell(value) for value in render_award(award, zone).values()] for award in awards)


def _write_json_lines(file: TextIO, awards: Iterable[pb.Award], zone: Zone) -> None:
    rows = (render_award(award, zone) for award in awards)
    file.writelines(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows)


def _render_cell(value: object) -> object:
    """Numbers stay numbers. A text, or a part of one, that looks like a formula gets an apostrophe before it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return _FORMULA.sub(r"\1'", value) if isinstance(value, str) else value


def _check_target(to: str, *, force: bool) -> None:
    """Check that _open_target can begin. Raises UsageError."""
    if to == _STDOUT:
        return
    if not to.strip() or to.startswith("-"):
        raise UsageError("--to must be the name of a file, or - for the standard output")
    path = Path(to)
    if path.exists() and not path.is_file():
        raise UsageError(f"--to: {path} is not a regular file: name one, or - for the standard output")
    if path.exists() and not force:
        raise UsageError(f"--to: the file {path} exists already: --force replaces it")
    if not path.resolve().parent.is_dir():
        raise UsageError(f"--to: there is no folder {path.resolve().parent}")


@contextmanager
def _open_target(to: str, *, force: bool) -> Generator[TextIO]:
    if to != _STDOUT:
        with _open_new_file(Path(to), force=force) as file:
            yield file
        return
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(
            encoding="utf-8", newline=""
        )  # whatever encoding the terminal has: the file is read elsewhere
    yield sys.stdout


@contextmanager
def _open_new_file(path: Path, *, force: bool) -> Generator[TextIO]:
    """Open a UTF-8 file of mode 0600. It gets its name when the block ends; a block that fails leaves no file.

    Raises UsageError and CommandError.
    """
    final = path.resolve()  # replaces the file that a link names, not the link
    try:
        descriptor, temporary = tempfile.mkstemp(".part", ".trifft-gorgias-", final.parent)
        try:
            with open(descriptor, "w", encoding="utf-8", newline="") as file:  # noqa: PTH123 - a descriptor has no path
                yield file
                file.flush()
                os.fsync(descriptor)
            _move(temporary, final, force=force)
        finally:
            Path(temporary).unlink(missing_ok=True)
    except FileExistsError:
        raise UsageError(f"--to: the file {path} was created meanwhile: --force replaces it") from None
    except OSError as error:
        raise CommandError(f"--to: {path} cannot be written ({error.strerror or type(error).__name__})") from error


def _move(temporary: str, final: Path, *, force: bool) -> None:
    if force:
        os.replace(temporary, final)  # noqa: PTH105 - like os.link below
        return
    try:
        os.link(temporary, final)  # unlike a rename, never replaces a file that was created meanwhile
    except FileExistsError:
        raise
    except OSError:
        os.rename(temporary, final)  # noqa: PTH104 - a file system without links


def _parse_number(award: pb.Award) -> int:
    digits = award.award_id.rpartition("-")[2]
    return int(digits) if digits.isdecimal() else 0

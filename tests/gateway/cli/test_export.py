"""Awards as files: whole or not at all, and safe to open."""

import asyncio
import csv
import errno
import io
import json
import os
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path

import grpc
import pytest

from gateway.cli.award.columns import COLUMNS
from protos.loyalty.v1 import loyalty_pb2 as pb
from tests.forked import run_forked
from tests.gateway.cli.books import Refusal, make_award
from tests.gateway.cli.desk import Desk
from tests.gateway.cli.operating import COMMAND
from tests.gateway.cli.terminal import open_terminal

NAMES = tuple(column.name for column in COLUMNS)
PATIENCE_S = 60.0
DOWN = Refusal(grpc.StatusCode.INTERNAL, "INTERNAL_ERROR", "internal error")


@pytest.fixture
def path(desk: Desk) -> Path:
    folder = desk.folder / "exports"
    folder.mkdir()
    return folder / "awards.csv"


def test_csv_has_a_line_of_names_and_one_for_each_award(desk: Desk, path: Path) -> None:
    desk.books.awards = [
        make_award(2, reverses="A-1", claimed_agent_name="Žofia, K."),
        make_award(1, state=pb.AWARD_STATE_UNKNOWN, needs_person=True, balance=pb.Wallet(points_balance=-5)),
    ]
    exported = desk.award("export", "--to", str(path))
    assert (exported.code, exported.out, exported.err) == (0, f"2 awards written to {path}.\n", "")
    reversal, unknown = csv.DictReader(io.StringIO(path.read_bytes().decode("utf-8")))
    assert tuple(reversal) == NAMES
    assert (reversal["award_id"], reversal["claimed_agent_name"], reversal["reverses"]) == ("A-2", "Žofia, K.", "A-1")
    assert (reversal["points"], reversal["balance_change"], reversal["balance"]) == ("-100", "-100", "")
    assert (unknown["needs_person"], unknown["balance_change"], unknown["balance"]) == ("true", "", "-5")


def test_columns_of_an_export_stay_as_they_are() -> None:
    """A script that counts columns still works: new columns come last."""
    assert NAMES[:9] == (
        *("award_id", "state", "points", "member_id", "ticket_id"),
        *("note", "claimed_agent_email", "claimed_agent_name", "request_id"),
    )
    assert NAMES[-3:] == ("debit", "caller", "identified_by")


FORMULA_STARTS: list[str] = ["=", "+", "-", "@", "\t", "\r", "＝"]  # noqa: RUF001 - meant


def test_csv_holds_no_text_that_a_spreadsheet_reads_as_a_formula(desk: Desk) -> None:
    notes = [f'{start}HYPERLINK("http://evil.example")' for start in FORMULA_STARTS]
    desk.books.awards = [
        make_award(number, note=note, claimed_agent_name=note, reason=note, ticket_id=note)
        for number, note in enumerate(notes)
    ]
    [_, *rows] = csv.reader(io.StringIO(desk.award("export", "--to", "-").out, newline=""))
    assert [[cell for cell in row if "evil" in cell] for row in rows] == [[f"'{note}"] * 4 for note in notes]


DELIMITERS: list[str] = [";", "\t", ","]


SPLIT_TEXTS: list[str] = ["late{}=1+1", "late{}{}@SUM(1)", "late{} +1", 'late{}"=1+1"', "a{}b{}-1"]


def test_csv_holds_no_formula_however_it_is_split(desk: Desk, subtests: pytest.Subtests) -> None:
    """In half of Europe the comma is the decimal separator, so spreadsheets there split at another character."""
    notes = [text.format(delimiter, delimiter) for text in SPLIT_TEXTS for delimiter in DELIMITERS]
    desk.books.awards = [
        make_award(number, note=note, claimed_agent_name=note, reason=note) for number, note in enumerate(notes)
    ]
    lines = desk.award("export", "--to", "-").out.split("\n")
    assert len(lines) == len(notes) + 2, "the names, and nothing after the last award"
    for delimiter in DELIMITERS:
        for line in lines:
            with subtests.test(delimiter=delimiter, line=line):
                [with_quotes] = csv.reader(io.StringIO(line, newline=""), delimiter=delimiter) if line else [[]]
                cells = [cell.lstrip(' "') for cell in (*with_quotes, *line.split(delimiter))]
                assert [cell for cell in cells if cell.startswith(tuple("=+-@"))] == []


def test_json_lines_have_one_object_per_line_with_unchanged_text(desk: Desk) -> None:
    desk.books.awards = [make_award(2, note="=1+1"), make_award(1, claimed_agent_name="Žofia\u2028K.")]
    exported = desk.award("export", "--format", "jsonl", "--to", "-")
    second, first = (json.loads(line) for line in exported.out.rstrip("\n").split("\n"))
    assert (second["note"], second["balance_change"]) == ("=1+1", 100)
    assert first["claimed_agent_name"] == "Žofia\u2028K."
    assert "Žofia" in exported.out
    assert exported.err == "2 awards written.\n"


def test_export_of_no_awards_has_only_the_names(desk: Desk) -> None:
    assert desk.award("export", "--to", "-").out == ",".join(NAMES) + "\r\n"


def test_export_writes_a_page_before_it_asks_for_the_next(desk: Desk, path: Path) -> None:
    desk.books.awards = [make_award(number) for number in range(2500, 0, -1)]
    sizes: list[int] = []
    desk.books.on_page = lambda: sizes.append(sum(one.stat().st_size for one in path.parent.iterdir()))
    assert desk.award("export", "--to", str(path)).code == 0
    assert sizes[0] == 0
    assert 0 < sizes[1] < sizes[2]
    assert len(path.read_text().splitlines()) == 2501


def test_file_is_only_for_its_owner(desk: Desk, path: Path) -> None:
    """The file names people."""
    desk.award("export", "--to", str(path))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_existing_file_is_kept(desk: Desk, path: Path) -> None:
    path.write_text("mine")
    refused = desk.award("export", "--to", str(path))
    assert (refused.code, "--force" in refused.err, path.read_text()) == (2, True, "mine")
    assert desk.books.requests == []


def test_file_that_appears_meanwhile_is_kept(desk: Desk, path: Path) -> None:
    desk.books.on_page = lambda: path.write_text("mine")
    refused = desk.award("export", "--to", str(path))
    assert (refused.code, "--force" in refused.err, path.read_text()) == (2, True, "mine")
    assert list(path.parent.iterdir()) == [path]


def test_file_is_replaced_by_force(desk: Desk, path: Path) -> None:
    path.write_text("old")
    assert desk.award("export", "--to", str(path), "--force").code == 0
    assert path.read_text() == ",".join(NAMES) + "\n"


def test_export_that_fails_leaves_the_old_file_and_nothing_beside_it(desk: Desk, path: Path) -> None:
    path.write_text("old")
    desk.books.awards = [make_award(number) for number in range(1500, 0, -1)]

    def fail_later() -> None:
        desk.books.refusal = DOWN

    desk.books.on_page = fail_later
    failed = desk.award("export", "--to", str(path), "--force")
    assert (failed.code, "INTERNAL_ERROR" in failed.err, failed.err.count("\n")) == (1, True, 1)
    assert path.read_text() == "old"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
async def test_export_that_is_interrupted_leaves_no_half_of_a_file(
    desk: Desk, path: Path, sent: signal.Signals
) -> None:
    desk.books.awards = [make_award(number) for number in range(1500, 0, -1)]
    is_asked, may_go = threading.Event(), threading.Event()

    def hold_second_page() -> None:
        if len(desk.books.requests) > 1:
            is_asked.set()
            may_go.wait(PATIENCE_S)

    desk.books.on_page = hold_second_page
    command = ("award", "export", "acme", "--to", str(path))
    async with run_forked("gateway.cli:main", *command, env=desk.settings) as process:
        assert await asyncio.to_thread(is_asked.wait, PATIENCE_S)
        process.send_signal(sent)
        async with asyncio.timeout(PATIENCE_S):
            assert await process.wait() != 0
        may_go.set()
    assert not path.exists()  # noqa: ASYNC240 - a test may block
    assert sent != signal.SIGINT or list(path.parent.iterdir()) == []


INCOMPLETE = "trifft-gorgias: the output is incomplete, it could not be written: {}\n"


class FullDisk(io.FileIO):
    """A file on a full disk, until its file descriptor leads elsewhere."""

    def write(self, data: object, /) -> int:
        if stat.S_ISREG(os.fstat(self.fileno()).st_mode):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return super().write(data)  # type: ignore[arg-type]  # any bytes


@pytest.mark.parametrize("command", [["export", "--to", "-"], ["list"], ["list", "--json"]])
def test_output_to_a_full_disk_is_one_line(desk: Desk, monkeypatch: pytest.MonkeyPatch, command: list[str]) -> None:
    """The program has no fault, so no line asks for a report."""
    desk.books.awards = [make_award(1)]
    with io.TextIOWrapper(io.BufferedWriter(FullDisk(desk.folder / "out", "w"))) as full:
        monkeypatch.setattr(sys, "stdout", full)
        result = desk.award(*command)
    assert (result.code, result.err) == (1, INCOMPLETE.format(os.strerror(errno.ENOSPC)))


def run_by_shell(desk: Desk, script: str, *command: str) -> "subprocess.CompletedProcess[bytes]":
    """Run a shell script whose "$@" is the command, in a new interpreter."""
    shell = ["sh", "-c", script, "sh", str(COMMAND), *command]
    return subprocess.run(shell, env=desk.settings, cwd=desk.folder, capture_output=True, check=False)  # noqa: S603 - our own command


def test_interpreter_prints_no_error_of_its_own_for_a_full_file(desk: Desk) -> None:
    desk.books.awards = [make_award(1)]
    process = run_by_shell(desk, 'ulimit -f 0 && exec "$@" > out', "award", "list", "acme")
    assert (process.returncode, process.stderr.decode()) == (1, INCOMPLETE.format(os.strerror(errno.EFBIG)))


def test_closed_output_does_not_fail_the_command(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.books.awards = [make_award(1)]
    process = run_by_shell(desk, 'exec "$@" >&-', "award", "export", "acme", "--to", "-")
    assert (process.returncode, "error" in process.stderr.decode()) == (0, False)
    monkeypatch.setattr(sys, "stdout", None)  # the interpreter sets this for a closed output
    listed = desk.award("list")
    sys.stdout.close()
    assert (listed.code, listed.err) == (0, "")


def test_reader_that_stops_early_does_not_fail_an_export(desk: Desk) -> None:
    """The unread rest is more than a pipe holds."""
    desk.books.awards = [make_award(number, note="x" * 100) for number in range(700, 0, -1)]
    with subprocess.Popen(  # noqa: S603 - our own command
        [COMMAND, "award", "export", "acme", "--to", "-"],
        env=desk.settings,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0


async def test_reader_that_stops_early_does_not_fail_a_table(desk: Desk) -> None:
    desk.books.awards = [make_award(number, claimed_agent_name="x" * 2000) for number in range(100, 0, -1)]
    async with run_forked("gateway.cli:main", "award", "list", "acme", env=desk.settings) as process:
        await process.stdout.readline()
        process.close_stdout()
        assert await process.stderr.read() == b""
        assert await process.wait() == 0


def test_export_shows_a_bar_to_a_person_and_keeps_the_output_clean(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.books.awards = [make_award(number) for number in range(1500, 0, -1)]
    monkeypatch.setenv("TERM", "xterm")
    with open_terminal() as (screen, drawn), monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", screen)
        exported = desk.award("export", "--to", "-")
    assert exported.code == 0
    assert "1,500 awards" in drawn.result()
    assert "100%" in drawn.result()
    assert len(exported.out.splitlines()) == 1501
    assert "\x1b" not in exported.out

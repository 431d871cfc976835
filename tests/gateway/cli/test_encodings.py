"""For any bytes that a terminal sends and can show, a command prints a usage line or its answer, never a traceback."""

import io
import os
import subprocess
import sys

import pytest

from protos.loyalty.v1 import loyalty_pb2 as pb
from tests.gateway.cli.books import make_award
from tests.gateway.cli.desk import Desk
from tests.gateway.cli.operating import COMMAND, Result

ZOE = "Zoë Nováková 李"
PLAIN_C = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
UTF8_IN_C_AND_ASCII_OUT = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii:strict"}


def run(desk: Desk, *arguments: str | bytes, **environ: str) -> Result:
    """Run the command in a new interpreter, which decodes its arguments itself."""
    done = subprocess.run(  # noqa: S603 - our own command
        [os.fsencode(COMMAND), *arguments],
        env={"PATH": os.environ["PATH"], **desk.settings, **environ},
        cwd=desk.folder,
        capture_output=True,
        check=False,
    )
    return Result(done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"))


@pytest.mark.parametrize(("argument", "environ"), [("Zoë".encode(), PLAIN_C), (b"Zo\xeb", {"LC_ALL": "C.UTF-8"})])
def test_bytes_that_are_not_text_are_answered_with_a_usage_line(
    desk: Desk, argument: bytes, environ: dict[str, str]
) -> None:
    result = run(desk, "award", "list", "acme", "--agent", argument, **environ)

    assert (result.code, result.out) == (2, "")
    assert "argument 5 cannot be read as text: it must be UTF-8" in result.err
    assert result.err.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["award", "export", "acme", "--to", "\udcff"],
        ["award", "settle", "acme", "A-1", "applied", "--because", "\udcff"],
        ["member", "show", "acme", "--support-id", "\udcff"],
        ["member", "forget", "acme", "--email", "\udcff@x.test", "--yes"],
        ["merchant", "update", "acme", "--reason", "\ud800"],
        ["check", "acme\udfff"],
        ["\udcc3("],
    ],
)
def test_every_command_refuses_bytes_that_are_not_text(desk: Desk, arguments: list[str]) -> None:
    result = desk.run(*arguments)

    assert (result.code, result.out, result.err.count("\n")) == (2, "", 1)
    assert "must be UTF-8" in result.err


@pytest.fixture
def zoe(desk: Desk) -> Desk:
    desk.books.awards = [make_award(7, claimed_agent_name=ZOE, reason=ZOE, note=ZOE)]
    desk.books.changes = [pb.AwardChange(to_state=pb.AWARD_STATE_APPLIED, actor=ZOE, why=ZOE)]
    desk.books.sums = [pb.AwardSum(key=ZOE)]
    return desk


def test_name_that_the_terminal_cannot_show_does_not_fail_the_command(zoe: Desk) -> None:
    result = run(zoe, "award", "list", "acme", **PLAIN_C)
    assert (result.code, result.err, "Zo" in result.out) == (0, "", True)


def test_name_is_found_and_exported_whole_although_the_output_is_ascii(zoe: Desk) -> None:
    """The interpreter reads UTF-8 in the locale C, too, and is told that the output is ASCII."""
    exported = run(zoe, "award", "export", "acme", "--to", "-", "--agent", ZOE.encode(), **UTF8_IN_C_AND_ASCII_OUT)
    assert (exported.code, ZOE in exported.out, zoe.books.filters[-1].claimed_agent) == (0, True, ZOE)


@pytest.mark.parametrize("command", [["list"], ["show", "A-7"], ["totals", "--by", "agent"], ["export", "--to", "-"]])
def test_name_that_a_stream_cannot_encode_does_not_fail_the_command(
    zoe: Desk, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii", errors="strict"))
    result = zoe.award(*command)
    assert (result.code, result.err.replace("1 award written.\n", ""), b"Zo" in raw.getvalue()) == (0, "", True)

"""Parses the command line, runs one command, and turns what went wrong into a line and an exit code.

0: done. 1: what was asked for could not be done, or a check failed. 2: wrong usage or settings.
"""

import errno
import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from cyclopts import App
from cyclopts.exceptions import CycloptsError

from gateway.cli.errors import CommandError, UsageError
from runtime.settings import ConfigError
from runtime.version import VERSION

EXIT_FAILED = 1
EXIT_USAGE = 2
_EXIT_INTERRUPTED = 130
# What writing the output may meet, and no program can help.
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def make_app() -> App:
    """The commands by noun. The module of a command is loaded only when it runs."""
    app = App(
        name="trifft-gorgias",
        help="Installs and looks after the TRIFFT loyalty widget in Gorgias accounts.",
        version=VERSION,
    )
    merchant = App(name="merchant", help="Shops: one TRIFFT project each.")
    merchant.command("gateway.cli.merchant:add", name="add", help="Add a shop.")
    merchant.command("gateway.cli.merchant:list_all", name="list", help="List the shops.")
    merchant.command("gateway.cli.merchant:update", name="update", help="Change a shop.")
    merchant.command("gateway.cli.merchant:remove", name="remove", help="Remove a shop.")
    member = App(name="member", help="Members of a shop's loyalty programme.")
    member.command("gateway.cli.member:show", name="show", help="Show a member as TRIFFT has them now.")
    member.command("gateway.cli.forgetting:forget", name="forget", help="Forget a person who wants it.")
    snapshot = App(name="snapshot", help="What is held of members between reads of TRIFFT.")
    snapshot.command("gateway.cli.snapshot:show", name="show", help="Show what is held; TRIFFT is not asked.")
    snapshot.command("gateway.cli.snapshot:drop", name="drop", help="Drop what is held.")
    award = App(name="award", help="Points given by support.")
    award.command("gateway.cli.award:list_all", name="list", help="List a shop's awards, newest first.")
    award.command("gateway.cli.award:show", name="show", help="Show one award and what happened to it.")
    award.command("gateway.cli.export:export", name="export", help="Write awards to a file, or to a pipe.")
    award.command("gateway.cli.award:totals", name="totals", help="Add up awards by agent, reason or day.")
    award.command("gateway.cli.award:settle", name="settle", help="Say what became of an award in doubt.")
    webhook = App(name="webhook", help="Calls of TRIFFT: something has changed about a member.")
    webhook.command("gateway.cli.webhook:show", name="show", help="Print what to paste into TRIFFT's Admin.")
    webhook.command("gateway.cli.webhook:rotate", name="rotate", help="Make a new secret, and print it.")
    app.command("gateway.cli.installation:install", name="install", help="Install a widget, or bring it up to date.")
    app.command("gateway.cli.installation:uninstall", name="uninstall", help="Remove what install has made.")
    app.command("gateway.cli.check:check", name="check", help="Say why a widget is empty, and what to do.")
    for noun in (merchant, member, snapshot, award, webhook):
        app.command(noun)
    return app


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command of `arguments`, or of the process. Returns the exit code."""
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # its log would mix with the one line that a failure gets
    if sys.stdout is None:  # the caller has closed it
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - as long as the process
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that cannot show a name is no failure
    try:
        return _run(sys.argv[1:] if arguments is None else list(arguments))
    except KeyboardInterrupt:
        return _EXIT_INTERRUPTED
    except BrokenPipeError:
        _drop_output()
        return 0  # whoever reads it, `head` perhaps, has enough


def _run(arguments: list[str]) -> int:
    app = make_app()
    try:
        _check_text(arguments)
        code = app(arguments, exit_on_error=False, print_error=False, result_action="return_value")
        sys.stdout.flush()
    except CycloptsError as error:
        return _fail(f"{error} See --help.", EXIT_USAGE)
    except (UsageError, ConfigError) as error:
        return _fail(str(error), EXIT_USAGE)
    except BrokenPipeError:
        raise
    except Exception as error:  # noqa: BLE001 - the outermost boundary: an operator gets a line, not a traceback
        if _is_full(error):
            _drop_output()
        return _fail(_explain(error), EXIT_FAILED)
    return code if isinstance(code, int) else 0


def _check_text(arguments: list[str]) -> None:
    """Bytes that are no text in the locale's encoding come as lone surrogates, which no message can carry."""
    for place, argument in enumerate(arguments, start=1):
        if not argument.isascii() and any("\ud800" <= character <= "\udfff" for character in argument):
            raise UsageError(
                f"argument {place} cannot be read as text: it must be UTF-8, and so must the locale (LC_ALL=C.UTF-8)"
            )


def _explain(error: Exception) -> str:
    from gateway.errors import LoyaltyCallError  # noqa: PLC0415 - likewise
    from gateway.gorgias.errors import GorgiasError  # noqa: PLC0415 - likewise
    from gateway.installation.advice import get_advice  # noqa: PLC0415 - likewise
    from gateway.installation.service import InstallError  # noqa: PLC0415 - likewise
    from runtime.database import DatabaseError  # noqa: PLC0415 - loaded already, where it was raised
    from runtime.encryption import SecretKeyError  # noqa: PLC0415 - likewise

    if isinstance(error, (CommandError, DatabaseError, GorgiasError, InstallError)):
        return str(error)
    if isinstance(error, SecretKeyError):
        return f"GATEWAY_SECRET_KEYS {error}"
    if isinstance(error, LoyaltyCallError):
        return f"{error.message} ({error.reason}): {get_advice(error.reason, 'ID')}"
    if isinstance(error, OSError) and _is_full(error):
        return f"the output is cut short, it could not be written: {error.strerror}"
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f" at {Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace else ""
    return f"internal error ({type(error).__name__}{place}): please report it"


def _is_full(error: Exception) -> bool:
    return isinstance(error, OSError) and error.errno in _FULL


def _drop_output() -> None:
    """What is not written yet goes nowhere, or the interpreter complains at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _fail(sentence: str, code: int) -> int:
    line = " ".join(sentence.split())
    print(f"trifft-gorgias: {line}", file=sys.stderr)  # noqa: T201 - the line that an operator reads
    return code

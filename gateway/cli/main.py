"""Parses the command line, runs one command, and turns an error into one line and an exit code.

0: done. 1: the command could not do its work, or a check failed. 2: wrong usage or settings. 3: `check` itself could
not do its work.
"""

import asyncio
import errno
import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from cyclopts import App, Parameter
from cyclopts.exceptions import CycloptsError

from gateway.cli.errors import CommandError, UsageError
from runtime.settings import ConfigError
from runtime.version import VERSION

_EXIT_FAILED = 1
_EXIT_USAGE = 2
_EXIT_INTERRUPTED = 130
# Errors of writing the output that the command cannot correct.
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
# The module of each command or group. A module is loaded only when it is needed.
_COMMANDS = {
    "install": (
        "installation:install",
        "Install a widget, or bring it up to date. Safe to repeat.",
    ),
    "uninstall": ("installation:uninstall", "Remove what install has made in Gorgias. The shop itself stays."),
    "check": (
        "check:check",
        "Say why a widget is empty, and what to do; of one shop or all. Exit code 1 if a check fails.",
    ),
    "merchant": ("merchant:app", "Shops: one TRIFFT project each."),
    "member": ("member:app", "Members of a shop's loyalty programme."),
    "snapshot": ("snapshot:app", "Snapshots of members that are held between reads of TRIFFT."),
    "award": ("award.commands:app", "Points given by support."),
    "link": ("link:app", "Customers whom agents linked to a member."),
    "caller": ("caller:app", "Services that call the loyalty service with keys of their own."),
    "webhook": ("webhook:app", "TRIFFT's webhooks, which tell of changes of a member."),
}


def _say_default(value: object) -> str | None:
    """An option that is off or empty needs no words for it."""
    return None if value is None or value is False or value == () else str(value)


def make_app() -> App:
    app = App(
        name="trifft-gorgias",
        help="Installs and maintains the TRIFFT loyalty widget in Gorgias accounts.",
        version=VERSION,
        default_parameter=Parameter(show_default=_say_default),
    )
    for name, (path, about) in _COMMANDS.items():
        app.command(f"gateway.cli.{path}", name=name, help=about)
    return app


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command of `arguments`, or of the process. Returns the exit code."""
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # its log would mix with our one line
    if sys.stdout is None:  # the caller closed it
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - as long as the process
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that cannot show a character must not fail the command
    try:
        return asyncio.run(run(sys.argv[1:] if arguments is None else arguments))
    except KeyboardInterrupt:
        return _EXIT_INTERRUPTED
    except BrokenPipeError:
        _drop_output()
        return 0  # the reader (`head`, for example) wants no more


async def run(arguments: Sequence[str]) -> int:
    """Return the exit code. An error is one line on the standard error. Raises BrokenPipeError."""
    try:
        _check_text(arguments)
        code = await make_app().run_async(
            list(arguments), exit_on_error=False, print_error=False, result_action="return_value"
        )
        sys.stdout.flush()
    except CycloptsError as error:
        return _fail(f"{error} See --help.", _EXIT_USAGE)
    except (UsageError, ConfigError) as error:
        return _fail(str(error), _EXIT_USAGE)
    except BrokenPipeError:
        raise
    except Exception as error:  # noqa: BLE001 - the outermost boundary: an operator gets a line, not a traceback
        if _is_full(error):
            _drop_output()
        return _fail(_explain(error), error.code if isinstance(error, CommandError) else _EXIT_FAILED)
    return code if isinstance(code, int) else 0


def _check_text(arguments: Sequence[str]) -> None:
    """Refuse bytes that are not text in the locale's encoding: as lone surrogates they could not be sent."""
    for place, argument in enumerate(arguments, start=1):
        if not argument.isascii() and any("\ud800" <= character <= "\udfff" for character in argument):
            raise UsageError(
                f"argument {place} cannot be read as text: it must be UTF-8, and so must the locale (LC_ALL=C.UTF-8)"
            )


def _explain(error: Exception) -> str:
    if isinstance(error, CommandError):
        return str(error)
    if isinstance(error, OSError) and _is_full(error):
        return f"the output is incomplete, it could not be written: {error.strerror}"
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f" at {Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace else ""
    return f"internal error ({type(error).__name__}{place}): please report it"


def _is_full(error: Exception) -> bool:
    return isinstance(error, OSError) and error.errno in _FULL


def _drop_output() -> None:
    """Discard what is not written: otherwise the interpreter reports it at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _fail(sentence: str, code: int) -> int:
    line = " ".join(sentence.split())
    print(f"trifft-gorgias: {line}", file=sys.stderr)  # noqa: T201 - the line that an operator reads
    return code

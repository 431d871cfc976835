"""A file that is there whole, or not at all."""

import os
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from gateway.cli.errors import CommandError, UsageError

_PREFIX, _SUFFIX = ".trifft-gorgias-", ".part"


def check_new_file(path: Path, option: str, *, force: bool) -> None:
    """Whether open_new_file can begin. Raises UsageError."""
    if path.exists() and not path.is_file():
        raise UsageError(f"{option}: {path} is no regular file: name one, or - for the standard output")
    if path.exists() and not force:
        raise UsageError(f"{option}: there is a file {path} already: --force replaces it")
    if not path.resolve().parent.is_dir():
        raise UsageError(f"{option}: there is no folder {path.resolve().parent}")


@contextmanager
def open_new_file(path: Path, option: str, *, force: bool) -> Generator[TextIO]:
    """UTF-8 and of mode 0600, under its name as soon as the block ends; nothing is left of a block that fails.

    Raises UsageError and CommandError.
    """
    check_new_file(path, option, force=force)
    final = path.resolve()  # what a link names is replaced, not the link
    try:
        descriptor, temporary = tempfile.mkstemp(_SUFFIX, _PREFIX, final.parent)
        try:
            with open(descriptor, "w", encoding="utf-8", newline="") as file:  # noqa: PTH123 - a descriptor has no path
                yield file
                file.flush()
                os.fsync(descriptor)
            _move(temporary, final, force=force)
        finally:
            Path(temporary).unlink(missing_ok=True)
    except FileExistsError:
        raise UsageError(f"{option}: there is a file {path} now: --force replaces it") from None
    except OSError as error:
        raise CommandError(f"{option}: {path} cannot be written ({error.strerror or type(error).__name__})") from error


def _move(temporary: str, final: Path, *, force: bool) -> None:
    if force:
        os.replace(temporary, final)  # noqa: PTH105 - beside the next line
        return
    try:
        os.link(temporary, final)  # never over a file that was made meanwhile, as a rename would
    except FileExistsError:
        raise
    except OSError:
        os.rename(temporary, final)  # noqa: PTH104 - a file system without links

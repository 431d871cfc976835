"""A person's terminal, to which a command writes."""

import os
import pty
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TextIO


@contextmanager
def open_terminal() -> Iterator[tuple[TextIO, "Future[str]"]]:
    """Yield the command's end, and a list that gets all that was shown once that end is closed."""
    ours, theirs = pty.openpty()
    with ThreadPoolExecutor(1) as thread:
        shown = thread.submit(_read, ours)
        with os.fdopen(theirs, "w", encoding="utf-8") as screen:
            yield screen, shown


def _read(ours: int) -> str:
    """Read all that is shown, until every other holder has closed its end."""
    shown = b""
    while True:
        try:
            chunk = os.read(ours, 65_536)
        except OSError:  # Linux reports the end in this way
            chunk = b""
        if not chunk:
            os.close(ours)
            return shown.decode()
        shown += chunk

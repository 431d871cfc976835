"""How far a long command is: a bar for a person at a terminal, nothing for anybody else."""

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn

# How many are done; and where that is known, which part of the way this is, from 0 to 1.
Report = Callable[[int, float | None], None]


@contextmanager
def show_progress(noun: str, *, is_wanted: bool = True) -> Generator[Report]:
    """On the standard error, so that the output stays clean."""
    if not (is_wanted and sys.stderr.isatty()):
        yield lambda _count, _part: None
        return
    columns = (SpinnerColumn(), BarColumn(), TaskProgressColumn(), TextColumn("{task.description}"))
    with Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(f"0 {noun}", total=None)

        def report(count: int, part: float | None) -> None:
            bar.update(task, description=f"{count:,} {noun}", completed=part or 0, total=None if part is None else 1.0)

        yield report

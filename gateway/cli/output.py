"""The output of commands: lines and tables for people, JSON with stable keys for scripts."""

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Self

from rich import box
from rich.console import Console, ConsoleOptions
from rich.measure import Measurement
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from runtime.text import clean_line, close_lines, enclose

if TYPE_CHECKING:
    from google.protobuf.internal.enum_type_wrapper import _EnumTypeWrapper as EnumTypeWrapper

_PIPED_WIDTH = 200


class _Console(Console):
    """Shows text as it is: no markup, no emoji codes."""

    def __init__(self, *, width: int | None = None) -> None:
        super().__init__(markup=False, emoji=False, highlight=False, width=width)

    def on_broken_pipe(self) -> None:
        """Left to the command: the library would end the process with a failure."""
        raise BrokenPipeError


class _Folded:
    """A line that is folded if it is too long. Isolated text stays isolated in each piece."""

    def __init__(self, line: str) -> None:
        self._text = Text(line, overflow="fold")

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Text]:
        pieces = self._text.wrap(console, options.max_width, overflow="fold")
        yield from (Text(piece) for piece in close_lines(piece.plain.rstrip() for piece in pieces))

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        return Measurement.get(console, options, self._text)


def make_console() -> Console:
    """In a pipe lines are wide, so that each row is one line."""
    console = _Console()
    return console if console.is_terminal else _Console(width=_PIPED_WIDTH)


def print_line(text: str) -> None:
    make_console().print(clean_line(text), soft_wrap=True)


def print_hint(text: str) -> None:
    """Print to the standard error, so that a script that reads the output does not see it."""
    print(clean_line(text), file=sys.stderr)  # noqa: T201 - a line that a person reads


def print_json(value: object) -> None:
    print(json.dumps(value, indent=2))  # noqa: T201 - the output for scripts, escaped for any encoding


class JsonArray:
    """Prints an array item by item, so that a long one is never held as a whole. Use with `with`."""

    def __enter__(self) -> Self:
        self._before = "["
        return self

    def add(self, item: object) -> None:
        print(f"{self._before}\n  {json.dumps(item)}", end="")  # noqa: T201 - as print_json
        self._before = ","

    def __exit__(self, kind: type[BaseException] | None, *_exc: object) -> None:
        if kind is None:
            print("[]" if self._before == "[" else "\n]")  # noqa: T201 - as print_json


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(_Folded(enclose(clean_line(cell))) for cell in row))
    make_console().print(table)


def print_fields(fields: Iterable[tuple[str, str]]) -> None:
    """Print one record: a name and a value on each line. A value stands alone, so that it can be copied."""
    table = Table.grid(padding=(0, 2))
    table.add_column(overflow="fold")
    table.add_column(overflow="fold")
    for name, value in fields:
        table.add_row(name, _Folded(clean_line(value)))
    make_console().print(table)


def has_width(columns: int) -> bool:
    """Whether so many characters fit on a line."""
    return make_console().width >= columns


def print_blocks(blocks: Iterable[Sequence[str]]) -> None:
    """Print records where there is no room for a table: one line for each field, all but the first indented."""
    console = make_console()
    for head, *lines in blocks:
        console.print(_Folded(clean_line(head)))
        for line in lines:
            console.print(Padding(_Folded(clean_line(line)), (0, 0, 0, 2), expand=False))


def render_enum(kind: "EnumTypeWrapper[Any]", value: Any, prefix: str) -> str:  # noqa: ANN401 - a value of `kind`
    """The enum value for scripts, like "not_applied"; a number if only a newer loyalty service knows its name."""
    names = {number: name for name, number in kind.items()}
    return names.get(value, str(value)).removeprefix(prefix).lower()

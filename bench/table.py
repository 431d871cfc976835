"""A Markdown table that reads well in a terminal too."""

from collections.abc import Sequence


def render_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Render a padded table, with columns of figures aligned right."""
    widths = [max(len(cells[column]) for cells in (head, *rows)) for column in range(len(head))]
    is_figure = [all(cells[column][:1].isdigit() for cells in rows) for column in range(len(head))]

    def render(cells: Sequence[str]) -> str:
        padded = (
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(cells, widths, is_figure, strict=True)
        )
        return f"| {' | '.join(padded)} |"

    rule = (f"{'-' * (width - 1)}:" if right else "-" * width for width, right in zip(widths, is_figure, strict=True))
    return "\n".join([render(head), f"| {' | '.join(rule)} |", *map(render, rows)])

"""Checks as a table for people, and for scripts."""

from collections.abc import Iterable

from gateway.cli.output import print_table
from gateway.installation.checks import Check


def print_checks(title: str, checks: Iterable[Check]) -> None:
    rows = ((one.name, one.state.value, one.detail, one.advice) for one in checks)
    print_table((title, "state", "what was found", "what to do"), rows)


def render_checks(checks: Iterable[Check]) -> list[dict[str, str | None]]:
    """Checks for scripts."""
    return [
        {"name": one.name, "state": one.state.value, "detail": one.detail, "advice": one.advice or None}
        for one in checks
    ]

"""Checks as tables for people, as JSON for scripts, and as metrics for alerts."""

import time
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, Gauge, write_to_textfile

from gateway.cli.check_shop import ShopChecks
from gateway.cli.errors import CommandError
from gateway.cli.output import print_json, print_line, print_table
from gateway.installation.checks import WORST_FIRST, Check, CheckState, find_worst

_HEAD = ("state", "what was found")
# A check that is off cannot fail.
_VALUES = {
    CheckState.OK: 0,
    CheckState.OFF: 0,
    CheckState.WARNING: 1,
    CheckState.FAILED: 2,
    CheckState.UNKNOWN: 3,
}


def print_shop(shop: ShopChecks, *, as_json: bool) -> None:
    if as_json:
        print_json(_render_shop(shop))
        return
    if shop.mended is not None:
        for words in shop.mended or ("nothing that is stored could mend anything, so nothing was changed",):
            print_line(f"{shop.merchant_id}: {words}")
    print_checks(shop.merchant_id, shop.checks)


def print_shops(shops: Sequence[ShopChecks], *, as_json: bool) -> None:
    """Print one line for each shop, with its first finding of the worst state; and a line with the sums."""
    counts = Counter(shop.state for shop in shops)
    if as_json:
        state = find_worst(one for shop in shops for one in shop.checks).value
        sums = {one.value: counts[one] for one in WORST_FIRST}
        print_json({"state": state, "counts": sums, "shops": [_render_shop(shop) for shop in shops]})
        return
    print_table(("shop", *_HEAD), (_render_line(shop) for shop in shops))
    _print_advice((shop.merchant_id, found.advice) for shop in shops if (found := _find_first(shop)))
    words = ", ".join(f"{counts[state]} {state.value}" for state in WORST_FIRST)
    print_line(f"{len(shops)} {'shop' if len(shops) == 1 else 'shops'}: {words}")


def print_checks(title: str, checks: Sequence[Check]) -> None:
    print_table((title, *_HEAD), ((one.name, one.state.value, one.detail) for one in checks))
    _print_advice((one.name, one.advice) for one in checks)


def render_checks(checks: Iterable[Check]) -> list[dict[str, str | None]]:
    """Checks for scripts."""
    return [
        {"name": one.name, "state": one.state.value, "detail": one.detail, "advice": one.advice or None}
        for one in checks
    ]


def write_metrics(shops: Iterable[ShopChecks], path: Path) -> None:
    """Replace a file of Prometheus' text format, for the node exporter's folder of text files. Raises CommandError."""
    registry = CollectorRegistry()
    states = Gauge(
        "trifft_gorgias_check",
        "A check of a shop: 0 ok or off, 1 warning, 2 failed, 3 unknown.",
        ("shop", "check"),
        registry=registry,
    )
    for shop in shops:
        for one in shop.checks:
            states.labels(shop.merchant_id, one.name).set(_VALUES[one.state])
    done = Gauge("trifft_gorgias_check_time_seconds", "When all shops were checked, as UNIX time.", registry=registry)
    done.set(time.time())
    try:
        write_to_textfile(str(path), registry)
    except OSError as error:
        raise CommandError(f"--metrics: {path} cannot be written ({error.strerror})") from error


def _render_shop(shop: ShopChecks) -> dict[str, Any]:
    return {
        "merchant_id": shop.merchant_id,
        "state": shop.state.value,
        "mended": None if shop.mended is None else list(shop.mended),
        "checks": render_checks(shop.checks),
    }


def _render_line(shop: ShopChecks) -> tuple[str, ...]:
    mended = [f"mended: {'; '.join(shop.mended)}"] if shop.mended else []
    found = _find_first(shop)
    words = mended if found is None else [*mended, f"{found.name}: {found.detail}"]
    return shop.merchant_id, shop.state.value, ". ".join(words)


def _find_first(shop: ShopChecks) -> Check | None:
    """The first finding of the worst state; None: all is well."""
    return next((one for one in shop.checks if one.state is shop.state and shop.state is not CheckState.OK), None)


def _print_advice(advice: Iterable[tuple[str, str]]) -> None:
    """Outside the table: a cell would break a command into pieces, which cannot be pasted."""
    lines = [f"  {name}: {words}" for name, words in advice if words]
    for line in ["What to do:", *lines] if lines else ():
        print_line(line)

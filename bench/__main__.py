"""`make bench`: measures for about fifteen minutes, prints a table, and writes it to bench/results/."""

import argparse
import asyncio
import signal
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import msgspec

from bench.awards import QUICK_AWARDS, AwardScale, measure_awards
from bench.checks import MANY, QUICK_MANY, measure_checks
from bench.machine import read_machine
from bench.process import ProcessError
from bench.report import Report, make_report, render_report
from bench.rounds import QUICK, MeasureError, Scale, measure
from bench.snapshot_report import make_snapshot_report
from bench.snapshots import QUICK_SNAPSHOTS, SnapshotScale, measure_snapshots
from bench.stack import run_stack

_EXIT_STOPPED = 130
RESULTS = Path(__file__).parent / "results"


def main() -> int:
    """Return 0 if everything was measured, whatever the figures; 1, with the reason, if not."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a short run without useful figures")
    parser.add_argument("--widgets", action="store_true", help="only the widget's rows, printed and not kept")
    parser.add_argument("--results", type=Path, default=RESULTS, help="the folder for the report")
    arguments = parser.parse_args()
    quick, whole = (QUICK, QUICK_AWARDS, QUICK_SNAPSHOTS, QUICK_MANY), (Scale(), AwardScale(), SnapshotScale(), MANY)
    scales = quick if arguments.quick else whole
    try:
        report = asyncio.run(run(*scales, only_widgets=arguments.widgets))
    except (MeasureError, ProcessError, aiohttp.ClientError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    except (asyncio.CancelledError, KeyboardInterrupt):
        print("bench: stopped", file=sys.stderr)
        return _EXIT_STOPPED
    rendered = render_report(report)
    print(rendered)
    if arguments.widgets:
        return 0
    arguments.results.mkdir(parents=True, exist_ok=True)
    (arguments.results / f"{report.date}.md").write_text(rendered, encoding="utf-8")
    indented = msgspec.json.format(msgspec.json.encode(report), indent=2)
    (arguments.results / f"{report.date}.json").write_bytes(indented + b"\n")
    return 0


async def run(
    scale: Scale, award_scale: AwardScale, snapshot_scale: SnapshotScale, shops: int, *, only_widgets: bool
) -> Report:
    """Run the bench. `shops`: how many are checked at once.

    Raises MeasureError, ProcessError and aiohttp.ClientError. No process is left when it ends.
    """
    running = asyncio.current_task()
    if running is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, running.cancel)
    machine = read_machine()

    def note(progress: str) -> None:
        print(progress, file=sys.stderr)

    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        print("starting", file=sys.stderr)
        async with run_stack(Path(folder)) as stack:
            measured = await measure(stack, scale, note)
            body_bytes = len(stack.body)
        awards, snapshots, checks = None, None, None
        if not only_widgets:
            awards = await measure_awards(Path(folder), award_scale, note)
            snapshots = make_snapshot_report(
                await measure_snapshots(Path(folder), snapshot_scale, note), snapshot_scale
            )
            checks = await measure_checks(Path(folder), shops, note)
    date = f"{datetime.now(UTC):%Y-%m-%d}"
    return make_report(measured, awards, snapshots, checks, scale, machine, date=date, body_bytes=body_bytes)


if __name__ == "__main__":
    sys.exit(main())

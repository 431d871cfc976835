"""`make bench`: measures for about twenty-five minutes, prints a table, and writes it to bench/results/."""

import argparse
import asyncio
import signal
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import msgspec

from bench.awards import QUICK_AWARDS, AwardScale, measure_awards
from bench.channels.course import QUICK_CHANNELS, ChannelScale, measure_channels, run_channels_stack
from bench.channels.report import make_channels_report
from bench.checks import MANY, QUICK_MANY, measure_checks
from bench.machine import read_machine
from bench.process import ProcessError
from bench.report import Others, Report, make_report, render_report
from bench.rounds import QUICK, MeasureError, Scale, measure
from bench.snapshot_report import make_snapshot_report
from bench.snapshots import QUICK_SNAPSHOTS, SnapshotScale, measure_snapshots
from bench.stack import run_stack

_EXIT_STOPPED = 130
RESULTS = Path(__file__).parent / "results"


class Scales(msgspec.Struct, frozen=True, kw_only=True):
    """How much is measured of each part. `shops`: how many are checked at once."""

    widgets: Scale = Scale()
    awards: AwardScale = AwardScale()
    snapshots: SnapshotScale = SnapshotScale()
    channels: ChannelScale = ChannelScale()
    shops: int = MANY


QUICK_SCALES = Scales(
    widgets=QUICK, awards=QUICK_AWARDS, snapshots=QUICK_SNAPSHOTS, channels=QUICK_CHANNELS, shops=QUICK_MANY
)


def main() -> int:
    """Return 0 if everything was measured, whatever the figures; 1, with the reason, if not."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a short run without useful figures")
    parser.add_argument("--widgets", action="store_true", help="only the widget's rows, printed and not kept")
    parser.add_argument("--results", type=Path, default=RESULTS, help="the folder for the report")
    arguments = parser.parse_args()
    scales = QUICK_SCALES if arguments.quick else Scales()
    try:
        report = asyncio.run(run(scales, only_widgets=arguments.widgets))
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


async def run(scales: Scales, *, only_widgets: bool) -> Report:
    """Run the bench.

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
            measured = await measure(stack, scales.widgets, note)
            body_bytes = len(stack.body)
        others = None if only_widgets else await _measure_others(Path(folder), scales, note)
    date = f"{datetime.now(UTC):%Y-%m-%d}"
    return make_report(measured, others, scales.widgets, machine, date=date, body_bytes=body_bytes)


async def _measure_others(folder: Path, scales: Scales, note: Callable[[str], None]) -> Others:
    """All that is not the widget's speed, part by part."""
    awards = await measure_awards(folder, scales.awards, note)
    snapshots = await measure_snapshots(folder, scales.snapshots, note)
    (place := folder / "channels").mkdir()
    async with run_channels_stack(place) as stack:
        channels = await measure_channels(stack, scales.channels, note)
    return Others(
        awards=awards,
        snapshots=make_snapshot_report(snapshots, scales.snapshots),
        channels=make_channels_report(channels, scales.channels),
        checks=await measure_checks(folder, scales.shops, note),
    )


if __name__ == "__main__":
    sys.exit(main())

"""`python -m bench.channels`: customers without an e-mail, at a steady rate and in a burst, in about seven minutes."""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

import aiohttp

from bench.channels.course import QUICK_CHANNELS, ChannelScale, measure_channels, run_channels_stack
from bench.channels.report import ChannelsReport, make_channels_report, render_channels
from bench.process import ProcessError


def main() -> int:
    """Return 0 if everything was measured, whatever the figures; 1, with the reason, if not."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a short run without useful figures")
    scale = QUICK_CHANNELS if parser.parse_args().quick else ChannelScale()
    try:
        report = asyncio.run(run(scale))
    except (ProcessError, aiohttp.ClientError) as error:
        print(f"channels: {error}", file=sys.stderr)
        return 1
    print("\n\n".join(render_channels(report)))
    for aim in report.aims:
        print(f"- {aim.aim}: {aim.measured:.2f}, {'met' if aim.is_met else 'not met'}")
    return 0


async def run(scale: ChannelScale) -> ChannelsReport:
    """Raises ProcessError and aiohttp.ClientError."""

    def note(progress: str) -> None:
        print(progress, file=sys.stderr, flush=True)

    with tempfile.TemporaryDirectory(prefix="channels-") as folder:
        async with run_channels_stack(Path(folder)) as stack:
            return make_channels_report(await measure_channels(stack, scale, note), scale)


if __name__ == "__main__":
    sys.exit(main())

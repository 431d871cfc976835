"""`python -m bench.day`: a day of 200 shops in three minutes, with an hour without TRIFFT and one without the store."""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from bench.day.course import measure_day, run_day_stack
from bench.day.events import QUICK_DAY, DayScale
from bench.day.report import DayReport, make_day_report, render_day
from bench.process import ProcessError


def main() -> int:
    """Return 0 if TRIFFT answered no 429 and every widget was answered; 1 if not, or if it could not be measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=DayScale().seed, help="the seed of all random choices")
    parser.add_argument("--quick", action="store_true", help="a short run without useful figures")
    arguments = parser.parse_args()
    try:
        report = asyncio.run(run(QUICK_DAY if arguments.quick else DayScale(seed=arguments.seed)))
    except ProcessError as error:
        print(f"day: {error}", file=sys.stderr)
        return 1
    print("\n\n".join(render_day(report)))
    print()
    for name, count in report.counters.items():
        print(f"{name} {count}")
    return 0 if all(aim.is_met for aim in report.aims) else 1


async def run(scale: DayScale) -> DayReport:
    """Raises ProcessError."""

    def note(progress: str) -> None:
        print(progress, file=sys.stderr, flush=True)

    with tempfile.TemporaryDirectory(prefix="day-") as name:
        folder = Path(name)
        async with run_day_stack(folder, scale) as stack:
            return make_day_report(await measure_day(stack, scale, note), scale)


if __name__ == "__main__":
    sys.exit(main())

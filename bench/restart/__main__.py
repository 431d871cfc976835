"""`python -m bench.restart`: kills and restarts the loyalty service while widgets are requested."""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from bench.process import ProcessError
from bench.restart.course import QUICK_RESTART, RestartScale, measure_restarts
from bench.restart.report import make_restart_report, render_restarts


def main() -> int:
    """Return 0 if every widget was answered with a 200; 1 if not, or if it could not be measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a short run without useful figures")
    scale = QUICK_RESTART if parser.parse_args().quick else RestartScale()

    def note(progress: str) -> None:
        print(progress, file=sys.stderr, flush=True)

    with tempfile.TemporaryDirectory(prefix="restart-") as folder:
        try:
            report = make_restart_report(asyncio.run(measure_restarts(Path(folder), scale, note)))
        except ProcessError as error:
            print(f"restart: {error}", file=sys.stderr)
            return 1
    print("\n\n".join(render_restarts(report)))
    return 0 if all(aim.is_met for aim in report.aims) else 1


if __name__ == "__main__":
    sys.exit(main())

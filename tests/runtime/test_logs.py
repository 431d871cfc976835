"""What a log line may contain."""

import json
import subprocess
import sys

SCRIPT = """
import logging
import structlog
from runtime.logs import configure_logs

configure_logs("info")
for log in (structlog.get_logger(), logging.getLogger("asyncio")):
    try:
        raise ValueError("jana@example.com")
    except ValueError:
        log.exception("failed")
"""


def test_exceptions_are_logged_without_their_text() -> None:
    """This covers our own exceptions and those of libraries: their text may quote a person's data."""
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)  # noqa: S603 - ours
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert [(line["event"], line["error"]) for line in lines] == [("failed", "ValueError")] * 2
    assert "jana" not in done.stderr

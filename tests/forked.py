"""Real processes that start in a tenth of a second: forks of a process that has imported everything.

They differ from `python -m …` only in the interpreter's start: they have their own environment, folder, output and exit
code.
"""

import asyncio
import multiprocessing
import os
import pkgutil
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["tests.forked_preload"])


class Forked:
    """One process, with the methods of asyncio's. `pipes`: of its stdout and stderr."""

    def __init__(self, process: BaseProcess, pipes: list[tuple[asyncio.StreamReader, asyncio.ReadTransport]]) -> None:
        self._process = process
        self._code: int | None = None
        (self.stdout, self._stdout_pipe), (self.stderr, _) = pipes

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode if self._code is None else self._code

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal; do nothing if it has ended."""
        if self._process.pid is not None and self.returncode is None:
            with suppress(ProcessLookupError):  # it has ended, and its exit code will come
                os.kill(self._process.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def close_stdout(self) -> None:
        """Read no more of it."""
        self._stdout_pipe.close()

    async def wait(self) -> int:
        """Wait for its end; return the exit code."""
        if self._code is not None:
            return self._code
        loop, ended = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(self._process.sentinel, ended.set)
        try:
            await ended.wait()
        finally:
            loop.remove_reader(self._process.sentinel)
        self._process.join()
        self._code = self._process.exitcode
        assert self._code is not None
        return self._code

    async def communicate(self) -> tuple[bytes, bytes]:
        """Wait for its end; return the rest of its output."""
        out, errors = await asyncio.gather(self.stdout.read(), self.stderr.read())
        await self.wait()
        return out, errors


@asynccontextmanager
async def run_forked(
    main: str, *arguments: str, env: Mapping[str, str], cwd: Path | None = None
) -> AsyncIterator[Forked]:
    """`main`: "module:function", which returns the exit code. The process is killed at the end unless it has ended."""
    outputs = [_CONTEXT.Pipe(duplex=False) for _ in range(2)]
    theirs = [theirs for _, theirs in outputs]
    process = _CONTEXT.Process(target=_run, args=(main, arguments, dict(env), str(cwd or Path.cwd()), theirs))
    process.start()
    for end in theirs:
        end.close()
    pipes = [await _open_pipe(ours) for ours, _ in outputs]
    forked = Forked(process, pipes)
    try:
        yield forked
    finally:
        forked.kill()
        await forked.wait()
        process.close()
        for _, transport in pipes:
            transport.close()


async def _open_pipe(connection: Connection) -> tuple[asyncio.StreamReader, asyncio.ReadTransport]:
    reader = asyncio.StreamReader()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(os.dup(connection.fileno()), "rb", buffering=0)
    )
    connection.close()
    return reader, transport


def _run(main: str, arguments: tuple[str, ...], env: dict[str, str], cwd: str, outputs: list[Connection]) -> None:
    for number, output in enumerate(outputs, start=1):
        os.dup2(output.fileno(), number)
        output.close()
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - open until the end
    sys.stderr = open(2, "w", encoding="utf-8", closefd=False, buffering=1)  # noqa: SIM115 - open until the end
    os.environ.clear()
    os.environ.update(env)
    os.chdir(cwd)
    sys.argv[1:] = arguments
    sys.exit(pkgutil.resolve_name(main)())

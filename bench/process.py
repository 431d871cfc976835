"""Runs child processes."""

import asyncio
import math
import os
import random
import signal
import socket
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import ExitStack, asynccontextmanager, suppress
from pathlib import Path

HOST = "127.0.0.1"
# Below the ports that Linux and macOS use for outgoing connections.
_SERVER_PORTS = range(20_000, 32_000)
"""All processes of a run listen on this host."""
_START_S = 60.0
_DONE_S = 60.0
_STOP_S = 10.0
_POLL_S = 0.02
_LAST_CHARS = 1000
# Fields of /proc/PID/stat, counted after the name (proc(5)).
_USER_TICKS, _SYSTEM_TICKS = 11, 12
_OURS = ("LOYALTY_", "GATEWAY_", "SANDBOX_")


class ProcessError(Exception):
    """A process ended too early, or not in time. The message has the end of its output."""


class Process:
    """Its output goes to a file. It has its own process group, so that Ctrl-C in a terminal reaches only its parent."""

    def __init__(self, child: asyncio.subprocess.Process, log: Path) -> None:
        self._child = child
        self._log = log

    def read_log(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace")

    def read_cpu_s(self) -> float:
        """Its processor time; NaN if the system does not say (Linux does)."""
        try:
            fields = Path(f"/proc/{self._child.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        except OSError:
            return math.nan
        return (int(fields[_USER_TICKS]) + int(fields[_SYSTEM_TICKS])) / os.sysconf("SC_CLK_TCK")

    def read_resident_bytes(self) -> int:
        """Its resident memory, as Linux counts it; 0 if the system does not say."""
        try:
            fields = Path(f"/proc/{self._child.pid}/statm").read_text(encoding="ascii").split()
        except OSError:
            return 0
        return int(fields[1]) * os.sysconf("SC_PAGE_SIZE")

    async def wait(self, timeout_s: float = _DONE_S) -> None:
        """Wait until it has ended with code 0. Raises ProcessError."""
        try:
            await asyncio.wait_for(self._child.wait(), timeout_s)
        except TimeoutError:
            raise self._make_error("is not done yet") from None
        if self._child.returncode != 0:
            raise self._make_error(f"ended with {self._child.returncode}")

    async def wait_for_line(self, word: str) -> str:
        """Wait for the first line that has `word`. Raises ProcessError."""
        end_s = asyncio.get_running_loop().time() + _START_S
        while asyncio.get_running_loop().time() < end_s:
            is_running = self._child.returncode is None
            for line in self.read_log().splitlines():
                if word in line:
                    return line
            if not is_running:
                raise self._make_error(f"ended with {self._child.returncode}")
            await asyncio.sleep(_POLL_S)
        raise self._make_error(f"did not say {word!r} in time")

    async def stop(self) -> None:
        """Send SIGTERM, and SIGKILL if it does not end."""
        if self._child.returncode is not None:
            return
        self._child.terminate()
        try:
            await asyncio.wait_for(self._child.wait(), _STOP_S)
        except TimeoutError:
            self._child.kill()
            await self._child.wait()

    def pause(self) -> None:
        """Send SIGSTOP: it hangs until `resume`, and its connections stay open."""
        self._child.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._child.send_signal(signal.SIGCONT)

    async def kill(self) -> None:
        """Send SIGKILL."""
        if self._child.returncode is None:
            self._child.kill()
            await self._child.wait()

    def _make_error(self, what: str) -> ProcessError:
        return ProcessError(f"{self._log.stem} {what}: {self.read_log()[-_LAST_CHARS:].strip()}")


@asynccontextmanager
async def run_process(
    log: Path, module: str, *arguments: str, settings: Mapping[str, str], python: str = sys.executable
) -> AsyncIterator[Process]:
    """Run `python -m module`, and stop it at the end of the block. Of our own settings it gets only `settings`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
    with log.open("wb") as output:
        child = await asyncio.create_subprocess_exec(
            python,
            "-m",
            module,
            *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env={**kept, **settings},
            process_group=0,
        )
    process = Process(child, log)
    try:
        yield process
    finally:
        await process.stop()


def find_free_ports(count: int) -> list[int]:
    """Find ports for servers that are killed and restarted: free now, and never used for a client's connection."""
    found: list[int] = []
    with ExitStack() as stack:
        while len(found) < count:
            port = random.choice(_SERVER_PORTS)  # noqa: S311 - no secret
            one = stack.enter_context(socket.socket())
            with suppress(OSError):  # it is in use
                one.bind((HOST, port))
                found.append(port)
    return found

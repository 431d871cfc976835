"""Child processes that start together, are watched, and are all stopped at the end."""

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

STOP_S = 10.0
"""Each process drains within 8 s of SIGTERM."""
ROOT = Path(__file__).resolve().parent.parent
_POLL_S = 0.05
_LAST_LINES = 12
_BAD_SETTING = 2
_PR_SET_PDEATHSIG = 1


class ProcessEndedError(Exception):
    """A process ended by itself, with `code` if it is known. The message has the end of its log."""

    def __init__(self, message: str, code: int | None = None) -> None:
        super().__init__(message)
        self.code = code


class Process:
    """One running child in a process group of its own, so that Ctrl-C in a terminal reaches only its parent."""

    def __init__(self, name: str, child: asyncio.subprocess.Process, log: Path, log_start: int) -> None:
        """`log_start`: the bytes of the log that earlier starts wrote."""
        self.name = name
        self._child = child
        self._log = log
        self._log_start = log_start

    @classmethod
    async def start(cls, name: str, command: list[str], environment: Mapping[str, str], log: Path) -> "Process":
        """Start a process that appends its output to `log`. Raises OSError."""
        with os.fdopen(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as output:
            log_start = os.fstat(output.fileno()).st_size
            child = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=environment,
                cwd=ROOT,
                process_group=0,
                preexec_fn=_end_with_parent,
            )
        return cls(name, child, log, log_start)

    async def wait(self) -> None:
        """Wait for its end. Raises ProcessEndedError for another exit code than 0."""
        if await self._child.wait() != 0:
            raise ProcessEndedError(self._explain(), self._child.returncode)

    async def keep_running(self) -> None:
        """Watch the process: never returns. Raises ProcessEndedError."""
        await self._child.wait()
        raise ProcessEndedError(self._explain(), self._child.returncode)

    async def wait_until(self, is_ready: Callable[[], Awaitable[bool]]) -> None:
        """Raises ProcessEndedError."""
        while not (self._child.returncode is None and await is_ready()):
            if self._child.returncode is not None:
                raise ProcessEndedError(self._explain(), self._child.returncode)
            await asyncio.sleep(_POLL_S)

    async def stop(self) -> None:
        """Send SIGTERM, and after a time SIGKILL to the rest of its group."""
        if self._child.returncode is None:
            self._signal(signal.SIGTERM)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._child.wait(), STOP_S)
        self._signal(signal.SIGKILL)
        await self._child.wait()

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._child.pid, number)

    def _explain(self) -> str:
        with self._log.open("rb") as log:
            log.seek(self._log_start)
            lines = log.read().decode(errors="replace").strip().splitlines()
        if self._child.returncode == _BAD_SETTING and lines:
            return lines[-1]
        last = "".join(f"\n  {line}" for line in lines[-_LAST_LINES:])
        return f"{self.name} ended with exit code {self._child.returncode}; the end of {self._log}:{last}"


def _end_with_parent() -> None:
    """On Linux, a child gets SIGTERM when its parent is killed."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)

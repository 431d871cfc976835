"""Keeps the state of both stand-ins in one JSON file across restarts."""

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import msgspec
from aiohttp import web

WRITE_DELAY_S = 0.3
"""Changes within this time become one write."""


class StateFile:
    """The parts of the state by name. Without a path nothing is kept.

    A stand-in gets its kept state with `get_part`, and registers with `add_part` a function that encodes its present
    state as JSON. It calls `mark_changed` after each change.
    """

    def __init__(self, path: Path | None) -> None:
        """Raises OSError if folder or file cannot be used, msgspec.DecodeError if the file is not JSON."""
        if path and not os.access(path.parent, os.W_OK):
            raise PermissionError(f"the folder {path.parent} cannot be written")
        self._path = path
        self._encoders: dict[str, Callable[[], bytes]] = {}
        self._changed = asyncio.Event()
        self._kept: dict[str, msgspec.Raw] = {}
        if path and path.exists():
            self._kept = msgspec.json.decode(path.read_bytes(), type=dict[str, msgspec.Raw])

    def get_part(self, name: str) -> bytes | None:
        return bytes(self._kept[name]) if name in self._kept else None

    def add_part(self, name: str, encode: Callable[[], bytes]) -> None:
        self._encoders[name] = encode

    def mark_changed(self) -> None:
        self._changed.set()

    async def run(self) -> None:
        """Write after each burst of changes, until cancelled; then once more."""
        try:
            while True:
                await self._changed.wait()
                await asyncio.sleep(WRITE_DELAY_S)
                self._write_or_complain()
        finally:
            self._write_or_complain()

    def _write_or_complain(self) -> None:
        """Write, or print the error: a full disk must not stop the stand-ins, and the next change tries again."""
        try:
            self.write()
        except OSError as error:
            sys.stderr.write(f"SANDBOX_STATE_FILE: {self._path} cannot be written: {error.strerror}\n")

    def write(self) -> None:
        """Replace the file in one step, readable by its owner only. Raises OSError."""
        if not self._path or not self._changed.is_set():
            return
        self._changed.clear()
        content = msgspec.json.encode({name: msgspec.Raw(encode()) for name, encode in self._encoders.items()})
        draft = self._path.with_name(f"{self._path.name}.draft")
        draft.unlink(missing_ok=True)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self._path)

    async def keep(self, _app: web.Application) -> AsyncIterator[None]:
        """Write while the application runs and when it ends."""
        task = asyncio.create_task(self.run())
        yield
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

"""Runs the operator's command in this process, with its own settings, folder and output."""

import asyncio
import io
import json
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import chdir, redirect_stderr, redirect_stdout
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO
from unittest.mock import patch

from gateway.cli.main import run

COMMAND = Path(sys.executable).with_name("trifft-gorgias")
_TIMEOUT_S = 60.0
_IS_COMMAND = ContextVar("_IS_COMMAND", default=False)


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:  # noqa: ANN401 - any JSON
        return json.loads(self.out)


class Output(io.StringIO):
    """The command's output. Log lines of servers in this process go to `others`."""

    def __init__(self, others: TextIO) -> None:
        super().__init__(newline="")
        self._others = others

    def write(self, text: str) -> int:
        return super().write(text) if _IS_COMMAND.get() else self._others.write(text)


@dataclass(frozen=True)
class Operator:
    """Runs commands with these settings, one at a time; `folder` has the files that they name."""

    settings: dict[str, str]
    folder: Path
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    def write(self, name: str, text: str) -> str:
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return str(path)

    async def run(self, *arguments: str, **settings: str) -> Result:
        return await self._run(arguments, settings, None)

    async def run_at_terminal(self, screen: TextIO, *arguments: str) -> Result:
        """Run a command at a terminal; `screen` is its standard error."""
        return await self._run(arguments, {"TERM": "xterm"}, screen)

    async def _run(self, arguments: Sequence[str], settings: Mapping[str, str], screen: TextIO | None) -> Result:
        async with asyncio.timeout(_TIMEOUT_S), self.turn:
            out, err = Output(sys.stdout), Output(sys.stderr)
            is_command = _IS_COMMAND.set(True)
            with (
                patch.dict(os.environ, {**self.settings, **settings}),
                chdir(self.folder),
                redirect_stdout(out),
                redirect_stderr(screen or err),
            ):
                code = await run(arguments)
            _IS_COMMAND.reset(is_command)
        return Result(code, out.getvalue(), err.getvalue())

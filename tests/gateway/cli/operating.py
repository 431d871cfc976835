"""The operator's command as a process of its own, but for the interpreter's start."""

import asyncio
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.forked import run_forked

COMMAND = Path(sys.executable).with_name("trifft-gorgias")
_TIMEOUT_S = 60.0


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:  # noqa: ANN401 - any JSON
        return json.loads(self.out)


@dataclass(frozen=True)
class Operator:
    """Runs commands with these settings; `folder` is where the files that they name are."""

    settings: dict[str, str]
    folder: Path

    def write(self, name: str, text: str) -> str:
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return str(path)

    async def run(self, *arguments: str, **settings: str) -> Result:
        """Nothing of the environment of the tests goes along but the path."""
        environ = {"PATH": os.environ["PATH"], **self.settings, **settings}
        async with (
            asyncio.timeout(_TIMEOUT_S),
            run_forked("gateway.cli:main", *arguments, env=environ, cwd=self.folder) as process,
        ):
            out, err = await process.communicate()
            assert process.returncode is not None
            return Result(process.returncode, out.decode(), err.decode())

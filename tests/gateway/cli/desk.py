"""Commands about awards, run in this process with the scripted loyalty service."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from gateway.cli import main
from tests.gateway.cli.books import Books
from tests.gateway.cli.operating import Result


@dataclass(frozen=True)
class Desk:
    """`folder`: for files; `settings`: the command's."""

    books: Books
    folder: Path
    settings: dict[str, str]
    capsys: pytest.CaptureFixture[str]

    def run(self, *arguments: str) -> Result:
        code = main(arguments)
        captured = self.capsys.readouterr()
        return Result(code, captured.out, captured.err)

    def award(self, command: str, *arguments: str) -> Result:
        """Run an award command for the shop acme."""
        return self.run("award", command, "acme", *arguments)

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.deploy.launcher import Launcher


@pytest.fixture
def launch() -> Iterator[Callable[..., Launcher]]:
    launchers: list[Launcher] = []

    def start(folder: Path, **settings: str) -> Launcher:
        launchers.append(Launcher(folder, **settings))
        return launchers[-1]

    yield start
    for launcher in launchers:
        if launcher.child.poll() is None:
            launcher.stop(signal.SIGTERM)
        if launcher.child.stdout is not None:
            launcher.child.stdout.close()

"""The launcher as a separate process, on free ports, with its own folder."""

import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from deploy.stand_in import ask_json

ROOT = Path(__file__).resolve().parents[2]
PREFIXES = ("LOYALTY_", "GATEWAY_", "SANDBOX_")
PATIENCE_S = 120.0
LISTENS = ("LOYALTY_LISTEN", "LOYALTY_METRICS_LISTEN", "GATEWAY_LISTEN", "SANDBOX_LISTEN")


class Launcher:
    """`make run` without make. It gets only `settings`, none of the machine's."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder = folder
        self.child = subprocess.Popen(  # noqa: S603 - our own launcher
            [sys.executable, "-m", "deploy.local", "--var", str(folder)],
            cwd=ROOT,
            env=make_environment(**settings),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def read_until_ready(self) -> list[str]:
        """Read up to the line that says Ready, or all lines if it ends before."""
        lines: list[str] = []
        assert self.child.stdout is not None
        for line in self.child.stdout:
            lines.append(line.rstrip("\n"))
            if line.startswith("Ready"):
                break
        return lines

    def read_operators_command(self) -> str:
        """The operator's command, as printed after the line that says Ready."""
        assert self.child.stdout is not None
        return next(line.partition(": ")[2] for line in self.child.stdout if "Operator's command" in line)

    def read_to_end(self) -> tuple[int, list[str]]:
        output, _ = self.child.communicate(timeout=PATIENCE_S)
        return self.child.returncode, output.splitlines()

    def stop(self, number: signal.Signals = signal.SIGINT) -> int:
        self.child.send_signal(number)
        return self.read_to_end()[0]

    def end(self) -> None:
        """End it in any state, and close all its pipes."""
        self.child.kill()
        self.child.wait()
        if self.child.stdout is not None:
            self.child.stdout.close()


def make_environment(**settings: str) -> dict[str, str]:
    """Make an environment with free ports and `settings`, without the machine's own settings."""
    machine = {name: value for name, value in os.environ.items() if not name.startswith(PREFIXES)}
    return machine | dict.fromkeys(LISTENS, "127.0.0.1:0") | settings


def read_settings(folder: Path) -> dict[str, str]:
    words = shlex.split((folder / "settings.env").read_text(encoding="utf-8"))
    return dict(word.split("=", 1) for word in words)


def read_listens(folder: Path) -> dict[str, str]:
    settings = read_settings(folder)
    return {name: settings[name] for name in LISTENS}


def is_listening(listen: str) -> bool:
    host, _, port = listen.rpartition(":")
    with socket.socket() as client:
        return client.connect_ex((host, int(port))) == 0


def add_tag(launcher: Launcher, tag: str) -> None:
    """Add a tag to Jana's ticket, as an agent does at the page."""
    page = f"http://{read_settings(launcher.folder)['SANDBOX_LISTEN']}/sandbox/gorgias/acme/tickets/4711/events"
    ask_json("POST", page, body={"event": "add-tag", "value": tag})


def read_panel(launcher: Launcher) -> dict[str, Any]:
    """Read the panel in the sidebar of Jana's ticket; empty while there is no answer."""
    page = f"http://{read_settings(launcher.folder)['SANDBOX_LISTEN']}/sandbox/gorgias/acme/tickets/4711"
    [widget] = ask_json("GET", page)["widgets"]
    return (widget["held"] or {}).get("body") or {}


def wait_for_panel(launcher: Launcher) -> dict[str, Any]:
    """Raises TimeoutError if no answer comes."""
    end_s = time.monotonic() + PATIENCE_S
    while not (panel := read_panel(launcher)):
        if time.monotonic() > end_s:
            raise TimeoutError
        time.sleep(0.1)
    return panel


def read_widget_ids(launcher: Launcher) -> list[int]:
    """Read the widgets in the sidebar of Jana's ticket."""
    page = f"http://{read_settings(launcher.folder)['SANDBOX_LISTEN']}/sandbox/gorgias/acme/tickets/4711"
    return [widget["id"] for widget in ask_json("GET", page)["widgets"]]

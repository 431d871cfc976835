"""The whole product as `make run` starts it, on free ports, and a browser."""

import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from gateway.loyalty_client import LoyaltyClient
from sandbox.gorgias.variables import find_value
from tests.deploy.launcher import Launcher, read_settings
from tests.forked import run_forked

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_EVENT_S = 30.0

Panel = dict[str, Any]
"""What the gateway has answered for the sidebar."""

# A browser is faster than a person: otherwise two events within a second would correctly get one answer, and Gorgias
# would be asked too often. The time-outs are generous: a busy machine must not look like a TRIFFT that hangs.
FAST_AND_PATIENT = {
    "GATEWAY_MAX_STALENESS_S": "0.001",
    "GATEWAY_GORGIAS_REQUESTS": "100000",
    "GATEWAY_WIDGET_TIMEOUT_S": "20",
    "GATEWAY_READ_TIMEOUT_S": "18",
    "GATEWAY_ACTION_TIMEOUT_S": "30",
    "LOYALTY_READ_TIMEOUT_S": "16",
    "LOYALTY_AWARD_ANSWER_S": "20",
}


@dataclass(frozen=True)
class Stack:
    """A running `make run`: the page's address, and the settings of the processes and of the operator's command."""

    url: str
    settings: dict[str, str]

    @classmethod
    def of(cls, launcher: Launcher) -> "Stack":
        """Return the stack of a launcher that has said that it is ready."""
        settings = read_settings(launcher.folder)
        return cls(url=f"http://{settings['SANDBOX_LISTEN']}", settings=settings)

    def connect(self) -> LoyaltyClient:
        """Return a client of the loyalty service."""
        key = Path(self.settings["GATEWAY_LOYALTY_KEY_FILE"]).read_text().strip()
        return LoyaltyClient(self.settings["GATEWAY_LOYALTY_TARGET"], key)

    async def operate(self, *arguments: str) -> Any:  # noqa: ANN401 - JSON
        """Run `trifft-gorgias … --json`; return its output."""
        environ = {"PATH": os.environ["PATH"], **self.settings}
        async with run_forked("gateway.cli:main", *arguments, "--json", env=environ) as process:
            out, errors = await process.communicate()
        assert process.returncode == 0, errors
        return json.loads(out)

    def ask(self, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401 - JSON
        """Call the page's JSON API."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        request = Request(f"{self.url}/sandbox/{path}", data=data, headers=headers, method=method)  # noqa: S310 - the loopback
        with urlopen(request, timeout=20) as response:  # noqa: S310 - the loopback
            text = response.read()
        return json.loads(text) if text else None

    def look_up(self, account: str, ticket_id: int) -> Panel:
        """Fire a ticket event; return the panel that the sidebar then holds for the ticket's customer."""
        before = self._read_held(account, ticket_id)
        self.ask("POST", f"gorgias/{account}/tickets/{ticket_id}/events", {"event": "customer-message"})
        held = self._wait_for(lambda: self._read_held(account, ticket_id), lambda held: held != before)
        panel: Panel = held["body"]
        return panel

    def wait_for_panel(self, account: str, ticket_id: int, is_wanted: Callable[[Panel], bool]) -> Panel:
        """Wait until the sidebar holds the wanted panel of a ticket's customer, and return it."""
        held = self._wait_for(lambda: self._read_held(account, ticket_id), lambda held: is_wanted(held["body"]))
        panel: Panel = held["body"]
        return panel

    def wait_for_notes(self, account: str, ticket_id: int, holding: str, count: int) -> list[str]:
        """Wait for so many internal notes of a ticket with these words; return them, oldest first."""

        def read() -> list[str]:
            messages = self.ask("GET", f"gorgias/{account}/tickets/{ticket_id}")["messages"]
            texts = [message["text"] for message in messages if message["channel"] == "internal-note"]
            return [text for text in texts if holding in text]

        notes: list[str] = self._wait_for(read, lambda notes: len(notes) >= count)
        return notes

    def press(self, account: str, ticket_id: int, panel: Panel, button: str, **typed: str) -> str:
        """Press a button of this panel as the account's first agent, with these values by key; return the answer."""
        path = f"gorgias/{account}/tickets/{ticket_id}"
        [widget] = self.ask("GET", path)["widgets"]
        [shown] = [one for label, one in _list_buttons(widget["template"], panel, [], []) if label == button]
        body = shown | {"widget_id": widget["id"], "response": panel, "values": typed}
        return str(self.ask("POST", f"{path}/actions", body)["message"])

    def _read_held(self, account: str, ticket_id: int) -> Any:  # noqa: ANN401 - JSON
        [widget] = self.ask("GET", f"gorgias/{account}/tickets/{ticket_id}")["widgets"]
        return widget["held"]

    @staticmethod
    def _wait_for(read: Callable[[], Any], is_wanted: Callable[[Any], bool]) -> Any:  # noqa: ANN401 - JSON
        until = time.monotonic() + _EVENT_S
        while not is_wanted(seen := read()):
            assert time.monotonic() < until, seen
            time.sleep(0.02)
        return seen


def _list_buttons(
    node: dict[str, Any], scope: object, nodes: list[int], items: list[int]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """List the buttons that the page draws, with label and place."""
    if node["type"] in ("card", "list"):
        scope = find_value(scope, node.get("path") or "")
    shown = [(scope, items)]
    if node["type"] == "list":
        shown = [(item, [*items, index]) for index, item in enumerate(scope if isinstance(scope, list) else [])]
    for each, at in shown:
        for number, button in enumerate(find_value(node, "meta.custom.buttons") or []):
            yield button["label"], {"place": {"nodes": nodes, "items": at}, "button": number}
        for number, child in enumerate(node.get("widgets") or []):
            yield from _list_buttons(child, each, [*nodes, number], at)


@contextmanager
def run_stack(folder: Path) -> Iterator[Stack]:
    launcher = Launcher(folder, **FAST_AND_PATIENT)
    try:
        lines = launcher.read_until_ready()
        assert lines[-1].startswith("Ready"), lines
        yield Stack.of(launcher)
        assert launcher.stop() == 0
    finally:
        launcher.end()


def find_chromium() -> str | None:
    """Find the browser that `CHROMIUM` names, or one in the usual places."""
    named = os.environ.get("CHROMIUM")
    return named or next((path for name in CHROMIUM_NAMES if (path := shutil.which(name))), None)

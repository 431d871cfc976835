"""`make run` from outside: what it prints, what it leaves, what it keeps."""

import asyncio
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bench.process import find_free_ports
from tests.deploy.launcher import (
    LISTENS,
    PATIENCE_S,
    ROOT,
    Launcher,
    add_tag,
    is_listening,
    make_environment,
    read_listens,
    read_widget_ids,
    wait_for_panel,
)
from tests.end_to_end.stack import FAST_AND_PATIENT
from tests.forked import run_forked
from tests.proxies import VARIABLES

INSTALLING = "Installing the demo shops …"
PROXIES = [name for known in VARIABLES for name in (known, known.upper())]
NOWHERE = "http://127.0.0.1:9"


@dataclass(frozen=True, kw_only=True)
class Start:
    """A first start, seen to its end. `panel`: what the sidebar of a ticket showed meanwhile.

    `asked`: what the operator's command said after it. `modes`: of the files that it left.
    """

    folder: Path
    lines: list[str]
    widget_ids: list[int]
    panel: dict[str, Any]
    listens: dict[str, str]
    exit_code: int
    still_listening: list[str]
    asked: "subprocess.CompletedProcess[str]"
    modes: dict[Path, int]


@dataclass(frozen=True, kw_only=True)
class NextStart:
    """The start after that, killed. `refused`: another one meanwhile, of the same folder."""

    lines: list[str]
    widget_ids: list[int]
    refused: tuple[int, list[str]]


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Start:
    folder = tmp_path_factory.mktemp("local") / "kept 100%41 for Zoë's shop? #1"
    ports = zip(LISTENS, find_free_ports(len(LISTENS)), strict=True)  # the next starts listen there again
    settings = dict.fromkeys(PROXIES, NOWHERE) | {name: f"127.0.0.1:{port}" for name, port in ports}
    launcher = Launcher(folder, **settings)
    try:
        lines = launcher.read_until_ready()
        assert lines[-1].startswith("Ready"), lines
        listens, widget_ids = read_listens(folder), read_widget_ids(launcher)
        operators_command = launcher.read_operators_command()
        add_tag(launcher, "kept")
        panel = wait_for_panel(launcher)
        exit_code = launcher.stop(signal.SIGINT)
    finally:
        launcher.end()
    return Start(
        folder=folder,
        lines=lines,
        widget_ids=widget_ids,
        panel=panel,
        listens=listens,
        exit_code=exit_code,
        still_listening=[name for name, listen in listens.items() if is_listening(listen)],
        asked=ask_as_operator(operators_command),
        modes={path: stat.S_IMODE(path.stat().st_mode) for path in (folder, *folder.rglob("*"))},
    )


def ask_as_operator(printed: str) -> "subprocess.CompletedProcess[str]":
    """Run the command that a start has printed, by a shell, as it is printed for."""
    command = printed.replace(".venv/bin/", f"{Path(sys.executable).parent}/")
    environment = {"PATH": os.environ["PATH"]}
    return subprocess.run(command, shell=True, env=environment, capture_output=True, text=True, check=False)  # noqa: S602 - our own


@pytest.fixture(scope="module")
def next_start(first: Start) -> NextStart:
    """Its children have ended by themselves."""
    launcher = Launcher(first.folder, **first.listens)
    try:
        lines, widget_ids = launcher.read_until_ready(), read_widget_ids(launcher)
        refused = asyncio.run(run_to_end(first.folder))  # begun later, since the first one gets the folder
        launcher.stop(signal.SIGKILL)
    finally:
        launcher.end()
    end_s = time.monotonic() + PATIENCE_S
    while any(is_listening(listen) for listen in first.listens.values()):
        assert time.monotonic() < end_s
        time.sleep(0.05)
    return NextStart(lines=lines, widget_ids=widget_ids, refused=refused)


def test_first_start_installs_the_shops_and_leaves_nothing_running(first: Start) -> None:
    assert first.lines[0] == INSTALLING
    assert len(first.widget_ids) == 1
    assert (first.exit_code, first.still_listening) == (0, [])


def test_the_operators_command_can_be_copied_from_what_a_start_prints(first: Start) -> None:
    """It finds the shop's installation; that nothing runs any more is what it has to say about it."""
    assert (first.asked.returncode, first.asked.stderr) == (3, "")
    assert "Gorgias cannot be reached" in first.asked.stdout


def test_what_a_start_keeps_is_readable_by_its_owner_only(first: Start) -> None:
    modes = first.modes
    assert {modes[path] for path in modes if path.is_file()} == {0o600}
    assert modes[first.folder] == 0o700
    assert modes[first.folder / "secrets"] == 0o700


def test_databases_are_in_the_folder_whatever_its_name(first: Start) -> None:
    assert {path.name for path in first.folder.glob("*.db")} == {"loyalty.db", "gateway.db"}
    assert [path.name for path in first.folder.parent.iterdir()] == [first.folder.name]


def test_make_hands_the_folder_on_as_it_is_given(tmp_path: Path) -> None:
    """The launcher's stand-in prints what it was called with."""
    python = tmp_path / "python"
    python.write_text(f"#!{sys.executable}\nimport json, sys\nprint(json.dumps(sys.argv[1:]))\n", encoding="utf-8")
    python.chmod(0o755)
    folder = """/srv/50% of "Zoë's" `shop`? \\ #1 a=b&c"""
    command = ["make", "--silent", "--old-file=install", "run", f"BIN={tmp_path}", f"VAR={folder}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S603 - our Makefile
    assert json.loads(done.stdout) == ["-m", "deploy.local", "--var", folder]


def test_next_start_keeps_everything_and_is_the_only_one(first: Start, next_start: NextStart) -> None:
    """A second one of the same folder says so."""
    assert next_start.lines[0].startswith("Ready")
    assert next_start.widget_ids == first.widget_ids
    code, lines = next_start.refused
    assert code != 0
    assert lines == [
        f"VAR: the service in {first.folder} is already running: stop it first, or set VAR to another folder"
    ]


def test_start_needs_no_proxy_that_the_environment_names(first: Start) -> None:
    """Nobody listens there, and the widget shows the member all the same."""
    assert first.panel["status"] == "member"


@pytest.mark.usefixtures("next_start")
def test_start_repairs_what_the_helpdesk_has_lost(first: Start, kept_starts: list[Launcher]) -> None:
    """It is left running for the tests in the browser."""
    (first.folder / "sandbox.json").unlink()
    launcher = Launcher(first.folder, **first.listens, **FAST_AND_PATIENT)
    kept_starts.append(launcher)
    assert launcher.read_until_ready()[0] == INSTALLING
    assert len(read_widget_ids(launcher)) == 1


async def run_to_end(folder: Path, **settings: str) -> tuple[int, list[str]]:
    """A start that is refused, by a fork: its exit code and its lines."""
    environment = make_environment(**settings)
    async with run_forked("deploy.local:main", "--var", str(folder), env=environment, cwd=ROOT) as process:
        out, errors = await process.communicate()
        return await process.wait(), (out + errors).decode().splitlines()


async def test_a_refused_setting_is_the_one_line_of_its_process_and_ends_all(tmp_path: Path) -> None:
    """The stand-ins' process, which looks at its settings first."""
    code, lines = await run_to_end(tmp_path, SANDBOX_STATE_FILE=str(tmp_path / "no-folder" / "state.json"))
    assert code == 2
    assert len(lines) == 1
    assert lines[0].startswith("SANDBOX_STATE_FILE: ")
    assert not any(is_listening(listen) for listen in read_listens(tmp_path).values())


@pytest.mark.parametrize("name", LISTENS)
async def test_a_taken_port_is_one_line_that_names_the_setting(tmp_path: Path, name: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        code, lines = await run_to_end(tmp_path, **{name: listen})
    assert code != 0
    assert lines == [f"{name}: cannot listen on {listen} (Address already in use): set {name} to another one"]


@pytest.mark.parametrize("listen", ["8090", "127.0.0.1:", "127.0.0.1:http", "127.0.0.1:65536", "nowhere.invalid:1"])
async def test_a_bad_address_is_one_line_that_names_the_setting(tmp_path: Path, listen: str) -> None:
    code, lines = await run_to_end(tmp_path, SANDBOX_LISTEN=listen)
    assert code != 0
    assert len(lines) == 1
    assert lines[0].startswith("SANDBOX_LISTEN")


async def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    code, lines = await run_to_end(tmp_path / "file" / "kept")
    assert code != 0
    assert len(lines) == 1
    assert lines[0].startswith("VAR: ")


async def test_a_key_that_is_gone_is_named_instead_of_replaced(tmp_path: Path) -> None:
    """A new key could not read what the old one has encrypted."""
    (tmp_path / "gateway.db").touch()
    code, lines = await run_to_end(tmp_path)
    assert code != 0
    assert len(lines) == 1
    assert lines[0].startswith("GATEWAY_SECRET_KEYS_FILE: ")

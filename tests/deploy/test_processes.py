import os
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from deploy.processes import Process, ProcessEndedError

Start = Callable[[str], Coroutine[Any, Any, Process]]


@pytest.fixture(scope="module")
def _asyncio_loop_factory() -> None:
    """`make run` has Python's own event loop: the other one cannot start a process in a group of its own."""


@pytest.fixture
def start(tmp_path: Path) -> Start:
    async def start_script(script: str) -> Process:
        return await Process.start("scripted", [sys.executable, "-c", script], os.environ, tmp_path / "log")

    return start_script


async def test_process_that_ends_by_itself_is_explained_by_its_last_lines(start: Start) -> None:
    process = await start("print('first words'); print('last words'); raise SystemExit(3)")
    with pytest.raises(ProcessEndedError, match=r"(?s)scripted ended with exit code 3.*first words.*last words"):
        await process.keep_running()


async def test_log_of_an_earlier_start_is_kept_and_explains_nothing_of_this_one(start: Start, tmp_path: Path) -> None:
    await (await start("print('earlier words')")).wait()
    process = await start("print('last words'); raise SystemExit(3)")
    with pytest.raises(ProcessEndedError, match="last words") as caught:
        await process.keep_running()
    assert "earlier words" not in str(caught.value)
    assert (tmp_path / "log").read_text() == "earlier words\nlast words\n"


async def test_process_that_refuses_a_setting_is_explained_by_its_one_line(start: Start) -> None:
    process = await start("print('noise'); print('SETTING is bad'); raise SystemExit(2)")
    with pytest.raises(ProcessEndedError, match=r"\ASETTING is bad\Z"):
        await process.keep_running()


async def test_process_that_ends_before_it_is_ready_is_not_waited_for(start: Start) -> None:
    async def is_ready() -> bool:
        return False

    process = await start("raise SystemExit(1)")
    with pytest.raises(ProcessEndedError):
        await process.wait_until(is_ready)


async def test_stop_leaves_no_grandchild(start: Start, tmp_path: Path) -> None:
    """The grandchild holds the write end of a pipe: the pipe ends when nobody does any more."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    command = ["sh", "-c", "trap '' TERM; sleep 600"]
    process = await start(f"import subprocess; subprocess.run({command}, stdout=open({str(pipe)!r}, 'w'))")
    with pipe.open("rb") as reader:
        await process.stop()
        assert reader.read() == b""

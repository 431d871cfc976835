"""`make run`: the three processes on this machine, with two demo shops, until Ctrl-C."""

import argparse
import asyncio
import hashlib
import json
import os
import shlex
import signal
import sys
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from functools import partial
from http.client import HTTPException
from pathlib import Path
from typing import Any

from deploy.addresses import SettingError, render_reachable
from deploy.probes import is_ready
from deploy.processes import ROOT, Process, ProcessEndedError
from deploy.settings import LocalFolder, make_environment, render_settings
from deploy.stand_in import has_webhook, is_installed, list_shops

READY_S = 60.0
PROCESSES = {"loyalty_service": "LOYALTY_", "gateway": "GATEWAY_", "sandbox": "SANDBOX_"}
SETTINGS_FILE = "settings.env"
"""The operator's command reads this file."""
PROVISIONED_FILE = "provisioned"
EXIT_SETTING, EXIT_ENDED = 2, 1


def main() -> int:
    """Return 0 after Ctrl-C or SIGTERM; 2, with one line, if a setting must change; 1 if a process ended by itself."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--var", type=Path, default=ROOT / "var", help="the folder for all data")
    os.umask(0o077)
    try:
        return asyncio.run(run_until_signal(parser.parse_args().var))
    except SettingError as error:
        print(error, file=sys.stderr)
        return EXIT_SETTING
    except ProcessEndedError as error:
        print(error, file=sys.stderr)
        return EXIT_SETTING if error.code == EXIT_SETTING else EXIT_ENDED


async def run_until_signal(path: Path) -> int:
    """Raises SettingError and ProcessEndedError. No process runs any more when it returns or raises."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    serving, stopping = asyncio.create_task(serve(path)), asyncio.create_task(stop.wait())
    await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not serving.done():
        print("Stopping …", flush=True)
        serving.cancel()
    await asyncio.wait({serving})
    if not serving.cancelled():
        serving.result()
    return 0


async def serve(path: Path) -> None:
    """Run until cancelled. Raises SettingError and ProcessEndedError."""
    start_time = time.monotonic()
    folder = LocalFolder(path)
    settings = folder.make_settings(os.environ)
    is_new = not all((folder.path / name).exists() for name in (PROVISIONED_FILE, "loyalty.db", "gateway.db"))
    folder.write(SETTINGS_FILE, render_settings(settings))
    async with AsyncExitStack() as stack:
        processes = await start_processes(stack, folder, settings)
        watching = [asyncio.create_task(process.keep_running()) for process in processes.values()]
        stack.callback(lambda: [task.cancel() for task in watching])
        await race(asyncio.create_task(wait_ready(processes, settings, folder.path / "log")), watching)
        await race(asyncio.create_task(provision(stack, folder, settings, is_new=is_new)), watching)
        print_next_steps(folder.path, settings, time.monotonic() - start_time)
        await race(asyncio.create_task(asyncio.Event().wait()), watching)


async def race(work: "asyncio.Task[Any]", watching: "list[asyncio.Task[None]]") -> None:
    """Wait for `work`. Raises what it raises, and ProcessEndedError if a watched process ends before."""
    try:
        done, _ = await asyncio.wait({work, *watching}, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        work.cancel()


async def start_processes(
    stack: AsyncExitStack, folder: LocalFolder, settings: Mapping[str, str]
) -> dict[str, Process]:
    """Start all at once. The exit of `stack` stops all, then waits for them."""
    processes: dict[str, Process] = {}

    async def stop_all() -> None:
        await asyncio.gather(*(process.stop() for process in processes.values()))

    stack.push_async_callback(stop_all)
    for name, prefix in PROCESSES.items():
        environment = make_environment(os.environ, settings, prefix)
        command = [sys.executable, "-m", name]
        processes[name] = await Process.start(name, command, environment, folder.path / "log" / f"{name}.log")
    return processes


async def wait_ready(processes: Mapping[str, Process], settings: Mapping[str, str], logs: Path) -> None:
    """Wait until all are ready. Raises ProcessEndedError, also if that takes too long."""
    places = {
        "sandbox": f"http://{render_reachable(settings['SANDBOX_LISTEN'])}/healthz",
        "gateway": f"http://{render_reachable(settings['GATEWAY_LISTEN'])}/readyz",
        "loyalty_service": render_reachable(settings["LOYALTY_LISTEN"]),
    }
    try:
        async with asyncio.timeout(READY_S):
            for name, place in places.items():
                await processes[name].wait_until(partial(asyncio.to_thread, is_ready, place))
    except TimeoutError:
        raise ProcessEndedError(f"not ready after {READY_S:g} s: see {logs}") from None


async def provision(stack: AsyncExitStack, folder: LocalFolder, settings: Mapping[str, str], *, is_new: bool) -> None:
    """Add and install the demo shops, unless both this folder and the stand-in show that this was done."""
    sandbox_url = f"http://{render_reachable(settings['SANDBOX_LISTEN'])}"
    mark, are_installed = await asyncio.to_thread(inspect_shops, sandbox_url, settings)
    kept = folder.path / PROVISIONED_FILE
    if not is_new and are_installed and kept.read_text(encoding="utf-8") == mark:
        return
    print("Installing the demo shops …", flush=True)
    command = [sys.executable, "-m", "deploy.provision", sandbox_url]
    environment = make_environment(os.environ, settings, "GATEWAY_", "LOYALTY_")
    process = await Process.start("provision", command, environment, folder.path / "log" / "provision.log")
    stack.push_async_callback(process.stop)
    await process.wait()
    folder.write(PROVISIONED_FILE, mark)


def inspect_shops(sandbox_url: str, settings: Mapping[str, str]) -> tuple[str, bool]:
    """A text that names the shops and their URLs, and whether each shop of the stand-in has its widget and webhook."""
    try:
        shops = list_shops(sandbox_url)
        url = f"{settings['GATEWAY_PUBLIC_URL']}/"
        are_installed = all(
            is_installed(sandbox_url, shop, url) and has_webhook(sandbox_url, shop, url) for shop in shops
        )
    except (OSError, HTTPException, ValueError) as error:
        raise ProcessEndedError(f"sandbox does not say what is installed: {error}") from error
    names = ("LOYALTY_DATABASE_URL", "GATEWAY_DATABASE_URL", "GATEWAY_PUBLIC_URL")
    places = [settings.get(name, settings.get(f"{name}_FILE")) for name in names]
    marked = json.dumps([sandbox_url, shops, places], sort_keys=True)
    return hashlib.sha256(marked.encode()).hexdigest(), are_installed


def print_next_steps(folder: Path, settings: Mapping[str, str], seconds: float) -> None:
    command = ".venv/bin/trifft-gorgias check acme"
    # The command finds its settings only in var/, and only if the shell has none for the gateway.
    if folder != ROOT / "var" or any(name.startswith("GATEWAY_") for name in os.environ):
        command = f"(set -a; . {shlex.quote(str(folder / SETTINGS_FILE))}; {command})"
    page = f"http://{render_reachable(settings['SANDBOX_LISTEN'])}"
    print(
        f"Ready after {seconds:.1f} s: {page}",
        "  Open Jana's ticket and add a tag: her loyalty data appears in the sidebar. Then add points to it.",
        f"  Operator's command: {command}",
        "  Ctrl-C stops everything; the data is kept.",
        sep="\n",
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())

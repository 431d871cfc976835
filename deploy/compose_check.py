"""Builds the image, starts the containers without a registry, and checks that they show a member's widget.

Needs a running engine, `docker` and docker-compose 1.29. Removes everything again, the volumes too.
"""

import errno
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from deploy.probes import is_ready
from deploy.processes import ROOT
from deploy.stand_in import ask_json

COMPOSE = ["docker-compose", "-p", "trifft-gorgias-check", "-f", "deploy/docker-compose.offline.yml"]
IMAGE = "trifft-gorgias"
SERVICES = ("loyalty", "gateway", "sandbox")
PAGE = "http://127.0.0.1:28090"
LOYALTY = "127.0.0.1:25051"
METRICS = "http://127.0.0.1:25052/metrics"
WAIT_S = 60.0
# Runs in each container: prints the user, and whether the image's file system is read-only.
CONFINED = f"""
import os
try:
    open("/app/written", "w")
except OSError as error:
    print(os.getuid(), error.errno == {errno.EROFS})
"""


class CheckError(Exception):
    """A check failed; the message is a sentence."""


def main() -> int:
    try:
        run("docker", "build", "--network=host", "--quiet", "--tag", IMAGE, "--file", "deploy/Dockerfile", ".")
        with stack():
            check_first_start()
            check_restart()
    except (CheckError, subprocess.CalledProcessError) as error:
        print(f"containers: {error}", file=sys.stderr)
        return 1
    print("containers: the image builds; the stack starts, keeps its data and shows a member")
    return 0


@contextmanager
def stack() -> Iterator[None]:
    """Prints the services' last log lines if a check fails."""
    try:
        yield
    except BaseException:
        run(*COMPOSE, "logs", "--no-color", "--tail=30")
        raise
    finally:
        run(*COMPOSE, "down", "--volumes", "--timeout", "10")


def check_first_start() -> None:
    bring_up()
    for service in SERVICES:
        told = read(*COMPOSE, "exec", "-T", service, "python", "-c", CONFINED).split()
        if told[1:] != ["True"] or told[0] == "0":
            raise CheckError(f"{service} runs as user {told[0]}, read-only: {told[1:]}")
    if not read(*COMPOSE, "exec", "-T", "gateway", "trifft-gorgias", "--version"):
        raise CheckError("the operator's command does not say its version")
    if not is_ready(LOYALTY):
        raise CheckError("the loyalty service's health is not SERVING from outside")
    if not is_ready(METRICS):
        raise CheckError("the loyalty service shows no metrics")
    check_widget("first")


def check_restart() -> None:
    """Check that SIGTERM ends each process with code 0, and that installations and held answers are there again."""
    run(*COMPOSE, "stop")
    for service in SERVICES:
        container = read(*COMPOSE, "ps", "-q", service)
        code = read("docker", "inspect", "--format", "{{.State.ExitCode}}", container)
        if code != "0":
            raise CheckError(f"{service} was stopped and ended with exit code {code}")
    bring_up()
    check_widget("second")


def bring_up() -> None:
    """Start the stack and wait until the shops are installed."""
    run(*COMPOSE, "up", "--detach")
    code = read("docker", "wait", read(*COMPOSE, "ps", "-q", "provision"))
    if code != "0":
        raise CheckError(f"provision ended with exit code {code}")


def check_widget(tag: str) -> None:
    """Fire a ticket event through the helpdesk page's API, then check the ticket's sidebar. Raises CheckError."""
    ticket = f"{PAGE}/sandbox/gorgias/acme/tickets/4711"
    before = fetch_held(ticket)
    ask_json("POST", f"{ticket}/events", body={"event": "add-tag", "value": tag})
    deadline = time.monotonic() + WAIT_S
    while (held := fetch_held(ticket)) == before:
        if time.monotonic() > deadline:
            raise CheckError(f"a ticket event brought no widget within {WAIT_S:g} s")
        time.sleep(0.2)
    body = json.loads(held["body"]) if isinstance(held["body"], str) else held["body"]
    if body.get("status") != "member":
        raise CheckError(f"the widget of jana@example.com says {body.get('status')!r}, not 'member'")


def fetch_held(ticket: str) -> Any:  # noqa: ANN401 - JSON
    """The newest answer that the helpdesk holds for the ticket's customer, with its time; None without one."""
    return ask_json("GET", ticket)["widgets"][0]["held"]


def run(*command: str) -> None:
    subprocess.run(command, check=True, cwd=ROOT, env=make_environment())  # noqa: S603 - our own words


def read(*command: str) -> str:
    answer = subprocess.run(  # noqa: S603 - our own words
        command, check=True, cwd=ROOT, env=make_environment(), stdout=subprocess.PIPE, text=True
    )
    return answer.stdout.strip()


def make_environment() -> dict[str, str]:
    """Put Debian's `docker` first: it needs no plug-in to build, and fits Debian's docker-compose."""
    return os.environ | {"DOCKER_BUILDKIT": "1", "PATH": f"/usr/bin:{os.environ['PATH']}"}


if __name__ == "__main__":
    sys.exit(main())
